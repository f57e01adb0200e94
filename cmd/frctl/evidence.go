package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"frankenredis/recovery/ledger"
	"frankenredis/wal/disk"
)

func newEvidence() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "evidence",
		Short: "Show and verify the ledger of what a server decided about its data",
		Long: `evidence reads the ledger a server keeps in its data directory (dir/ledger): what each start saw, decided and changed on
disk, what went wrong while it ran, and what hardened mode refused at its doors. Each record is chained to the one before by a hash. It
may be used while the server runs. DIR is the data directory or the ledger's own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEvidenceShow(), newEvidenceVerify(), newEvidenceTail())
	return cmd
}

// evidenceFilter says which records are wanted.
type evidenceFilter struct {
	json     bool
	long     bool
	since    string
	rule     int
	reason   string
	decision string
	threat   string
	artifact string
	seq      uint64

	from time.Time // since, as an instant
}

func (f *evidenceFilter) flags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.json, "json", false, "print the records as they stand in the ledger, one JSON object a line")
	fl.BoolVar(&f.long, "long", false, "print digests and replay commands too")
	fl.StringVar(&f.since, "since", "", "not before this instant (RFC 3339), or so long ago (90m, 24h)")
	fl.IntVar(&f.rule, "rule", 0, "of the rule with this number")
	fl.StringVar(&f.reason, "reason", "", "with this reason code")
	fl.StringVar(&f.decision, "decision", "", "with this decision: accept, refuse, cut, quarantine, ...")
	fl.StringVar(&f.threat, "threat", "", "of this threat class")
	fl.StringVar(&f.artifact, "artifact", "", "about files whose name has this in it")
	fl.Uint64Var(&f.seq, "seq", 0, "from this record on")
}

// prepare reads the flags that need reading.
func (f *evidenceFilter) prepare() error {
	if f.since == "" {
		return nil
	}
	if ago, err := time.ParseDuration(f.since); err == nil {
		f.from = time.Now().Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339, f.since)
	if err != nil {
		return fmt.Errorf("--since %q is neither an instant such as 2024-05-01T12:00:00Z nor a duration such as 24h", f.since)
	}
	f.from = at
	return nil
}

func (f *evidenceFilter) wants(r *ledger.Record) bool {
	return r.Seq >= f.seq && !r.Time.Before(f.from) && (f.rule == 0 || r.Rule == f.rule) && (f.reason == "" || r.Reason == f.reason) &&
		(f.decision == "" || string(r.Decision) == f.decision) && (f.threat == "" || string(r.Threat) == f.threat) &&
		strings.Contains(r.Artifact, f.artifact)
}

// print prints a record.
func (f *evidenceFilter) print(w io.Writer, r *ledger.Record) error {
	if f.json {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%6d  %s  %-8s  rule %-2d  %-10s  %s", r.Seq, r.Time.Format("2006-01-02T15:04:05.000Z07:00"), r.Mode, r.Rule, r.Decision, r.Reason)
	if r.Threat != ledger.NoThreat {
		fmt.Fprintf(&b, " (%s)", r.Threat)
	}
	for _, word := range []string{r.Kind, r.Class} {
		if word != "" {
			b.WriteString("  " + word)
		}
	}
	if r.Artifact != "" {
		b.WriteString("  " + r.Artifact)
	}
	if r.Pos != 0 {
		fmt.Fprintf(&b, "  byte %d", r.Pos)
	}
	if r.Bytes != 0 {
		fmt.Fprintf(&b, "  size %d", r.Bytes)
	}
	if r.From != 0 || r.To != 0 {
		fmt.Fprintf(&b, "  LSN %d to %d", r.From, r.To)
	}
	if r.Detail != "" {
		b.WriteString("  " + r.Detail)
	}
	if f.long {
		for _, x := range [][2]string{{"input", r.Input}, {"before", r.Before}, {"after", r.After}, {"replay", r.Replay}, {"hash", r.Hash}} {
			if x[1] != "" {
				fmt.Fprintf(&b, "\n        %-7s %s", x[0], x[1])
			}
		}
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}

// ledgerIn finds the ledger: path itself, or the folder of that name in it.
func ledgerIn(path string) (string, error) {
	for _, dir := range []string{filepath.Join(path, "ledger"), path} {
		names, err := disk.OS().List(dir)
		if errors.Is(err, fs.ErrPermission) {
			return "", err
		}
		if err == nil && slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "ledger.") && strings.HasSuffix(n, ".jsonl") }) {
			return dir, nil
		}
	}
	if _, err := os.Stat(path); err != nil {
		return "", err
	}
	return "", fmt.Errorf("%s: there is no ledger", path)
}

// verdict prints what was found wrong and turns it into the exit status.
func verdict(w io.Writer, rep *ledger.Report) error {
	for _, d := range rep.Damages {
		told := ""
		if d.Told {
			told = " (the server has recorded it)"
		}
		fmt.Fprintf(w, "%v%s\n", d, told)
	}
	switch {
	case !rep.Sound():
		return statusError(exitCorrupt)
	case len(rep.Damages) > 0:
		return statusError(exitDamaged)
	}
	return nil
}

func newEvidenceShow() *cobra.Command {
	f := &evidenceFilter{}
	cmd := &cobra.Command{
		Use:   "show DIR",
		Short: "Print the records",
		Long: `show prints the records, oldest first, and verifies the chain on the way; what does not verify is told on standard error.

