package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor DIR",
		Short: "Say in sentences what is protected, from what, since when, and what to do next",
		Long: `doctor looks at a data directory, ours or a stock Redis's, running or not, and changes nothing: the append-only file and up to where it is
durable, snapshots, sidecars, and what the ledger says of the last start, the last stop and what went wrong since. It reads no data: whether
every byte is as it was written, frctl verify and frctl check say.

Exit status: 0 nothing to do; 2 something should be done; 3 a server would refuse to start, or did; 4 wrong command line, or a file could not
be read.`,
		Example: `  frctl doctor /var/lib/redis
  frctl doctor --json .`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if info, err := os.Stat(dir); err != nil {
				return err
			} else if !info.IsDir() {
				return fmt.Errorf("%s is not a folder", dir)
			}
			d := &doctor{dir: dir, now: time.Now()}
			if err := d.look(); err != nil {
				return err
			}
			return d.tell(cmd.OutOrStdout(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for each finding, a line each")
	return cmd
}

// urgency says what a finding asks for.
type urgency int

const (
	good    urgency = iota // it is as it should be
	advised                // something should be done
	urgent                 // a server would refuse to start
)

var urgencyWords = [...]string{"good", "advised", "urgent"}

// finding is one thing the doctor has to say.
type finding struct {
	Topic   string     `json:"topic"` // log, snapshot, cover, ledger, copies
	Urgency string     `json:"urgency"`
	Text    string     `json:"text"`
	Since   *time.Time `json:"since,omitempty"`
	Next    string     `json:"next,omitempty"` // what to do

	level urgency
}

// doctor collects findings on a data directory.
type doctor struct {
	dir      string
	now      time.Time
	logs     []string // manifests of append-only files, paths
	olds     []string // append-only files of one piece, from before Redis 7, paths
	dumps    []string // RDB files, paths
	files    []string // those a start reads, paths
	unread   bool     // something that is there could not be read
	findings []finding
}

// say adds a finding; a zero since means that no moment belongs to it.
func (d *doctor) say(level urgency, topic string, since time.Time, next, format string, args ...any) {
	f := finding{Topic: topic, Urgency: urgencyWords[level], Text: fmt.Sprintf(format, args...), Next: next, level: level}
	if !since.IsZero() {
		since = since.UTC().Truncate(time.Second)
		f.Since = &since
	}
	d.findings = append(d.findings, f)
}

// tell prints everything and turns it into the exit status.
func (d *doctor) tell(w io.Writer, asJSON bool) error {
	worst := good
	for _, f := range d.findings {
		worst = max(worst, f.level)
		if asJSON {
			enc := json.NewEncoder(w)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(f); err != nil {
				return err
			}
			continue
		}
		mark := [...]string{"  ", "> ", "! "}[f.level]
		fmt.Fprintf(w, "%s%s", mark, f.Text)
		if f.Since != nil {
			fmt.Fprintf(w, " Since %s (%s ago).", f.Since.Format("2006-01-02 15:04:05 UTC"), ago(d.now.Sub(*f.Since)))
		}
		fmt.Fprintln(w)
		if f.Next != "" {
			fmt.Fprintf(w, "      next: %s\n", f.Next)
		}
	}
	switch {
	case d.unread:
		return statusError(exitUsage)
	case worst == urgent:
		return statusError(exitCorrupt)
	case worst == advised:
		return statusError(exitDamaged)
	}
	return nil
}

// cannotRead says that something that is there may not be read by who asks.
func (d *doctor) cannotRead(topic, what string, err error) {
	d.unread = true
	d.say(advised, topic, time.Time{}, "ask again as the user that the server runs as, or with sudo", "%s cannot be read: %v.", what, err)
}

// ago prints a length of time as people say it.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return count(int64(max(d, 0)/time.Second), "second")
	case d < time.Hour:
		return count(int64(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return count(int64(d/time.Hour), "hour")
	}
	return count(int64(d/(24*time.Hour)), "day")
}

// sizeText prints a number of bytes for people.
func sizeText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return count(n, "byte")
}
