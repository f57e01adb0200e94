// Command frctl is the operator's tool for FrankenRedis: it looks into the files a server leaves, running or not, and
// changes nothing unless its name says so.
//
// Exit status, of every subcommand:
//
//	0    everything is clean
//	2    something is torn or damaged, and everything that matters can still be read
//	3    something is corrupt or missing: a server would refuse to load it
//	4    the command line is wrong, or a file could not be read
//
// check has no 3: it says 2 for whatever is not as it was written. scrub and repair also know 1: repaired, and clean now.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// The exit statuses.
const (
	exitClean   = 0
	exitDamaged = 2
	exitCorrupt = 3
	exitUsage   = 4
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings handed in; it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	var status statusError
	switch {
	case err == nil:
		return exitClean
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintln(stderr, "frctl:", err)
	return exitUsage
}

// statusError ends a subcommand that has said everything it had to say with a status.
type statusError int

// Error names the status.
func (s statusError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// newRoot builds the command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "frctl",
		Short: "Look into the files of FrankenRedis",
		Long: `frctl looks into the files a FrankenRedis or Redis server leaves: append-only files with their manifest, and
RDB snapshots. It changes none of them, and it may be used while a server runs. convert writes a new file; protect
writes sidecars, with which verify finds damage, and repair and scrub bring files back; finalize makes a log that a crash left whole.

Exit status: 0 clean, 2 torn or damaged but readable, 3 corrupt or missing, 4 wrong command line or unreadable file.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newCheck(), newConvert(), newCrashtest(), newDoctor(), newDump(), newEvidence(), newExplain(), newFinalize(), newInspect(), newProtect(), newRepair(), newScrub(),
		newVerify(), newVersion())
	root.CompletionOptions.HiddenDefaultCmd = false
	nameUsage(root)
	return root
}

// nameUsage makes what is said of a wrong command line end with the right one, in cmd and all below it.
func nameUsage(cmd *cobra.Command) {
	hint := func(cmd *cobra.Command, err error) error {
		if cmd.HasSubCommands() {
			return fmt.Errorf("%w; %s --help lists what there is", err, cmd.CommandPath())
		}
		return fmt.Errorf("%w; usage: %s", err, cmd.UseLine())
	}
	if judge := cmd.Args; judge != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := judge(cmd, args); err != nil {
				return hint(cmd, err)
			}
			return nil
		}
	}
	cmd.SetFlagErrorFunc(hint)
	for _, c := range cmd.Commands() {
		nameUsage(c)
	}
}