Exit status: 0 the chain holds; 2 it ends in a torn tail; 3 it is damaged; 4 wrong command line, no ledger, or a file could not be read.`,
		Example: `  # why did the last start refuse?
  frctl evidence show --decision refuse --since 1h /var/lib/redis

  # everything ever cut off a log, with digests
  frctl evidence show --decision cut --long /var/lib/redis

  frctl evidence show --json /var/lib/redis | jq 'select(.rule == 15)'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.prepare(); err != nil {
				return err
			}
			dir, err := ledgerIn(args[0])
			if err != nil {
				return err
			}
			wanted := 0
			rep, err := ledger.Walk(disk.OS(), dir, func(r *ledger.Record) error {
				if !f.wants(r) {
					return nil
				}
				wanted++
				return f.print(cmd.OutOrStdout(), r)
			})
			if err != nil {
				return err
			}
			if wanted == 0 && !f.json {
				fmt.Fprintf(cmd.ErrOrStderr(), "none of the records %d to %d is like that; frctl explain lists the reason codes\n", rep.First, rep.Last)
			}
			return verdict(cmd.ErrOrStderr(), rep)
		},
	}
	f.flags(cmd)
	return cmd
}

func newEvidenceVerify() *cobra.Command {
	var asJSON bool
	var expect string
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Walk the chain of hashes",
		Long: `verify reads every record, checks the chain of hashes and the digests of sealed segments, and tells from where to where the chain goes.
Whoever can write the folder can cut whole records off its end without being seen: keep the last hash elsewhere, and give it with --expect.

Exit status: 0 the chain holds; 2 it ends in a torn tail, as a crash leaves it; 3 it is damaged, or lacks the expected hash; 4 wrong command
line, no ledger, or a file could not be read.`,
		Example: `  frctl evidence verify /var/lib/redis

  # is what was there yesterday still there, unchanged?
  frctl evidence verify --expect "$(cat yesterdays-hash)" /var/lib/redis`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := ledgerIn(args[0])
			if err != nil {
				return err
			}
			seen := expect == ""
			rep, err := ledger.Walk(disk.OS(), dir, func(r *ledger.Record) error {
				seen = seen || r.Hash == expect
				return nil
			})
			if err != nil {
				return err
			}
			if !seen {
				rep.Damages = append(rep.Damages, &ledger.Damage{File: dir, Seq: rep.Last, Why: "no record has the expected hash " + expect})
			}
			if asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(rep); err != nil {
					return err
				}
				return verdict(io.Discard, rep)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d segments, %d bytes, records %d to %d, last hash %s\n", rep.Segments, rep.Bytes, rep.First, rep.Last, rep.LastHash)
			return verdict(cmd.OutOrStdout(), rep)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&expect, "expect", "", "a hash that must be in the chain")
	return cmd
}

func newEvidenceTail() *cobra.Command {
	f := &evidenceFilter{}
	count, follow := 10, false
	cmd := &cobra.Command{
		Use:   "tail DIR",
		Short: "Print the newest records, and go on as they come",
		Long: `tail prints the newest records that the filters let through; with --follow it goes on with new ones until it is interrupted.

Exit status: as of show.`,
		Example: `  frctl evidence tail /var/lib/redis
  frctl evidence tail --follow --threat "parser abuse" /var/lib/redis`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 0 {
				return errors.New("--count is negative")
			}
			if err := f.prepare(); err != nil {
				return err
			}
			dir, err := ledgerIn(args[0])
			if err != nil {
				return err
			}
			for first := true; ; first = false {
				var last []ledger.Record
				rep, err := ledger.Walk(disk.OS(), dir, func(r *ledger.Record) error {
					if f.wants(r) {
						if last = append(last, *r); first && len(last) > count {
							last = last[1:]
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
				for i := range last {
					if err := f.print(cmd.OutOrStdout(), &last[i]); err != nil {
						return err
					}
				}
				if !follow {
					return verdict(cmd.ErrOrStderr(), rep)
				}
				f.seq = max(f.seq, rep.Last+1)
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(time.Second):
				}
			}
		},
	}
	f.flags(cmd)
	cmd.Flags().IntVarP(&count, "count", "n", count, "print so many records")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with records as they are written")
	return cmd
}
