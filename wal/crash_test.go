package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"frankenredis/wal/disk"
)

// recovered is what a start after a crash would load.
type recovered struct {
	stream []byte // frames of the stream, byte for byte
	end    LSN
	tail   *Tail
	dir    *Directory
	base   LSN  // position of the base
	cut    bool // something behind end must be cut off
}

// recoverLog reads a folder as recovery does. After the death of the machine only what is proven counts: what a line
// covers, or what the watermark says was synced.
func recoverLog(fs disk.FS, dir string, sameBoot bool) (*recovered, error) {
	d, err := ReadDirectory(fs, dir, defaultName)
	if err != nil {
		return nil, err
	}
	if d.Manifest == nil {
		return nil, iofs.ErrNotExist
	}
	if d.Facts == nil {
		return nil, errors.New("the companion does not belong to the manifest")
	}
	wm, err := ReadWatermark(fs, dir, defaultName)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return nil, fmt.Errorf("watermark: %w", err)
	}
	r := &recovered{dir: d}
	if b := d.Manifest.Base; b != nil {
		p, err := readFile(fs, filepath.Join(dir, b.Name))
		if err != nil {
			return nil, err
		}
		if ff := d.Facts.Files[b.Name]; SumOf(p) != ff.Sum || !ff.HasSum {
			return nil, fmt.Errorf("base %s is not what was recorded (I11)", b.Name)
		}
		r.base = d.Facts.Files[b.Name].Start
	}
	r.end = r.base
	for i, ref := range d.Manifest.Incrs {
		if err := r.readIncrement(fs, dir, ref, i == len(d.Manifest.Incrs)-1, sameBoot, wm.LSN); err != nil {
			return nil, fmt.Errorf("%s: %w", ref.Name, err)
		}
	}
	return r, nil
}

func (r *recovered) readIncrement(fs disk.FS, dir string, ref FileRef, last, sameBoot bool, durable LSN) error {
	p, err := readFile(fs, filepath.Join(dir, ref.Name))
	if err != nil {
		return err
	}
	ff, ok := r.dir.Facts.Files[ref.Name]
	if !ok || ff.Start != r.end {
		return fmt.Errorf("begins at %d, wanted %d (I10)", ff.Start, r.end)
	}
	if last == ff.Sealed {
		return fmt.Errorf("sealed: %v, last: %v", ff.Sealed, last)
	}
	if ff.Sealed && (int64(len(p)) != ff.Size || ff.HasSum && SumOf(p) != ff.Sum) {
		return fmt.Errorf("sealed with %d bytes, has %d (I11)", ff.Size, len(p))
	}
	part, tail, err := frames(p, ReaderOptions{Path: ref.Name, Start: r.end, Prologue: ff.DB > 0})
	if err != io.EOF && !last {
		return err
	}
	if last && !sameBoot || tail.Kind == TailCorrupt {
		proven := ff.Start
		if tail.Lines > 0 {
			proven = tail.Last.LSN
		}
		if sameBoot {
			return fmt.Errorf("after a mere kill: %w", err)
		}
		if tail.Kind == TailCorrupt && proven < durable {
			return fmt.Errorf("below the watermark %d: %w", durable, err)
		}
		proven = max(proven, min(durable, tail.LSN))
		r.cut = proven != tail.LSN || tail.Kind != TailClean
		part, tail.LSN = part[:proven-ff.Start], proven
	} else {
		r.cut = tail.Kind != TailClean
	}
	r.stream = append(r.stream, part...)
	r.end, r.tail = tail.LSN, &tail
	if ff.Sealed && ff.End != r.end {
		return fmt.Errorf("sealed at %d, ends at %d", ff.End, r.end)
	}
	return nil
}

