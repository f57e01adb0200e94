package recovery_test

import (
	"fmt"
	"os"
	"path/filepath"

	"frankenredis/recovery"
	"frankenredis/snapshot"
)

// A server hands in how keys are inserted and commands are run, and gets back where its log goes on.
func ExampleBoot() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	log := "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n" + "*3\r\n$3\r\nSET\r\n$1\r\nb" // a crash cut the second command short
	if err := os.WriteFile(filepath.Join(dir, "appendonly.aof"), []byte(log), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	res, err := recovery.Boot(recovery.Options{
		Dir: dir, AOF: true, LoadTruncated: true,
		LoadItems: func(items []snapshot.Item) error { return nil },
		Apply: func(batch []recovery.Command) error {
			for _, c := range batch {
				fmt.Printf("db %d: %s\n", c.DB, c.Args)
			}
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Lock.Close()
	fmt.Println("from", res.Source, "epoch", res.Position.Epoch)
	for _, a := range res.Evidence.Actions {
		fmt.Println(a.What, filepath.Base(a.Path))
	}
	// Output:
	// db 0: [SET a 1]
	// from aof epoch 1
	// quarantine appendonly.aof
	// truncate appendonly.aof
	// write appendonly.aof.manifest
	// rename appendonly.aof
}
