package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// damageKind damages one file of a copy.
type damageKind struct {
	name string
	file string // suffix of the file's name
	do   func(p []byte, rng *rand.Rand) []byte
}

var damageKinds = []damageKind{
	{"one bit flipped in an increment", ".incr.aof", flipBit},
	{"one length digit changed", ".incr.aof", changeLength},
	{"4 KiB of an increment zeroed", ".incr.aof", zeroBlock},
	{"64 KiB of an increment random", ".incr.aof", scramble},
	{"last 1 to 300 bytes missing", ".incr.aof", cutEnd},
	{"one bit flipped in the base", ".base.rdb", flipBit},
}

func flipBit(p []byte, rng *rand.Rand) []byte {
	p[rng.IntN(len(p))] ^= 1 << rng.IntN(8)
	return p
}

// changeLength changes a digit of a bulk string's length.
func changeLength(p []byte, rng *rand.Rand) []byte {
	from := rng.IntN(len(p))
	for i := range len(p) - 2 {
		at := (from + i) % (len(p) - 2)
		if p[at] == '\n' && p[at+1] == '$' {
			p[at+2] = '0' + (p[at+2]-'0'+1+byte(rng.IntN(9)))%10
			return p
		}
	}
	return p
}

func zeroBlock(p []byte, rng *rand.Rand) []byte {
	at := rng.IntN((len(p)+4095)/4096) * 4096
	clear(p[at:min(at+4096, len(p))])
	return p
}

func scramble(p []byte, rng *rand.Rand) []byte {
	at := rng.IntN((len(p)+4095)/4096) * 4096
	for i := at; i < min(at+65536, len(p)); i++ {
		p[i] = byte(rng.Uint32())
	}
	return p
}

func cutEnd(p []byte, rng *rand.Rand) []byte { return p[:max(0, len(p)-1-rng.IntN(300))] }

// damages stops the server, and starts it on damaged copies of what it left.
func (t *crashTest) damages(root string) error {
	// Something stands in the base and something in the increment.
	if _, err := t.s.ask("BGREWRITEAOF"); err != nil {
		return err
	}
	for range 1000 {
		reply, err := t.s.ask("INFO", "persistence")
		if err != nil {
			return err
		}
		if text, _ := reply.(string); strings.Contains(text, "aof_rewrite_in_progress:0") && strings.Contains(text, "aof_rewrite_scheduled:0") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	load := startLoad(t.s.addr, t.clients)
	time.Sleep(300 * time.Millisecond)
	if err := t.s.stop(); err != nil {
		return err
	}
	load.wait()
	if err := t.s.start(); err != nil { // what was sent and not answered may be there or not
		return err
	}
	if !t.compare("stop") {
		return nil
	}
	if err := t.s.stop(); err != nil {
		return err
	}
	for _, kind := range damageKinds {
		d := damageResult{Kind: kind.name}
		for range t.o.damage {
			seed := t.rng.Uint64() >> 11
			if err := t.tryDamage(root, kind, seed, &d); err != nil {
				return err
			}
		}
		if d.Copies > 0 {
			t.r.Damage = append(t.r.Damage, d)
		}
	}
	return nil
}

// tryDamage starts the server on one damaged copy and counts what comes of it.
func (t *crashTest) tryDamage(root string, kind damageKind, seed uint64, d *damageResult) error {
	dir := filepath.Join(root, "damaged")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(t.s.dir)); err != nil {
		return err
	}
	path, err := largest(dir, kind.file)
	if err != nil || path == "" {
		return err // this server has no such file
	}
	p, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, kind.do(p, rand.New(rand.NewPCG(seed, 0))), 0o644); err != nil {
		return err
	}
	d.Copies++
	s := *t.s
	s.dir, s.cmd = dir, nil
	defer s.kill()
	switch err := s.start(); {
	case errors.Is(err, errExited):
		d.Refused++
		return nil
	case err != nil:
		return err
	}
	lost := 0
	for _, c := range t.clients {
		found, err := c.look(s.addr)
		if err != nil || found > c.acked {
			d.Wrong++
			d.Seeds = append(d.Seeds, seed)
			fmt.Fprintf(t.o.log, "%s, seed %d: client %d: %d of %d steps: %v\n", kind.name, seed, c.number, found, c.acked, err)
			return nil
		}
		lost += c.acked - found
	}
	if lost > 0 {
		d.Short++
		d.Lost += lost
		d.Seeds = append(d.Seeds, seed)
	} else {
		d.Whole++
	}
	return nil
}

// largest finds the largest file below dir whose name ends so; "": there is none.
func largest(dir, suffix string) (string, error) {
	best, size := "", int64(0)
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && strings.HasSuffix(path, suffix) && info.Size() > size {
			best, size = path, info.Size()
		}
		return err
	})
	return best, err
}
