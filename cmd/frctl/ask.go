package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"frankenredis/heal"
	"frankenredis/recovery/damage"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

// askServer connects to the server that has the lock of root's sidecars. The password, if it needs one, is that of redis-cli:
// REDISCLI_AUTH.
func askServer(root string) (*conn, error) {
	path := filepath.Join(root, heal.Folder, heal.ServerFile)
	p, err := disk.ReadFile(disk.OS(), path, 4096)
	if err != nil {
		return nil, fmt.Errorf("another process looks after the sidecars in %s, and %s does not say where it is: %w", root, path, err)
	}
	network, address, _ := strings.Cut(strings.TrimSpace(string(p)), " ")
	c, err := dial(network, address)
	if err != nil {
		return nil, fmt.Errorf("another process looks after the sidecars in %s: %w", root, err)
	}
	if auth := os.Getenv("REDISCLI_AUTH"); auth != "" {
		if _, err := c.do("AUTH", auth); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", address, err), c.Close())
		}
	}
	return c, nil
}

// scrubStatus is FR.SCRUB STATUS.
func scrubStatus(c *conn) (fields map[string]any, err error) {
	r, err := c.do("FR.SCRUB", "STATUS")
	if err != nil {
		return nil, err
	}
	return pairs(r), nil
}

func pairs(r any) map[string]any {
	fields := map[string]any{}
	list, _ := r.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if name, ok := list[i].(string); ok {
			fields[name] = list[i+1]
		}
	}
	return fields
}

// extentThere is what a server says that damaged bytes hold; nil: nothing.
func extentThere(f map[string]any) *damage.Extent {
	kind, ok := f["kind"].(string)
	if !ok {
		return nil
	}
	number := func(f map[string]any, name string) int64 {
		n, _ := f[name].(int64)
		return n
	}
	e := &damage.Extent{Kind: damage.Kind(kind), MoreKeys: number(f, "more-keys"), UnnamedKeys: number(f, "unnamed-keys")}
	if p := f["positions"]; p != "none" {
		e.LSN = &damage.Positions{From: wal.LSN(number(f, "from-lsn")), To: wal.LSN(number(f, "to-lsn")), State: p == "state", AtMost: p == "at most"}
	}
	unread, _ := f["unread"].([]any)
	for _, g := range unread {
		f := pairs(g)
		e.Unread = append(e.Unread, heal.Range{Pos: number(f, "pos"), Bytes: number(f, "bytes")})
	}
	keys, _ := f["keys"].([]any)
	for _, k := range keys {
		f := pairs(k)
		name, _ := f["key"].(string)
		e.Keys = append(e.Keys, damage.Key{DB: int(number(f, "db")), Name: []byte(name), Doubtful: number(f, "doubtful") == 1,
			DoubtfulDB: number(f, "doubtful-db") == 1})
	}
	others, _ := f["other"].([]any)
	for _, o := range others {
		text, _ := o.(string)
		e.Other = append(e.Other, text)
	}
	return e
}

// scrubThere has the server that holds the lock do a scrub or a repair, waits for its end, and prints what is damaged then.
func scrubThere(cmd *cobra.Command, root, name string, o *healOptions) error {
	c, err := askServer(root)
	if err != nil {
		return err
	}
	defer c.Close()
	before, err := scrubStatus(c)
	if err != nil && strings.HasPrefix(err.Error(), "NOAUTH") {
		return fmt.Errorf("%s: %w Give the password in REDISCLI_AUTH.", c.RemoteAddr(), err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.RemoteAddr(), err)
	}
	request := []string{"FR.SCRUB", "START"}
	if o.repairs {
		if request[1] = "REPAIR"; name != "." {
			request = append(request, fileAt(root, name))
		}
	}
	if _, err := c.do(request...); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "the server at %s does it, which has the files open\n", c.RemoteAddr())
	var after map[string]any
	for {
		if after, err = scrubStatus(c); err != nil {
			return err
		}
		if after["scrubbing"] == int64(0) && after["waiting"] == int64(0) && after["naming"] == int64(0) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	worst := exitClean
	if after["files-repaired"] != before["files-repaired"] || after["sidecars-made-anew"] != before["sidecars-made-anew"] {
		worst = exitRepaired
	}
	damaged, _ := after["damaged"].([]any)
	for _, d := range damaged {
		f := pairs(d)
		e := healEvent{Note: "reported by the server", Exit: exitDamaged}
		e.Name, _ = f["file"].(string)
		if rel, err := filepath.Rel(root, e.Name); err == nil {
			e.Name = filepath.ToSlash(rel)
		}
		state, _ := f["state"].(string)
		e.State = heal.State(state)
		cells, _ := f["cells"].(int64)
		if e.Cells = int(cells); e.State == heal.Beyond {
			e.Exit = exitCorrupt
		}
		e.Concerns = extentThere(f)
		worst = max(worst, e.Exit)
		if err := e.print(cmd, o.json); err != nil {
			return err
		}
	}
	count := func(name string) int64 {
		b, _ := before[name].(int64)
		n, _ := after[name].(int64)
		return n - b
	}
	if !o.json {
		fmt.Fprintf(cmd.OutOrStdout(), "%d repaired, %d sidecars made anew, %d files damaged\n", count("files-repaired"), count("sidecars-made-anew"), len(damaged))
	}
	if worst != exitClean {
		return statusError(worst)
	}
	return nil
}
