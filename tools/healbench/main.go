// Command healbench measures sidecars: what it costs to make them, to read files against them and to repair, per core and byte, beside
// the digest and the copying alone as the floor, and beside par2, which does the same for any file.
//
//	healbench [-only heal|par2|writes|saves] [-size MiB] [-rounds n] [-par2 PROGRAM] [-server SERVER] [-dir DIR]
//
// writes and saves measure what sidecars cost a server: two of them, one with fr-sidecars no, take turns at SETs by redis-benchmark
// (50 clients, a pipeline of 16, everysec, values of 64 bytes and of a kibibyte) and at BGSAVE of -size megabytes.
//
// The file is random bytes. Everything runs on one goroutine; speeds are bytes of the file by processor time (user and system), and wall
// time stands beside them. "cached" means that the file is in the page cache.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/zeebo/xxh3"
	"golang.org/x/sys/unix"

	"frankenredis/conformance/testbed"
	"frankenredis/heal"
	"frankenredis/wal/disk"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "healbench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	b := &bench{}
	mega := flag.Int64("size", 1024, "megabytes of the file")
	flag.IntVar(&b.rounds, "rounds", 5, "of what is quick; the median is shown")
	temp := flag.String("dir", "", "folder for the files (default: the system's for temporary files)")
	par2 := flag.String("par2", "", "par2 to compare with, or \"no\" (default: from conformance/peers.sh or PATH)")
	only := flag.String("only", "", "measure only heal, par2, writes or saves")
	flag.StringVar(&b.server, "server", "bin/frankenredis", "the server of writes and saves")
	flag.IntVar(&b.requests, "requests", 1_000_000, "of each run of writes, with values of 64 bytes; a third with larger ones")
	flag.Parse()
	b.size = *mega << 20
	if b.dir, err = os.MkdirTemp(*temp, "healbench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if *only == "" || *only == "writes" {
		if err := b.writes(); err != nil {
			return err
		}
	}
	if *only == "" || *only == "saves" {
		if err := b.saves(); err != nil {
			return err
		}
	}
	if *only == "writes" || *only == "saves" {
		return nil
	}
	b.path = filepath.Join(b.dir, "file")
	if err := b.fill(); err != nil {
		return err
	}
	if *only != "par2" {
		for _, key := range [][]byte{nil, []byte("a key of sixteen")} {
			if err := b.heal(key); err != nil {
				return err
			}
		}
	}
	if *par2 == "no" || *only == "heal" {
		return nil
	}
	if *par2 == "" {
		found, ok := testbed.LookPeer("par2")
		if !ok {
			return errors.New("no par2: make peers")
		}
		*par2 = found
	}
	return b.par2(*par2)
}

// bench is what is under measurement.
type bench struct {
	dir, path, server string
	size              int64 // bytes of the file, or of the data that is saved
	rounds, requests  int
}

func (b *bench) fill() error {
	f, err := os.Create(b.path)
	if err != nil {
		return err
	}
	defer f.Close()
	rng := rand.NewChaCha8([32]byte{1})
	p := make([]byte, 1<<20)
	for at := int64(0); at < b.size; at += int64(len(p)) {
		_, _ = rng.Read(p) // never fails
		if _, err := f.Write(p[:min(int64(len(p)), b.size-at)]); err != nil {
			return err
		}
	}
	return f.Sync()
}

