package wal_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"frankenredis/wal"
)

func Example() {
	dir, err := os.MkdirTemp("", "wal")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	id, _ := wal.ParseReplID("0123456789abcdef0123456789abcdef01234567")
	woken := make(chan struct{}, 1)
	o := wal.Options{Dir: filepath.Join(dir, "appendonlydir"), Policy: wal.EverySec, Wake: func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}}
	l, err := wal.Create(o, wal.Position{ID: id, Epoch: 1}, wal.Base{})
	if err != nil {
		panic(err)
	}
	l.Commit([]byte("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$5\r\nhello\r\n$5\r\nworld\r\n"), 0)
	for l.Released() < l.End() { // at once, unless a sync is under way
		<-woken
	}
	fmt.Println("released up to", l.Released())
	if err := l.Close(true); err != nil {
		panic(err)
	}

	p, _ := os.ReadFile(filepath.Join(o.Dir, wal.IncrName("appendonly.aof", 1)))
	r := wal.NewReader(bytes.NewReader(p), int64(len(p)), wal.ReaderOptions{Path: "incr"})
	for {
		f, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(err)
		}
		fmt.Printf("%d %s\n", f.LSN, bytes.Join(f.Args, []byte(" ")))
	}
	// Output:
	// released up to 58
	// 0 SELECT 0
	// 23 SET hello world
}