// frames reads an increment: the bytes of its stream, how it ends, and with which error.
func frames(p []byte, o ReaderOptions) ([]byte, Tail, error) {
	r := NewReader(bytes.NewReader(p), int64(len(p)), o)
	var stream []byte
	for {
		f, err := r.Next()
		if err != nil {
			t := r.Tail()
			return stream[:min(len(stream), int(t.LSN-t.Start))], t, err
		}
		if f.Kind == CommandFrame {
			stream = append(stream, p[f.Pos:f.Pos+f.Size]...)
		}
	}
}

// image is a disk as a crash left it, with what had been promised by then.
type image struct {
	fs                         *memFS
	mode                       crashMode
	at                         int
	released, durable, started LSN
	always                     bool
	gap                        LSN
	log                        []string
}

// campaign runs a log with faults and takes images of crashes on the way.
type campaign struct {
	t      *testing.T
	seed   uint64
	rng    *rand.Rand
	fs     *memFS
	dir    string
	l      *Log
	full   []byte
	ends   map[LSN]bool // where units end
	policy Policy
	// anyPolicy changes the policy on the way: then only what was durable is checked after the death of the machine.
	anyPolicy bool

	mu     sync.Mutex // protects what follows, and rng in hook
	hookRg *rand.Rand
	calls  int
	nextAt int
	images []image
	faults int // per thousand calls
	live   *Log
}

func (c *campaign) hook(op, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.calls == c.nextAt {
		c.nextAt += 1 + c.hookRg.IntN(25)
		mode := crashMode(c.hookRg.IntN(int(crashModes)))
		im := image{mode: mode, at: c.calls, always: c.policy == Always && !c.anyPolicy}
		if c.live != nil {
			im.released, im.durable = c.live.Released(), c.live.Durable()
		}
		im.fs = c.fs.crash(mode, c.hookRg)
		im.log = c.fs.log[max(0, len(c.fs.log)-40):]
		c.images = append(c.images, im)
	}
	if c.hookRg.IntN(1000) < c.faults {
		if op == "write" && c.hookRg.IntN(2) == 0 {
			return shortWrite{c.hookRg.IntN(200), errNoSpace}
		}
		return errIO
	}
	return nil
}

func (c *campaign) unit() []byte {
	value := make([]byte, c.rng.IntN(1<<c.rng.IntN(12)))
	for i := range value {
		value[i] = byte(c.rng.IntN(256))
	}
	key := fmt.Sprintf("key:%d", len(c.full))
	if c.rng.IntN(4) == 0 {
		return join(command("MULTI"), set(key, string(value)), command("INCR", "n"), command("EXEC"))
	}
	return set(key, string(value))
}

func (c *campaign) run() {
	t := c.t
	c.dir = "/data/appendonlydir"
	c.fs = newMemFS()
	c.ends = map[LSN]bool{0: true}
	o := Options{FS: c.fs, Dir: c.dir, Annotate: true, BootID: "boot", Policy: c.policy, Hardened: true,
		syncDelay: time.Millisecond, watermarkEvery: 3 * time.Millisecond}
	l, err := Create(o, Position{ID: testID, Epoch: 1}, Base{Write: func(w io.Writer) error { _, err := w.Write([]byte("state")); return err }})
	if err != nil {
		t.Fatal(err)
	}
	c.l = l
	c.mu.Lock()
	c.live, c.nextAt, c.faults = l, 1, 15
	if c.seed%3 == 0 {
		c.faults = 0
	}
	c.mu.Unlock()
	c.fs.setBefore(c.hook)
	var wg sync.WaitGroup
	db := 0
	for turn := range 150 {
		var p []byte
		if d := c.rng.IntN(3); turn == 0 || d != db && c.rng.IntN(10) == 0 {
			p, db = appendSelect(p, d), d
			c.ends[LSN(len(c.full)+len(p))] = true
		}
		for range c.rng.IntN(4) {
			p = append(p, c.unit()...)
			c.ends[LSN(len(c.full)+len(p))] = true
		}
		if len(p) > 0 && !l.Full() {
			c.full = append(c.full, p...)
			c.ends[LSN(len(c.full))] = true
			l.Commit(p, db)
			if l.End() != LSN(len(c.full)) {
				t.Fatalf("end %d, want %d", l.End(), len(c.full))
			}
		}
		switch c.rng.IntN(20) {
		case 0:
			c.rewrite(&wg)
		case 1:
			if c.anyPolicy {
				c.l.SetPolicy(Policy(c.rng.IntN(3)))
			}
		case 2, 3:
			time.Sleep(time.Duration(c.rng.IntN(2000)) * time.Microsecond)
		}
	}
	wg.Wait()
	c.fs.setBefore(nil)
	if err := l.Close(true); err != nil {
		t.Errorf("close: %v", err)
	}
	if l.Durable() != l.End() && l.Status().Gap == 0 {
		t.Errorf("closed at %d, durable %d", l.End(), l.Durable())
	}
	c.images = append(c.images, image{fs: c.fs.crash(forgot, c.hookRg), mode: forgot, gap: l.Status().Gap, log: c.fs.log, released: l.Released(), durable: l.Durable(), always: true, at: -1})
}