// damage overwrites 64 KiB in the middle.
func (b *bench) damage() error {
	f, err := os.OpenFile(b.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(make([]byte, 64<<10), b.size/2/4096*4096+12345)
	return err
}

// measured is the median of what some runs took.
type measured struct{ wall, cpu time.Duration }

func (b *bench) measure(rounds int, work func() error) (measured, error) {
	var walls, cpus []time.Duration
	for range rounds {
		began, used := time.Now(), processorTime()
		if err := work(); err != nil {
			return measured{}, err
		}
		walls, cpus = append(walls, time.Since(began)), append(cpus, processorTime()-used)
	}
	slices.Sort(walls)
	slices.Sort(cpus)
	return measured{walls[rounds/2], cpus[rounds/2]}, nil
}

// processorTime is what this process and the children it has waited for have used.
func processorTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if unix.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

func (b *bench) print(what string, m measured, more string) {
	fmt.Printf("%-44s %7.2f s wall %7.2f s cpu %6.2f GB/s a core  %s\n", what, m.wall.Seconds(), m.cpu.Seconds(),
		float64(b.size)/m.cpu.Seconds()/1e9, more)
}

// grow measures the sidecar of a file that grows, a hundred megabytes at a time. It lies under another name for that.
func (b *bench) grow(s *heal.Store) error {
	if err := os.Link(b.path, b.path+".aof"); err != nil {
		return err
	}
	g, err := s.Grow(filepath.Base(b.path) + ".aof")
	if err != nil {
		return err
	}
	m, err := b.measure(1, func() error {
		for at := int64(0); at < b.size; {
			at = min(at+100<<20, b.size)
			if err := g.AdvanceStripes(at); err != nil {
				return err
			}
		}
		return g.Advance(b.size)
	})
	if err = errors.Join(err, g.Close()); err != nil {
		return err
	}
	b.print("sidecar: protect while it grows", m, "")
	return errors.Join(s.Forget(filepath.Base(b.path)+".aof"), os.Remove(b.path+".aof"))
}

// heal measures sidecars.
func (b *bench) heal(key []byte) error {
	if key == nil {
		if err := b.floors(); err != nil {
			return err
		}
	}
	name := "sidecar"
	if key != nil {
		name = "keyed sidecar"
	}
	s, err := heal.Open(heal.Options{FS: disk.OS(), Root: b.dir, Key: key}, true)
	if err != nil {
		return err
	}
	defer s.Close()
	rounds := b.rounds
	if key != nil {
		rounds = 1
	}
	m, err := b.measure(1, func() error { _, err := s.Protect("file"); return err })
	if err != nil {
		return err
	}
	over, err := folderBytes(filepath.Join(b.dir, heal.Folder))
	if err != nil {
		return err
	}
	b.print(name+": protect", m, fmt.Sprintf("%.1f %% more on the disk", 100*float64(over)/float64(b.size)))
	verify := func(want heal.State) error {
		r, err := s.Verify("file")
		if err == nil && r.State != want {
			err = fmt.Errorf("the file is %s, and should be %s", r.State, want)
		}
		return err
	}
	if m, err = b.measure(rounds, func() error { return verify(heal.Clean) }); err != nil {
		return err
	}
	b.print(name+": verify, cached", m, "")
	if key == nil {
		if err := b.grow(s); err != nil {
			return err
		}
	}
	if err := b.damage(); err != nil {
		return err
	}
	if m, err = b.measure(rounds, func() error { return verify(heal.Damaged) }); err != nil {
		return err
	}
	b.print(name+": verify, 64 KiB bad", m, "")
	m, err = b.measure(1, func() error {
		r, err := s.Verify("file")
		if err == nil {
			_, err = s.RepairFound(r, false)
		}
		return err
	})
	if err != nil {
		return err
	}
	b.print(name+": find 64 KiB and repair it", m, "")
	if err := verify(heal.Clean); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(b.dir, heal.Folder))
}

// floors measures what cannot be left out: reading and digesting.
func (b *bench) floors() error {
	f, err := os.Open(b.path)
	if err != nil {
		return err
	}
	defer f.Close()
	p := make([]byte, 256<<10)
	each := func(do func(p []byte)) error {
		for at := int64(0); at < b.size; {
			n, err := f.ReadAt(p, at)
			if n == 0 {
				return err
			}
			do(p[:n])
			at += int64(n)
		}
		return nil
	}
	m, err := b.measure(b.rounds, func() error { return each(func([]byte) {}) })
	if err != nil {
		return err
	}
	b.print("read only, cached", m, "")
	var sum uint64
	m, err = b.measure(b.rounds, func() error {
		for at := int64(0); at < b.size; at += int64(len(p)) {
			for c := 0; c < len(p); c += 4096 {
				sum += xxh3.Hash128Seed(p[c:c+4096], uint64(c)).Lo
			}
		}
		return nil
	})
	b.print("XXH3-128 of cells in the processor's cache", m, "")
	_ = sum
	return err
}

func folderBytes(dir string) (n int64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	})
	return n, err
}
