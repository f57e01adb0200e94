package main

import (
	"github.com/spf13/cobra"

	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wal"
)

func newCheck() *cobra.Command {
	o := &inspectOptions{strict: true, to: ^uint64(0), width: 64}
	cmd := &cobra.Command{
		Use:   "check DIR|MANIFEST|FILE",
		Short: "Verify an append-only folder, one of its files, or an RDB file",
		Long: `check reads every byte and verifies what there is to verify: the framing of the commands and that units are whole, the
digests of our # lines and of the companion, positions and epochs from file to file in manifest order, the checksum of an RDB,
and the structure of each value in it, elements that occur twice included. Memory is bounded by the largest value, or by the
largest single command. On a terminal it shows how far it is.

Exit status: 0 clean; 2 torn, damaged, corrupt or missing; 4 wrong command line, or a file could not be read.`,
		Example: `  frctl check /var/lib/redis/appendonlydir
  frctl check --json dump.rdb`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return inspect(cmd, args[0], o) },
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON object a line")
	cmd.Flags().StringVar(&o.name, "name", "", "appendfilename, when a folder holds several logs")
	return cmd
}

// uniqueness looks for elements that occur twice in a value, which the reader leaves to those who store it. It keeps a digest of
// each element of one value.
type uniqueness map[wal.Sum]struct{}

// add takes in a value or a part of one; false: an element was there already.
func (u *uniqueness) add(it *snapshot.Item) bool {
	c := it.Coll
	if c == nil || len(c.Elems) == 0 {
		return true
	}
	step := 1
	switch c.Type {
	case kv.Hash:
		step = 2
	case kv.Set, kv.ZSet:
	default:
		return true
	}
	if !c.Part {
		*u = make(uniqueness, len(c.Elems))
	}
	before := len(*u)
	for i := 0; i < len(c.Elems); i += step {
		(*u)[wal.SumOf(c.Elems[i])] = struct{}{}
	}
	return len(*u)-before == (len(c.Elems)+step-1)/step
}