// rewrite switches and, in the background, installs a base.
func (c *campaign) rewrite(wg *sync.WaitGroup) {
	wg.Add(1)
	var at LSN
	var err error
	ready := make(chan struct{})
	at, err = c.l.Switch(func(err error) {
		go func() {
			defer wg.Done()
			<-ready
			if err != nil || at%2 == 0 { // half of the switches have no rewrite
				return
			}
			temp := c.l.TempName(fmt.Sprintf("rewrite-%d", at))
			f, err := c.fs.Create(temp)
			if err != nil {
				return
			}
			content := fmt.Appendf(nil, "state at %d", at)
			if _, err := f.Write(content); err != nil {
				return
			}
			if err := f.Sync(); err != nil {
				return
			}
			_ = c.l.Install(NewBase{Path: temp, At: at, Size: int64(len(content)), Sum: SumOf(content), HasSum: true})
		}()
	})
	close(ready)
	if err != nil {
		wg.Done()
	}
}

// check holds an image against the promises.
func (c *campaign) check(im image) error {
	r, err := recoverLog(im.fs, c.dir, im.mode == killed)
	if err != nil {
		return err
	}
	if r.end > LSN(len(c.full)) || !bytes.Equal(r.stream, c.full[r.base:r.end]) {
		return fmt.Errorf("recovered %d to %d is not the stream (I3)", r.base, r.end)
	}
	if !c.ends[r.end] {
		return fmt.Errorf("recovered to %d, within a unit (I5)", r.end)
	}
	if r.end < im.durable {
		return fmt.Errorf("recovered to %d, but %d was called durable (I8)", r.end, im.durable)
	}
	if (im.always || im.mode == killed) && r.end < im.released {
		return fmt.Errorf("recovered to %d, but replies up to %d were released (I1, I4)", r.end, im.released)
	}
	if im.mode == killed || im.mode == forgot {
		if err := c.checkStock(im, r); err != nil {
			return fmt.Errorf("a stock server: %w", err)
		}
	}
	return c.reopen(im, r)
}

