package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"frankenredis/heal"
	"frankenredis/recovery/damage"
	"frankenredis/wal/disk"
	"frankenredis/wire/command"
)

// healOptions are the flags of protect, verify, scrub and repair.
type healOptions struct {
	root, profile, keyFile string
	json, cut, forget      bool
	repairs, scrubs        bool // the subcommand's work, which a running server can be asked for
}

const healStatus = `
Exit status: 0 all clean; 1 something was repaired; 2 something is damaged, and can be repaired or looked after; 3 something is
beyond repair; 4 wrong command line, a file that could not be read or written, or one that is not covered.`

// exitRepaired is what scrub and repair say when everything is clean now and was not before.
const exitRepaired = 1

func newProtect() *cobra.Command {
	o := &healOptions{}
	cmd := &cobra.Command{
		Use:   "protect FILE|DIR",
		Short: "Cover files by sidecars that find damage and repair it",
		Long: `protect writes a sidecar for a file, or for each file in a folder and below, into the folder heal beside it. The file may be
anyone's, such as the dump.rdb of a stock Redis; it is not changed. A file covered before is covered anew, as it is now, unless it is damaged
and can be repaired. Files that a
process has open for writing are left out. Files that the folder's catalog names and that are gone stay in it until --forget.
` + healStatus,
		Example: `  frctl protect /var/lib/redis/dump.rdb
  frctl protect --profile 16+8 /backup`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runHeal(cmd, args[0], o, true, protectOne) },
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.profile, "profile", "64+8", "data and parity shards a stripe: 64+4, 64+8 or 16+8")
	cmd.Flags().BoolVar(&o.forget, "forget", false, "take the files out of the catalog instead")
	return cmd
}

func newVerify() *cobra.Command {
	o := &healOptions{}
	cmd := &cobra.Command{
		Use:   "verify FILE|DIR",
		Short: "Read covered files and their sidecars, and tell what is damaged",
		Long: `verify reads every byte of the covered files and of their sidecars and changes nothing. It names the damaged ranges, whether they can
be repaired, and how many bytes in a row each stripe could lose; and what stands in them: positions of the stream, and keys. Of what can be
repaired that is exact. Of what is beyond repair a name with a question mark was read from bytes that may be changed ones, and "unread" are
bytes of which no name is left.
` + healStatus,
		Example: `  frctl verify --json /var/lib/redis`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return runHeal(cmd, args[0], o, false, verifyOne) },
	}
	o.flags(cmd)
	return cmd
}

func newScrub() *cobra.Command {
	o := &healOptions{scrubs: true}
	cmd := &cobra.Command{
		Use:   "scrub FILE|DIR",
		Short: "Verify covered files and repair what is damaged",
		Long: `scrub is verify, and then repairs what is within the budget, files and sidecars. It only reports damage in manifests,
configuration and ACL files, which people edit, and bytes behind the covered ones. An RDB file that is not the covered one and whose
own checksum is right was put there by somebody: it is covered anew, never changed back. Where a server looks after the sidecars, it is
asked to (FR.SCRUB START), which only reports unless its mode is hardened.
` + healStatus,
		Example: `  frctl scrub /var/lib/redis`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return runHeal(cmd, args[0], o, true, scrubOne) },
	}
	o.flags(cmd)
	return cmd
}

func newRepair() *cobra.Command {
	o := &healOptions{repairs: true}
	cmd := &cobra.Command{
		Use:   "repair FILE|DIR",
		Short: "Bring damaged files back to what their sidecars say",
		Long: `repair brings covered files back, bit for bit, or changes nothing. Damaged cells are overwritten where they stand, after what stands there
is durable in heal/quarantine, and read again; so a repair costs what reading the file costs, and one that is cut short goes on when it is run
again. A file that lacks bytes is written beside the old one, read again, compared with the catalog, and takes its place by rename, or is mended in
place where there is no room for a second one. Files that another process has
open are refused, unless that is the server that looks after the sidecars: then it is asked to (FR.SCRUB REPAIR; its password in
REDISCLI_AUTH). Bytes behind the covered ones stay, unless --cut moves them to the quarantine. The manifest of an append-only file is made anew from
its companion, with a sidecar or without; what was there is kept in the quarantine beside it.
` + healStatus,
		Example: `  frctl repair /var/lib/redis/dump.rdb`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if done, err := repairManifest(cmd, args[0], o); done || err != nil {
				return err
			}
			return runHeal(cmd, args[0], o, true, repairOne)
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.cut, "cut", false, "move bytes behind the covered ones to the quarantine")
	return cmd
}

