package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"frankenredis/recovery"
	"frankenredis/snapshot"
	"frankenredis/wal"
	"frankenredis/wal/disk"
)

func newFinalize() *cobra.Command {
	var name, ringDir string
	cmd := &cobra.Command{
		Use:   "finalize DIR",
		Short: "Make an append-only folder whole for a stock server, as a start would",
		Long: `finalize does to an append-only folder what a start of FrankenRedis does before it serves: everything is read and judged;
then a torn end is copied into the folder's quarantine and cut off, what the commit ring has and the last increment lacks is appended
to it, and a manifest that an interrupted repair left ready is put into force. After that redis-server 7 loads the folder, and finds
every write that was acknowledged. It changes nothing over damage, nor while a server holds the lock. DIR is the folder or the data
directory above it. Repeated it changes nothing more.

Exit status: 0 the folder is whole; 3 a server would refuse to load it, and nothing was changed; 4 wrong command line, or a file
could not be read.`,
		Example: `  # move a server that was killed back to Redis
  frctl finalize /var/lib/redis && redis-server --dir /var/lib/redis --appendonly yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return finalize(cmd, args[0], name, ringDir) },
	}
	cmd.Flags().StringVar(&name, "name", "", "appendfilename, when a folder holds several logs")
	cmd.Flags().StringVar(&ringDir, "ring-dir", "", "the server's fr-wal-dir, if it has one")
	return cmd
}

func finalize(cmd *cobra.Command, path, name, ringDir string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	in := &inspection{o: &inspectOptions{name: name}, fs: disk.OS()}
	dir, name, err := in.findLog(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, wal.ManifestName(name))); err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	res, err := recovery.Boot(recovery.Options{
		FS: in.fs, Dir: filepath.Dir(dir), AppendDir: filepath.Base(dir), AppendName: name, RingDir: ringDir,
		AOF: true, LoadTruncated: true, Annotate: true,
		LoadItems: func([]snapshot.Item) error { return nil },
		Apply:     func([]recovery.Command) error { return nil },
	})
	out := cmd.OutOrStdout()
	var refusal *recovery.Refusal
	if errors.As(err, &refusal) {
		for _, d := range refusal.Evidence.Decisions {
			fmt.Fprintf(out, "%-12s %s: %s\n", d.Choice, d.Artifact, d.Detail)
		}
		fmt.Fprintf(out, "refused: %v\n", refusal)
		if errors.Is(refusal, fs.ErrPermission) {
			return statusError(exitUsage)
		}
		return statusError(exitCorrupt)
	}
	if err != nil {
		return err
	}
	defer res.Lock.Close()
	for _, a := range res.Evidence.Actions {
		fmt.Fprintf(out, "%-12s %s", a.What, a.Path)
		if a.To != "" {
			fmt.Fprintf(out, " to %s", a.To)
		}
		if a.Bytes > 0 {
			fmt.Fprintf(out, ", %d bytes from %d", a.Bytes, a.From)
		}
		fmt.Fprintln(out)
	}
	mended, err := wal.FinishMending(in.fs, dir, name)
	if err != nil {
		return err
	}
	if mended {
		fmt.Fprintf(out, "%-12s %s, which an interrupted repair left ready\n", "manifest", filepath.Join(dir, wal.ManifestName(name)))
	}
	fmt.Fprintf(out, "whole up to LSN %d: %d commands behind a base of %d keys\n", res.Position.LSN, res.Commands, res.Keys)
	return nil
}