// checkStock reads an image as a server does that knows of nothing but the manifest.
func (c *campaign) checkStock(im image, r *recovered) error {
	p, err := readFile(im.fs, filepath.Join(c.dir, ManifestName(defaultName)))
	if err != nil {
		return err
	}
	m, err := ParseManifest(p)
	if err != nil {
		return err
	}
	var got []byte
	for i, ref := range m.Incrs {
		p, err := readFile(im.fs, filepath.Join(c.dir, ref.Name))
		if err != nil {
			return err
		}
		part, tail, err := frames(p, ReaderOptions{Path: ref.Name, Unanchored: true})
		if tail.Kind != TailClean && (tail.Kind != TailTorn || i < len(m.Incrs)-1) {
			return err
		}
		got = append(got, part...)
	}
	base := r.base
	if b := m.Base; b != nil && b.Seq != r.dir.Manifest.Base.Seq {
		return errors.New("another base")
	}
	// A prologue whose line was cut off looks like one SELECT more; at the end it changes nothing for anybody.
	if i := bytes.LastIndex(got, []byte("*2\r\n$6\r\nSELECT\r\n")); i >= 0 && !bytes.Contains(got[i+1:], []byte("\r\n*")) && len(got)-i < 32 {
		if want := c.full[base:]; !bytes.HasPrefix(want, got) {
			got = got[:i]
		}
	}
	if want := c.full[base:]; !bytes.HasPrefix(want, got) {
		return fmt.Errorf("would load %d bytes that are not the stream from %d on", len(got), base)
	}
	return nil
}

// reopen goes on from an image, and sees that what was recovered is still there afterwards, and what follows too.
func (c *campaign) reopen(im image, r *recovered) error {
	s := Start{Manifest: r.dir.Manifest, Facts: r.dir.Facts, Position: Position{testID, 2, r.end}, Tail: r.tail}
	last := filepath.Join(c.dir, r.dir.Manifest.Last().Name)
	if !r.cut {
		s.Fresh = c.seed%2 == 0
	} else {
		// What is not proven is cut off, as recovery does.
		s.Fresh = true
		size := int64(0)
		p, _ := readFile(im.fs, last)
		rd := NewReader(bytes.NewReader(p), int64(len(p)), ReaderOptions{Start: r.tail.Start, Prologue: r.dir.Facts.Files[r.dir.Manifest.Last().Name].DB > 0})
		for rd.lsn < r.end {
			if _, err := rd.Next(); err != nil {
				return err
			}
		}
		size = rd.Pos()
		if _, err := cutFile(im.fs, last, size); err != nil {
			return err
		}
		s.Tail = nil
	}
	l, err := Open(Options{FS: im.fs, Dir: c.dir, Annotate: true, BootID: "boot"}, s)
	if err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	more := join(appendSelect(nil, 1), set("after", "the crash"))
	l.Commit(more, 1)
	if err := l.Close(true); err != nil {
		return fmt.Errorf("close again: %w", err)
	}
	again, err := recoverLog(im.fs.crash(forgot, c.rng), c.dir, false)
	if err != nil {
		return fmt.Errorf("second recovery: %w", err)
	}
	if !bytes.Equal(again.stream, append(bytes.Clone(r.stream), more...)) {
		return fmt.Errorf("second recovery differs: %d bytes, want %d and %d", len(again.stream), len(r.stream), len(more))
	}
	return nil
}

const anyPolicy Policy = 3

// Whatever the disk does and whenever the machine or the process dies: the recovered state is the stream up to some
// position, never with a hole (I3), never within a unit (I5); it covers what was called durable (I8), what was released
// under always (I1, I4), and after a mere kill all that was released under any policy (I4). A complete generation is
// there at each instant (I12), contiguous (I10) and with the recorded digests (I11), also for a stock server; and a
// start from there loses nothing of it (I18).
func TestCrashCampaign(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 8
	}
	for _, policy := range []Policy{Always, EverySec, No, anyPolicy} {
		t.Run(policy.String(), func(t *testing.T) {
			t.Parallel() // they mostly wait
			for seed := range uint64(rounds) {
				c := &campaign{t: t, seed: seed, policy: policy % 3, anyPolicy: policy == anyPolicy, rng: rand.New(rand.NewPCG(seed, 1)), hookRg: rand.New(rand.NewPCG(seed, 2))}
				c.run()
				for _, im := range c.images {
					if err := c.check(im); err != nil {
						t.Fatalf("seed %d, %v at call %d: %v\n%s", seed, im.mode, im.at, err, strings.Join(im.log, "\n"))
					}
				}
			}
		})
	}
}
