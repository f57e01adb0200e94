package hll

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestNew(t *testing.T) {
	b := New()
	if want := "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff"; string(b) != want {
		t.Errorf("%q, want %q", b, want)
	}
	if n, ok := Cached(b); n != 0 || !ok || !Valid(b) {
		t.Error(n, ok, Valid(b))
	}
	if got := string(AppendRuns(nil, b)); got != "Z:16384" {
		t.Error(got)
	}
}

func TestRunsAfterAdd(t *testing.T) {
	for _, c := range []struct {
		name  string
		runs  []byte
		index int
		value uint8
		want  string
	}{
		{"first register", []byte{0x7f, 0xff}, 0, 3, "v:3,1 Z:16383"},
		{"last register", []byte{0x7f, 0xff}, 16383, 32, "Z:16383 v:32,1"},
		{"short runs on both sides", []byte{0x40, 0x80, 0x7f, 0x7e}, 64, 1, "z:64 v:1,1 z:64 Z:16255"},
		{"single zero, joined with both", []byte{0x84, 0x00, 0x84, 0x7f, 0xfc}, 1, 2, "v:2,3 Z:16381"},
		{"joined up to four", []byte{0x86, 0x00, 0x85, 0x7f, 0xf9}, 3, 2, "v:2,4 v:2,2 Z:16378"},
		{"inside equal values", []byte{0x87, 0x7f, 0xfb}, 1, 5, "v:2,1 v:5,1 v:2,2 Z:16380"},
		{"lower value", []byte{0x87, 0x7f, 0xfb}, 1, 2, "v:2,4 Z:16380"},
	} {
		w := sparseWriter{b: append(New()[:HeaderSize], c.runs...), max: 3000}
		if _, err := w.raise(c.index, c.value); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := string(AppendRuns(nil, w.b)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Storing a union register by register from where the last one was gives the bytes that searching from the start gives.
func TestRaiseInOrder(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 9))
		w := sparseWriter{b: New(), max: 1 << 20}
		for range rng.IntN(300) {
			w.near = spot{}
			if _, err := w.raise(rng.IntN(1000), uint8(1+rng.IntN(4))); err != nil {
				t.Fatal(err)
			}
		}
		w.near = spot{}
		slow := sparseWriter{b: bytes.Clone(w.b), max: 1 << 20}
		for i := range Registers {
			if rng.IntN(3) > 0 || i > 2000 && rng.IntN(50) > 0 {
				continue
			}
			v := uint8(1 + rng.IntN(4))
			slow.near = spot{}
			_, err1 := w.raise(i, v)
			_, err2 := slow.raise(i, v)
			if err1 != nil || err2 != nil || !bytes.Equal(w.b, slow.b) {
				t.Fatalf("seed %d, register %d: %v %v\n%s\n%s", seed, i, err1, err2, AppendRuns(nil, w.b), AppendRuns(nil, slow.b))
			}
		}
	}
}

func TestEstimateOfForgedRegisters(t *testing.T) {
	for _, c := range []struct {
		value uint8
		want  uint64
	}{{0, 0}, {45, 415828534307635072}, {49, 6653256548922161152}, {50, 1 << 63}, {51, 1 << 63}, {63, 1 << 63}} {
		b, err := ToDense(New())
		if err != nil {
			t.Fatal(err)
		}
		for i := range Registers {
			put(b[HeaderSize:], i, c.value)
		}
		if n, err := Count(b); n != c.want || err != nil {
			t.Errorf("all registers %d: %d, want %d (%v)", c.value, n, c.want, err)
		}
	}
}

// What 7.2.4 makes of strings that are wrong at their end.
func TestCorruptEnds(t *testing.T) {
	for _, c := range []struct {
		name                string
		runs                string
		count, union, added error
	}{
		{"VAL behind the last register", "\x7f\xff\x80", ErrCorrupt, nil, nil},
		{"ZERO behind the last register", "\x7f\xff\x00", ErrCorrupt, ErrCorrupt, nil},
		{"VAL over the last register", "\x7f\xfe\x81", ErrCorrupt, ErrCorrupt, nil},
		{"XZERO without its second byte", "\x3f\x3f\x3f\x3e\x7f", nil, nil, ErrCorrupt},
		{"nothing", "", ErrCorrupt, ErrCorrupt, ErrCorrupt},
	} {
		b := append(New()[:HeaderSize], c.runs...)
		if _, err := Count(b); err != c.count {
			t.Errorf("%s: Count: %v, want %v", c.name, err, c.count)
		}
		if err := new(Union).Add(b); err != c.union {
			t.Errorf("%s: Union: %v, want %v", c.name, err, c.union)
		}
		w := sparseWriter{b: b, max: 3000}
		if _, err := w.raise(Registers-1, 1); err != c.added {
			t.Errorf("%s: raise: %v, want %v", c.name, err, c.added)
		}
	}
}