func (o *healOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.root, "root", "", "the folder whose heal folder holds the sidecars, for a file outside of it too; default: the nearest that has one")
	f.StringVar(&o.keyFile, "key-file", "", "a file of at least 16 bytes that keys the digests")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line")
}

// locate finds the root that covers path and the name of path below it ("." for all of it).
func (o *healOptions) locate(path string) (root, name string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return "", "", err
	}
	if root = o.root; root == "" {
		dir := path
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			dir = filepath.Dir(path)
		}
		root = dir
		for _, r := range []string{dir, filepath.Dir(dir)} {
			if _, err := os.Stat(filepath.Join(r, heal.Folder, "catalog.0")); err == nil {
				root = r
				break
			}
		}
	}
	if root, err = filepath.Abs(root); err != nil {
		return "", "", err
	}
	if name, err = filepath.Rel(root, path); err != nil {
		return "", "", err
	}
	name = filepath.ToSlash(name)
	if !fs.ValidPath(name) {
		if o.root == "" {
			return "", "", fmt.Errorf("%s is not below %s", path, root)
		}
		name = filepath.ToSlash(path) // a server's configuration may lie anywhere
	}
	return root, name, nil
}

// fileAt is where the file of that name lies.
func fileAt(root, name string) string {
	if name = filepath.FromSlash(name); filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(root, name)
}

// healOne does a subcommand's work on one file.
type healOne func(s *heal.Store, root, name string, o *healOptions) (healEvent, error)

// healEvent is what is said of one file.
type healEvent struct {
	heal.Report
	Concerns *damage.Extent `json:"concerns,omitempty"` // what the damaged bytes hold
	Note     string         `json:"note,omitempty"`
	Error    string         `json:"error,omitempty"`
	Exit     int            `json:"exit"`
}

func runHeal(cmd *cobra.Command, path string, o *healOptions, write bool, one healOne) error {
	root, name, err := o.locate(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(root); err != nil {
		return err
	}
	opts := heal.Options{FS: disk.OS(), Root: root, Allow: allowRepair, Finish: heal.KeepOwner}
	if o.profile != "" {
		if n, err := fmt.Sscanf(o.profile, "%d+%d", &opts.Profile.K, &opts.Profile.M); n != 2 || err != nil {
			return fmt.Errorf("--profile %s: there are 64+4, 64+8 and 16+8", o.profile)
		}
	}
	if o.keyFile != "" {
		if opts.Key, err = heal.ReadKey(opts.FS, o.keyFile); err != nil {
			return err
		}
	}
	var bar *progress
	opts.Progress = func(_ string, pos, size int64) {
		if bar == nil || bar.size != size {
			bar = newProgress(cmd.ErrOrStderr(), size)
			bar.unit = "MiB"
		}
		bar.show(pos, pos>>20)
	}
	if !o.covers() { // protect alone makes the folder
		if _, err := os.Stat(filepath.Join(root, heal.Folder)); errors.Is(err, fs.ErrNotExist) {
			return o.uncovered(root, name)
		}
	}
	s, err := heal.Open(opts, write)
	if errors.Is(err, disk.ErrLocked) && (o.repairs || o.scrubs) {
		return scrubThere(cmd, root, name, o)
	}
	if errors.Is(err, disk.ErrLocked) && write {
		return fmt.Errorf("%w; a server that runs there covers what it writes by itself, which FR.SCRUB STATUS tells of", err)
	}
	worst := exitClean
	if errors.Is(err, heal.ErrCatalog) && write {
		s, err = heal.Rebuild(opts)
		worst = exitRepaired
	} else if errors.Is(err, heal.ErrCatalog) {
		return fmt.Errorf("%w; frctl scrub makes it anew from the sidecars", err)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	names, err := o.names(s, root, name)
	if err != nil {
		return err
	}
	if s.CatalogDamaged() > 0 {
		worst = exitDamaged
		if write {
			if _, err := s.MendCatalog(); err != nil {
				return err
			}
			worst = exitRepaired
		}
	}
	for _, n := range names {
		e, err := one(s, root, n, o)
		e.Name = n
		if err != nil {
			e.Error = err.Error()
			if e.Exit = exitUsage; errors.Is(err, heal.ErrBeyond) {
				e.Exit = exitCorrupt
			}
		}
		if e.State == heal.Damaged || e.State == heal.Beyond {
			var unnamed error
			if e.Concerns, unnamed = damage.Of(s, opts.FS, root, e.Report, damage.Options{Keys: command.Table().KeyPositions}); unnamed != nil {
				e.Error = joined(e.Error, fmt.Sprintf("what the damaged bytes hold cannot be told: %v", unnamed))
			}
		}
		worst = max(worst, e.Exit)
		if bar != nil {
			bar.clear()
			bar = nil
		}
		if err := e.print(cmd, o.json); err != nil {
			return err
		}
	}
	if write { // what crashes, of repairs too, have left: nobody else may be looking after this folder
		never := func(string) bool { return false }
		if _, err := s.Sweep(never, never); err != nil {
			return err
		}
	}
	if worst != exitClean {
		return statusError(worst)
	}
	return nil
}

// covers says that sidecars are to be made of what has none.
func (o *healOptions) covers() bool { return o.profile != "" && !o.forget }

// uncovered says that no sidecar belongs to what was asked for, or that it is not there in the first place.
func (o *healOptions) uncovered(root, name string) error {
	path := fileAt(root, name)
	if _, err := os.Lstat(path); err != nil {
		return fmt.Errorf("%w, and %w", err, heal.ErrUncovered)
	}
	return fmt.Errorf("%s: %w; frctl protect covers it", path, heal.ErrUncovered)
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// names are the files a subcommand works on.
func (o *healOptions) names(s *heal.Store, root, name string) (names []string, err error) {
	prefix := name + "/"
	if name == "." {
		prefix = ""
	}
	for _, n := range s.Names() {
		if n == name || strings.HasPrefix(n, prefix) {
			names = append(names, n)
		}
	}
	if !o.covers() {
		if len(names) == 0 {
			return nil, o.uncovered(root, name)
		}
		return names, nil
	}
	names = nil
	top := fileAt(root, name)
	err = filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && d.Name() == heal.Folder:
			return filepath.SkipDir
		case d.Type().IsRegular() && !strings.HasSuffix(p, ".tmp"):
			names = append(names, s.NameOf(p))
		}
		return nil
	})
	return names, err
}

