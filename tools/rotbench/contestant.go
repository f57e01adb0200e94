package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"frankenredis/conformance/rot"
	"frankenredis/conformance/testbed"
)

// remedy is what an operator would run on a directory that a server refuses.
type remedy struct {
	program, input string
	args           func(dir string) []string
}

// contestant is one server with what became of its directories.
type contestant struct {
	name, binary string
	args         []string
	remedy       remedy
	home         string               // folder of its worlds and copies
	older        [2]map[string][]byte // earlier states of the files, by path below the directory

	faults, right, wrong, told, refused, mended, short, hopeless, lostKeys int
}

func valueOf(i int) string {
	rng := rand.New(rand.NewPCG(uint64(i), 42))
	p := make([]byte, value)
	for j := range p {
		p[j] = 'a' + byte(rng.IntN(26))
	}
	return string(p)
}

func (c *contestant) dir(w world) string { return filepath.Join(c.home, fmt.Sprintf("world%d", w)) }

func (c *contestant) launch(w world, dir string) (*testbed.Server, error) {
	return testbed.Launch(testbed.Options{Binary: c.binary, Dir: dir, Args: append(append([]string{}, worldArgs[w]...), c.args...)})
}

// prepare has the server write its directories.
func (c *contestant) prepare() error {
	for _, w := range []world{log, snapshot} {
		if err := os.MkdirAll(c.dir(w), 0o755); err != nil {
			return err
		}
		s, err := c.launch(w, c.dir(w))
		if err != nil {
			return err
		}
		err = c.fill(s, w)
		if code, serr := s.Stop(); err == nil && (serr != nil || code != 0) {
			err = fmt.Errorf("stop: %d, %v", code, serr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *contestant) fill(s *testbed.Server, w world) error {
	cl, err := s.DialErr()
	if err != nil {
		return err
	}
	defer cl.Close()
	set := func(from, to int) error {
		for i := from; i < to; i++ {
			if err := cl.Send("SET", fmt.Sprintf("key:%d", i), valueOf(i)); err != nil {
				return err
			}
		}
		for range to - from {
			if _, err := cl.Receive(); err != nil {
				return err
			}
		}
		return nil
	}
	if err := set(0, keys/2); err != nil {
		return err
	}
	if w == snapshot {
		if err := set(keys/2, keys); err != nil {
			return err
		}
		_, err := cl.Do("SAVE")
		return err
	}
	if _, err := cl.Do("BGREWRITEAOF"); err != nil {
		return err
	}
	for busy := true; busy; {
		r, err := cl.Do("INFO", "persistence")
		if err != nil {
			return err
		}
		busy = !strings.Contains(r.Str, "aof_rewrite_in_progress:0") || !strings.Contains(r.Str, "aof_rewrite_scheduled:0")
	}
	if err := set(keys/2, keys*3/4); err != nil {
		return err
	}
	c.older[w] = map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(c.dir(w), "appendonlydir", "*"))
	for _, name := range names {
		if p, err := os.ReadFile(name); err == nil {
			c.older[w][filepath.Base(name)] = p
		}
	}
	if err != nil {
		return err
	}
	return set(keys*3/4, keys)
}

// try damages a copy and starts on it.
func (c *contestant) try(class struct {
	name, pattern string
	world         world
}, kind rot.Kind, seed, n uint64) error {
	dir := filepath.Join(c.home, "copy")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(c.dir(class.world))); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(dir, class.pattern))
	if err != nil || len(names) == 0 {
		return fmt.Errorf("no %s: %v", class.pattern, err)
	}
	path := names[len(names)-1]
	was, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	older := c.older[class.world][filepath.Base(path)]
	if older == nil || bytes.Equal(older, was) {
		older = was[:len(was)/2]
	}
	other := []byte(strings.Repeat("another file. ", 600))
	p := kind.Damage(rand.New(rand.NewPCG(seed, n+1<<32)), rot.File{Bytes: bytes.Clone(was), Other: other, Older: older})
	if p == nil {
		err = os.Remove(path)
	} else if err = os.WriteFile(path, p, 0o644); bytes.Equal(p, was) {
		return err
	}
	if err != nil {
		return err
	}
	c.faults++
	bad, warned, ok := c.look(class.world, dir)
	switch {
	case ok && bad == 0:
		c.right++
	case ok && warned:
		c.told++
		c.lostKeys += bad
	case ok:
		c.wrong++
		c.lostKeys += bad
	default:
		c.refused++
		cmd := exec.Command(c.remedy.program, c.remedy.args(dir)...)
		cmd.Stdin = strings.NewReader(c.remedy.input)
		_ = cmd.Run() // whether it helped the next start tells
		switch bad, _, ok := c.look(class.world, dir); {
		case ok && bad == 0:
			c.mended++
		case ok:
			c.short++
			c.lostKeys += bad
		default:
			c.hopeless++
		}
	}
	return nil
}

// look starts on a directory and counts the keys that are not as they were; warned says that the log has a warning about the data.
func (c *contestant) look(w world, dir string) (bad int, warned, ok bool) {
	s, err := c.launch(w, dir)
	if s != nil {
		defer os.Remove(s.Log)
		defer s.Kill()
	}
	if err != nil {
		return 0, false, false
	}
	cl, err := s.DialErr()
	if err != nil {
		return 0, false, false
	}
	defer cl.Close()
	const batch = 500
	for i := 0; i < keys; i += batch {
		args := []string{"MGET"}
		for j := i; j < i+batch; j++ {
			args = append(args, fmt.Sprintf("key:%d", j))
		}
		r, err := cl.Do(args...)
		if err != nil {
			return 0, false, false
		}
		for j, e := range r.Elems {
			if e.Str != valueOf(i+j) {
				bad++
			}
		}
	}
	if r, err := cl.Do("DBSIZE"); err == nil && int(r.Int) > keys {
		bad += int(r.Int) - keys
	}
	for line := range strings.Lines(s.LogText()) {
		for _, word := range []string{"is gone", "damaged", "truncated", "Truncating", "corrupt", "short read"} {
			warned = warned || strings.Contains(line, word)
		}
	}
	return bad, warned, true
}