func TestSelfTest(t *testing.T) {
	if err := selfTest(1, 3000, 100_000); err != nil {
		t.Error(err)
	}
}

// Whatever the bytes: no panic, an error leaves them alone, and adding to what is sound keeps it sound and equal to the dense form.
func FuzzAdd(f *testing.F) {
	f.Add(New(), []byte("a"), uint16(3000))
	f.Add(append(New()[:HeaderSize], 0x84, 0x00, 0x84, 0x7f, 0xfc), []byte("b"), uint16(20))
	f.Add(append(New()[:HeaderSize], 0x7f, 0xff, 0x80), []byte("c"), uint16(0))
	f.Add([]byte("HYLL"), []byte(""), uint16(3000))
	f.Fuzz(func(t *testing.T, b, elements []byte, sparseMax uint16) {
		if len(b) > 5 && b[0] == 'H' { // let more inputs pass the door
			copy(b, "HYLL\x01")
		}
		_, countErr := Count(b)
		var u Union
		unionErr := u.Add(b)
		model, modelErr := AppendRegisters(nil, b)
		if Valid(b) && EncodingOf(b) == Sparse {
			AppendRuns(nil, b)
		}
		if unionErr != modelErr || modelErr == nil && !bytes.Equal(model, u.regs[:]) {
			t.Fatalf("union %v, registers %v", unionErr, modelErr)
		}
		before := bytes.Clone(b)
		out := b
		for i := range elements {
			var changed bool
			var err error
			if out, changed, err = Add(out, elements[i:], int(sparseMax)); err != nil {
				if !bytes.Equal(out, before) {
					t.Fatalf("%v and changed", err)
				}
				break
			}
			if !changed != bytes.Equal(out, before) && changed {
				t.Fatal("changed to the same")
			}
			before = bytes.Clone(out)
			if modelErr == nil {
				index, rank := place(elements[i:])
				model[index] = max(model[index], rank)
			}
		}
		if countErr != nil || modelErr != nil {
			u.Reset()
			u.regs[17] = 33
			u.Store(bytes.Clone(before), int(sparseMax))
			return
		}
		got, err := AppendRegisters(nil, out)
		if err == nil && !bytes.Equal(got, model) {
			t.Fatal("other registers than the model's")
		}
	})
}

func ExampleAdd() {
	b := New()
	for i := range 1000 {
		var err error
		if b, _, err = Add(b, fmt.Append(nil, "element ", i), 3000); err != nil {
			panic(err)
		}
	}
	n, err := Count(b)
	fmt.Println(EncodingOf(b), n, err)
	// Output: sparse 1003 <nil>
}

func benchmarkAdd(b *testing.B, sparseMax, elements int) {
	s := New()
	var e [8]byte
	i := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		binary.LittleEndian.PutUint64(e[:], i%uint64(elements))
		i++
		s, _, _ = Add(s, e[:], sparseMax)
	}
}

func BenchmarkAddSparse(b *testing.B) { benchmarkAdd(b, 3000, 800) }
func BenchmarkAddDense(b *testing.B)  { benchmarkAdd(b, 0, 1<<62) }

func BenchmarkCount(b *testing.B) {
	s := New()
	var e [8]byte
	for i := range uint64(100000) {
		binary.LittleEndian.PutUint64(e[:], i)
		s, _, _ = Add(s, e[:], 3000)
	}
	b.Run("dense", func(b *testing.B) {
		for b.Loop() {
			Count(s)
		}
	})
	b.Run("union of two", func(b *testing.B) {
		var u Union
		for b.Loop() {
			u.Reset()
			u.Add(s)
			u.Add(s)
			u.Count()
		}
	})
}

func BenchmarkStoreSparse(b *testing.B) {
	var u Union
	for i := 0; i < Registers; i += 7 {
		u.regs[i] = uint8(1 + i%5)
	}
	for b.Loop() {
		u.Store(New(), 1<<20)
	}
}
