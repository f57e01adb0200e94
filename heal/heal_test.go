package heal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/crashfs"
)

// source is deterministic randomness as a Reader.
type source struct{ *rand.Rand }

func (s source) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s.Uint32())
	}
	return len(p), nil
}

func randomBytes(seed uint64, n int) []byte {
	p := make([]byte, n)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(p[i:], rng.Uint64())
	}
	return p
}

func options(fsys *crashfs.FS) Options {
	return Options{FS: fsys, Root: "/d", Random: source{rand.New(rand.NewPCG(1, 2))}, Now: func() time.Time { return time.UnixMilli(1) }}
}

func open(t testing.TB, fsys *crashfs.FS, key string) *Store {
	t.Helper()
	o := options(fsys)
	if key != "" {
		o.Key = []byte(key)
	}
	s, err := Open(o, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// covered is a disk with the file /d/f and its cover.
func covered(t testing.TB, content []byte, key string) (*crashfs.FS, string) {
	t.Helper()
	fsys := crashfs.New()
	fsys.Put("/d/f", string(content))
	s := open(t, fsys, key)
	e, err := s.Protect("f")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	return fsys, s.sidecarPath("f", e)
}

func content(t testing.TB, fsys *crashfs.FS, path string) []byte {
	t.Helper()
	c, ok := fsys.Tree()[path]
	if !ok {
		c, ok = fsys.Tree()[strings.TrimPrefix(path, "/")]
	}
	if !ok {
		t.Fatalf("no %s", path)
	}
	return []byte(c)
}

func TestSizes(t *testing.T) {
	for _, key := range []string{"", "secret"} {
		for _, n := range []int{0, 1, 4095, 4096, 65535, 65536, 300_001, 16<<20 + 5} {
			want := randomBytes(uint64(n), n)
			fsys, side := covered(t, want, key)
			s := open(t, fsys, key)
			r, err := s.Verify("f")
			if err != nil || r.State != Clean || !r.Sidecar {
				t.Fatalf("%d bytes: %+v, %v", n, r, err)
			}
			if size := len(content(t, fsys, side)); n >= smallSize && float64(size) > 0.14*float64(n)+1<<20 {
				t.Errorf("%d bytes: sidecar of %d", n, size)
			}
		}
	}
}

// TestSmallSidecarFlips: a byte of a sidecar is changed, or it is cut there, each of the first hundred and then at growing distances:
// the file stays clean, the sidecar is found damaged, and it comes back the same.
func TestSmallSidecarFlips(t *testing.T) {
	want := randomBytes(7, 5000)
	fsys, side := covered(t, want, "")
	whole := content(t, fsys, side)
	for i := 0; i < len(whole); i += 1 + i/100 {
		for _, broken := range [][]byte{flipped(whole, i), whole[:i]} {
			fsys.Put(side, string(broken))
			s := open(t, fsys, "")
			r, err := s.Verify("f")
			if err != nil || r.State != Sidecar {
				t.Fatalf("byte %d: %+v, %v", i, r, err)
			}
			if i%50 == 0 {
				if r, err = s.Repair("f", false); err != nil || !r.Repaired || !bytes.Equal(content(t, fsys, side), whole) {
					t.Fatalf("byte %d: %+v, %v", i, r, err)
				}
			}
			s.Close()
		}
	}
}

func flipped(p []byte, i int) []byte {
	p = bytes.Clone(p)
	p[i] ^= 0x10
	return p
}

// TestBudget: a burst of the whole budget at any offset is repaired bit-exact; one more cell in the same place is refused, and
// nothing is changed (I17).
func TestBudget(t *testing.T) {
	want := randomBytes(3, 1_000_000)
	fsys, _ := covered(t, want, "")
	s := open(t, fsys, "")
	budget := int(shapeOf(int64(len(want)), Profile64x8).burst())
	for _, off := range []int{0, 1, 4095, 123_456, len(want) - budget} {
		broken := bytes.Clone(want)
		for i := range budget {
			broken[off+i] ^= 0xff
		}
		fsys.Put("/d/f", string(broken))
		r, err := s.Repair("f", false)
		if err != nil || !r.Repaired || r.State != Damaged || !bytes.Equal(content(t, fsys, "/d/f"), want) {
			t.Fatalf("at %d: %+v, %v", off, r.State, err)
		}
		if r, err = s.Verify("f"); err != nil || r.State != Clean {
			t.Fatalf("at %d, after: %+v, %v", off, r, err)
		}
	}
	broken := bytes.Clone(want)
	_, _, rows, _ := shapeOf(int64(len(want)), Profile64x8).stripe(0)
	for shard := range 9 {
		broken[shard*rows*cellSize] ^= 1
	}
	fsys.Put("/d/f", string(broken))
	r, err := s.Repair("f", false)
	if !errors.Is(err, ErrBeyond) || r.State != Beyond || len(r.Lost) != 9 || !bytes.Equal(content(t, fsys, "/d/f"), broken) {
		t.Fatalf("beyond: %+v, %v", r, err)
	}
}

// TestRot: random damage of all kinds to file, sidecar and catalog. A file is never called clean when it is not, and a repair
// gives the bytes back exactly or changes nothing.
func TestRot(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	tally := map[State]int{}
	for round := range 150 {
		n := []int{700, 40_000, 70_000, 600_000}[rng.IntN(4)]
		want := randomBytes(uint64(round), n)
		fsys, side := covered(t, want, "")
		paths := []string{"/d/f", "/d/f", side, "/d/heal/catalog.0"}
		for range 1 + rng.IntN(3) {
			path := paths[rng.IntN(len(paths))]
			p := content(t, fsys, path)
			if len(p) == 0 {
				continue
			}
			at := rng.IntN(len(p))
			upTo := min(len(p), at+[]int{1, 512, 4096, 65536, 2 << 20}[rng.IntN(5)])
			switch rng.IntN(6) {
			case 0:
				p[at] ^= 1 << rng.IntN(8)
			case 1:
				clear(p[at:upTo])
			case 2:
				copy(p[at:upTo], randomBytes(rng.Uint64(), upTo-at))
			case 3:
				p = p[:at]
			case 4:
				if len(p) > 2*cellSize { // swapped cells
					a, b := p[:cellSize], p[cellSize:2*cellSize]
					c := bytes.Clone(a)
					copy(a, b)
					copy(b, c)
				}
			case 5:
				p = append(p, randomBytes(9, 5000)...)
			}
			fsys.Put(path, string(p))
		}
		damaged := content(t, fsys, "/d/f")
		s := open(t, fsys, "")
		r, err := s.Verify("f")
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		same := bytes.Equal(damaged, want)
		if same != (r.State == Clean || r.State == Sidecar) {
			t.Fatalf("round %d: %s, the file is the same: %v", round, r.State, same)
		}
		tally[r.State]++
		_, err = s.Repair("f", true)
		after := content(t, fsys, "/d/f")
		if r.State == Beyond {
			if !errors.Is(err, ErrBeyond) || !bytes.Equal(after, damaged) {
				t.Fatalf("round %d: beyond: %v", round, err)
			}
		} else if err != nil || !bytes.Equal(after, want) {
			t.Fatalf("round %d: %s, not repaired: %v", round, r.State, err)
		}
		s.Close()
	}
	if len(tally) < 5 {
		t.Errorf("some states never came up: %v", tally)
	}
}

// TestStale: I14. The pair of an older generation, put back beside the newer catalog, is not used.
func TestStale(t *testing.T) {
	old := randomBytes(1, 100_000)
	fsys, oldSide := covered(t, old, "")
	oldBytes := content(t, fsys, oldSide)
	fresh := randomBytes(2, 100_000)
	fsys.Put("/d/f", string(fresh))
	s := open(t, fsys, "")
	e, err := s.Protect("f")
	if err != nil {
		t.Fatal(err)
	}
	fsys.Put(s.sidecarPath("f", e), string(oldBytes))
	if r, err := s.Verify("f"); err != nil || r.State != Sidecar {
		t.Fatalf("foreign sidecar: %+v, %v", r, err)
	}
	fsys.Put("/d/f", string(old))
	if r, err := s.Repair("f", true); !errors.Is(err, ErrBeyond) {
		t.Fatalf("stale pair: %+v, %v", r, err)
	}
}

// TestUnreadable: a sector that the device does not give is one damaged cell, and is brought back.
func TestUnreadable(t *testing.T) {
	want := randomBytes(6, 600_000)
	fsys, _ := covered(t, want, "")
	s := open(t, fsys, "")
	s.o.FS = unreadable{fsys, "/d/f", 123_456}
	r, err := s.Repair("f", false)
	if err != nil || r.Cells != 1 || !r.Repaired || !bytes.Equal(content(t, fsys, "/d/f"), want) {
		t.Fatalf("%+v, %v", r, err)
	}
}

// TestCrash: wherever a protect or a repair is cut short by a power loss, the file is the one before or the right one, and the
// same call afterwards ends well (I18).
func TestCrash(t *testing.T) {
	want := randomBytes(5, 90_000)
	base, _ := covered(t, want, "")
	broken := bytes.Clone(want)
	clear(broken[10_000:20_000])
	base.Put("/d/f", string(broken))
	for seed := range uint64(10) {
		for stop := 1; stop < 30; stop += 3 {
			fsys := base.Clone()
			s := open(t, fsys, "")
			left := stop
			cut := errors.New("cut")
			s.o.FS = stopping{FS: fsys, left: &left, err: cut}
			_, err := s.Repair("f", false)
			if err != nil && !errors.Is(err, cut) {
				t.Fatal(err)
			}
			done := err == nil
			s.Close()
			after := fsys.Crash(seed)
			got := content(t, after, "/d/f")
			if !bytes.Equal(got, want) && (done || !bytes.Equal(got, broken)) {
				t.Fatalf("seed %d, stop %d: neither before nor after", seed, stop)
			}
			s = open(t, after, "")
			if _, err := s.Repair("f", false); err != nil || !bytes.Equal(content(t, after, "/d/f"), want) {
				t.Fatalf("seed %d, stop %d: again: %v", seed, stop, err)
			}
			s.Close()
		}
	}
}

func FuzzScan(f *testing.F) {
	d := digester{}
	b := bound{Generation: 1}
	f.Add(d.appendPacket(nil, b, packetID{kind: kindTable}, make([]byte, 32)))
	f.Add([]byte(magic + magic))
	f.Fuzz(func(t *testing.T, p []byte) {
		end := int64(0)
		err := d.scan(bytes.NewReader(p), int64(len(p)), b, func(id packetID, pos int64, payload []byte) {
			if pos < end || pos+int64(headerSize+len(payload)) > int64(len(p)) {
				t.Fatal("packets overlap or pass the end")
			}
			end = pos + int64(headerSize+len(payload))
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkCells(b *testing.B) {
	p := randomBytes(1, 1<<20)
	for _, key := range [][]byte{nil, []byte("key")} {
		b.Run(fmt.Sprintf("keyed=%v", key != nil), func(b *testing.B) {
			sum := digester{key}.cells(bound{})
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				for c := 0; c < len(p); c += cellSize {
					sum(uint64(c), p[c:c+cellSize])
				}
			}
		})
	}
}

// The tables of the last stripe, which is not full, are lost: its data proves itself by the root, and so does the rest.
func TestLastTablesLost(t *testing.T) {
	want := randomBytes(11, 16<<20+70_000)
	fsys, side := covered(t, want, "")
	s := open(t, fsys, "")
	e, _ := s.Entry("f")
	p := content(t, fsys, side)
	lost := 0
	err := s.d.scan(bytes.NewReader(p), int64(len(p)), e.bound(), func(id packetID, pos int64, _ []byte) {
		if id.kind == kindTable && id.stripe == 1 {
			p[pos+headerSize] ^= 1
			lost++
		}
	})
	if err != nil || lost != copies {
		t.Fatalf("%d tables, %v", lost, err)
	}
	fsys.Put(side, string(p))
	if r, err := s.Verify("f"); err != nil || r.State != Sidecar {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := s.Repair("f", false); err != nil || !r.Repaired {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := s.Verify("f"); err != nil || r.State != Clean {
		t.Fatalf("%+v, %v", r, err)
	}
}