func (e healEvent) print(cmd *cobra.Command, asJSON bool) error {
	w := cmd.OutOrStdout()
	if asJSON {
		return json.NewEncoder(w).Encode(e)
	}
	if e.Error != "" {
		fmt.Fprintf(w, "%-10s %s\n", "ERROR", e.Error)
	}
	if e.State == "" {
		if e.Error == "" {
			fmt.Fprintf(w, "%-10s %s\n", e.Note, e.Name)
		}
		for _, q := range e.Quarantine {
			fmt.Fprintf(w, "%-10s %s\n", "  kept", q)
		}
		return nil
	}
	fmt.Fprintf(w, "%-10s %s, %d bytes", e.State, e.Name, e.Size)
	if e.Found != e.Size {
		fmt.Fprintf(w, ", found %d", e.Found)
	}
	fmt.Fprintf(w, ", %s, each stripe can lose %d bytes in a row", count(int64(e.Cells), "damaged cell"), e.Budget)
	if e.Note != "" {
		fmt.Fprintf(w, ": %s", e.Note)
	}
	fmt.Fprintln(w)
	for _, x := range []struct {
		word   string
		ranges []heal.Range
		more   string
	}{{"damaged", e.Bad, ""}, {"LOST", e.Lost, ""}, {"unproven", e.Unproven, ": their copies are lost"}} {
		for i, g := range x.ranges {
			if i == 10 {
				fmt.Fprintf(w, "%-10s %d more\n", "", len(x.ranges)-i)
				break
			}
			fmt.Fprintf(w, "%-10s bytes %d to %d%s\n", "  "+x.word, g.Pos, g.Pos+g.Bytes, x.more)
		}
	}
	if x := e.Concerns; x != nil {
		const keys, others = 20, 10
		if x.LSN != nil {
			fmt.Fprintf(w, "%-10s %s\n", "  stream", x.LSN)
		}
		if text := x.KeysText(keys); text != "" {
			fmt.Fprintf(w, "%-10s %s\n", "  keys", text)
		}
		if text := x.UnreadText(); text != "" {
			fmt.Fprintf(w, "%-10s %s\n", "  unread", text)
		}
		for i, text := range x.Other {
			if i == others {
				fmt.Fprintf(w, "%-10s %d more\n", "", len(x.Other)-i)
				break
			}
			fmt.Fprintf(w, "%-10s %s\n", "  also", text)
		}
	}
	for _, q := range e.Quarantine {
		fmt.Fprintf(w, "%-10s %s\n", "  kept", q)
	}
	return nil
}
