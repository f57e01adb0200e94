package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// sampleIncrement is an increment with everything in it, covered by a line at its end, and its stream.
func sampleIncrement(t testing.TB) (file, stream []byte, start LSN) {
	t.Helper()
	fs := newMemFS()
	o := quickOptions(fs, No)
	o.Timestamps = true
	l := createTest(t, o)
	commit := func(parts ...[]byte) {
		p := join(parts...)
		stream = append(stream, p...)
		l.Commit(p, 3)
	}
	l.Commit(join(appendSelect(nil, 3), set("before", "x")), 3)
	start = l.End()
	if _, err := switchNow(l); err != nil {
		t.Fatal(err)
	}
	commit(set("a", "1"))
	commit(command("MULTI"), set("b", "2"), command("INCR", "n"), command("EXEC"))
	l.SetPolicy(EverySec)
	waitFor(t, "a sync", func() bool { return l.Durable() == l.End() })
	commit(set("c", "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n#FR1 nonsense\r\n\x00\x00"), command("DEL", "a", "b"))
	waitFor(t, "a sync", func() bool { return l.Durable() == l.End() })
	commit(command("multi"), set("d", ""), command("exec"))
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	file, err := readFile(fs, testDir+"/appendonly.aof.2.incr.aof")
	if err != nil {
		t.Fatal(err)
	}
	return file, stream, start
}

// items reads a file and describes each frame.
func items(p []byte, o ReaderOptions) (list []string, tail Tail, err error) {
	r := NewReader(bytes.NewReader(p), int64(len(p)), o)
	for {
		f, err := r.Next()
		if err != nil {
			return list, r.Tail(), err
		}
		list = append(list, fmt.Sprintf("%d+%d %d-%d %d %v %q", f.Pos, f.Size, f.LSN, f.End, f.Kind, f.InUnit, f.Args))
	}
}

func TestReader(t *testing.T) {
	file, stream, start := sampleIncrement(t)
	r := NewReader(bytes.NewReader(file), int64(len(file)), ReaderOptions{Path: "incr", Start: start, Prologue: true})
	var got []byte
	var kinds string
	pos, lsn := int64(0), start
	for {
		f, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Pos != pos || f.LSN != lsn || !bytes.Equal(f.Raw, file[f.Pos:f.Pos+f.Size]) {
			t.Errorf("frame at %d with LSN %d; wanted %d and %d", f.Pos, f.LSN, pos, lsn)
		}
		pos, lsn = f.Pos+f.Size, f.End
		kinds += [...]string{"c", "L", "#", "P"}[f.Kind]
		if f.InUnit {
			kinds += "'"
		}
		if f.Kind == CommandFrame {
			p := []byte(fmt.Sprintf("*%d\r\n", len(f.Args)))
			for _, a := range f.Args {
				p = append(p, fmt.Sprintf("$%d\r\n%s\r\n", len(a), a)...)
			}
			got = append(got, p...)
		}
		if f.Kind == CommentFrame && f.Unix == 0 {
			t.Errorf("no time in %q", f.Text)
		}
		if f.Kind == PrologueFrame && string(f.Args[1]) != "3" {
			t.Errorf("prologue %q", f.Args)
		}
	}
	// The file's second may change on the way, and then there is another time line.
	if kinds = strings.ReplaceAll(kinds, "#", ""); kinds != "PLcc'c'c'c'LccLc'c'c'L" {
		t.Errorf("frames %s", kinds)
	}
	if !bytes.Equal(got, stream) {
		t.Errorf("stream %q\nwant %q", got, stream)
	}
	tail := r.Tail()
	if tail.Kind != TailClean || tail.Size != int64(len(file)) || tail.LSN != start+LSN(len(stream)) || tail.Lines != 4 || tail.LastPos != tail.Size || tail.Commands != 10 {
		t.Errorf("tail %v", tail)
	}
	if tail.file.Sum() != SumOf(file) {
		t.Error("the file's digest is wrong")
	}
}

// The file is whole, or a prefix of it is handed out and the end called torn: never corrupt, never more.
func TestReaderCutAtEveryByte(t *testing.T) {
	file, _, start := sampleIncrement(t)
	o := ReaderOptions{Path: "incr", Start: start, Prologue: true}
	whole, _, err := items(file, o)
	if err != io.EOF {
		t.Fatal(err)
	}
	for n := range len(file) {
		list, tail, err := items(file[:n], o)
		if len(list) > len(whole) || strings.Join(list, "\n") != strings.Join(whole[:len(list)], "\n") {
			t.Fatalf("cut at %d: other frames", n)
		}
		var ce *CorruptError
		switch {
		case err == io.EOF:
			if tail.Kind != TailClean || tail.Size != int64(n) {
				t.Errorf("cut at %d: tail %v", n, tail)
			}
		case errors.As(err, &ce) && ce.EOF && ce.Resume > 0 && !ce.Proven && bytes.HasSuffix(file[:n], command("GET", "x")):
			// A value that holds a command and ends with it: what that is nobody can tell.
		case !errors.Is(err, ErrTorn) || errors.Is(err, ErrCorrupt) || !errors.As(err, &ce):
			t.Errorf("cut at %d: %v", n, err)
		case tail.Kind != TailTorn || tail.Size != ce.Unit || tail.LSN != ce.LSN || ce.Pos < ce.Unit || ce.Pos > int64(n) || !ce.EOF:
			t.Errorf("cut at %d: tail %v, error %+v", n, tail, ce)
		}
		// With zeros behind, as file systems leave them, it is the same place.
		_, ztail, err := items(append(bytes.Clone(file[:n]), make([]byte, 5000)...), o)
		if !errors.Is(err, ErrTorn) || ztail.Size > int64(n) || ztail.Size < tail.Size {
			t.Errorf("cut at %d, zeros behind: %v; tail %v, without zeros %v", n, err, ztail, tail)
		}
	}
}

// A changed byte is found and its place named, or it changes nothing that is loaded.
func TestReaderFlipEveryByte(t *testing.T) {
	file, stream, start := sampleIncrement(t)
	for i := range file {
		for bit := range 8 {
			p := bytes.Clone(file)
			p[i] ^= 1 << bit
			got, tail, err := frames(p, ReaderOptions{Path: "incr", Start: start, Prologue: true})
			var ce *CorruptError
			switch {
			case err == io.EOF:
				if !bytes.Equal(got, stream) {
					t.Errorf("bit %d of byte %d (%q): another stream and no error", bit, i, file[i])
				}
			case !errors.As(err, &ce):
				t.Errorf("bit %d of byte %d: %v", bit, i, err)
			case tail.LastPos > int64(i) || ce.Pos < ce.Unit || tail.Size != ce.Unit:
				t.Errorf("bit %d of byte %d: error %v, tail %v", bit, i, ce, tail)
			case tail.Lines > 0 && !bytes.HasPrefix(got, stream[:tail.Last.LSN-start]):
				t.Errorf("bit %d of byte %d: proven up to LSN %d, but another stream", bit, i, tail.Last.LSN)
			case ce.Torn && i < len(file)-600:
				// More than the last line and unit follows: then it is no tail.
				t.Errorf("bit %d of byte %d of %d: called torn: %v", bit, i, len(file), ce)
			}
		}
	}
}

func TestReaderCases(t *testing.T) {
	line := func(lsn LSN, stream []byte) []byte {
		l := Line{Position: Position{testID, 1, lsn}, Len: int64(len(stream)), Sum: SumOf(stream)}
		return l.AppendTo(nil)
	}
	a, b := set("a", "1"), set("b", "22")
	multi, exec := command("MULTI"), command("EXEC")
	big := strings.Repeat("x", 3*windowSize)
	for _, c := range []struct {
		name string
		p    []byte
		o    ReaderOptions
		want string // frames and how it ends
	}{
		{name: "empty", want: " clean 0"},
		{name: "stock", p: join(a, []byte("#TS:1700000000\r\n"), b), want: "c#c clean 71"},
		{name: "LF only behind a comment", p: join([]byte("# hi\n"), a), want: "#c clean 32"},
		{name: "lines inside a unit", p: join(multi, line(15, multi), a, exec), want: "cLcc clean"},
		{name: "unit without end", p: join(a, multi, b), want: "c torn 27 EXEC"},
		{name: "unit cut short", p: join(a, multi, b[:10]), want: "c torn 27"},
		{name: "unit without end before a line", p: join(a, multi, b, line(99, b)), want: "c corrupt 27 EXEC"},
		{name: "EXEC alone", p: join(exec, a), want: "cc clean"},
		{name: "MULTI in a unit", p: join(multi, multi, a, exec), want: "cccc clean"},
		{name: "unit larger than the window", p: join(multi, set("k", big), a, exec, b), want: "ccccc clean"},
		{name: "large unit without end", p: join(a, multi, set("k", big), set("l", big)), want: "c torn 27 EXEC"},
		{name: "large value cut short", p: join(a, set("k", big)[:2*windowSize]), want: "c torn 27"},
		{name: "zeros", p: join(a, make([]byte, 3*windowSize)), want: "c torn 27 zeros"},
		{name: "zeros and more", p: join(a, make([]byte, 4096), b), want: "c corrupt 27 27"},
		{name: "text", p: join(a, []byte("GET a\r\n")), want: "c corrupt 27"},
		{name: "length swallows what follows", p: bytes.Replace(join(a, b, a, b, a), []byte("$2"), []byte("$99"), 1), want: "c corrupt 27 56"},
		{name: "length swallows the only command that follows", p: bytes.Replace(join(b, a), []byte("$2"), []byte("$99"), 1), want: " corrupt 0"},
		{name: "length swallows up to a line", p: bytes.Replace(join(a, b, line(55, join(a, b))), []byte("$2"), []byte("$99"), 1), want: "c corrupt 27"},
		{name: "count swallows what follows", p: bytes.Replace(join(a, b, a, a), []byte("*3\r\n$3\r\nSET\r\n$1\r\nb"), []byte("*9\r\n$3\r\nSET\r\n$1\r\nb"), 1), want: "c corrupt 27 55"},
		{name: "negative count", p: []byte("*-1\r\n"), want: " corrupt 0"},
		{name: "count of zero", p: []byte("*0\r\n"), want: " corrupt 0"},
		{name: "null argument", p: join([]byte("*1\r\n$-1\r\n"), a), want: " corrupt 0"},
		{name: "leading zero", p: []byte("*01\r\n$1\r\na\r\n"), want: " corrupt 0"},
		{name: "plus sign", p: []byte("*+1\r\n$1\r\na\r\n"), want: " corrupt 0"},
		{name: "huge number", p: []byte("*1\r\n$99999999999999999999\r\na\r\n"), want: " corrupt 0"},
		{name: "largest number", p: []byte("*1\r\n$999999999999999999\r\na\r\n"), want: " torn 0"},
		{name: "many arguments claimed", p: []byte("*999999999999999999\r\n$1\r\na\r\n"), want: " torn 0"},
		{name: "LF alone", p: []byte("*1\n$1\na\n"), want: " corrupt 0"},
		{name: "our line, wrong digest", p: join(a, line(27, a), b, line(55, a)), want: "cLc corrupt"},
		{name: "our line, wrong LSN", p: join(a, line(28, a)), want: "c corrupt 0"},
		{name: "our line, unanchored", p: join(a, line(1027, a), b), o: ReaderOptions{Unanchored: true}, want: "cLc clean"},
		{name: "our line, broken", p: join(a, bytes.Replace(line(27, a), []byte("lsn"), []byte("lsm"), 1)), want: "c corrupt 27"},
		{name: "long comment", p: join([]byte("#"+strings.Repeat("x", 1021)+"\n"), a), want: "#c clean"},
		{name: "comment too long", p: join([]byte("#"+strings.Repeat("x", 1022)+"\n"), a), want: " corrupt 0"},
		{name: "comment cut short", p: join(a, []byte("#TS:17")), want: "c torn 27"},
		{name: "SELECT first", p: join(appendSelect(nil, 3), a), want: "cc clean"},
		{name: "SELECT alone", p: appendSelect(nil, 3), want: "c clean 23"},
		{name: "SELECT alone that must be a prologue", p: appendSelect(nil, 3), o: ReaderOptions{Prologue: true}, want: " torn 0"},
		{name: "SELECT and half a line", p: append(appendSelect(nil, 3), "#FR1 id"...), want: " torn 0"},
		{name: "SELECT and half a comment", p: append(appendSelect(nil, 3), "#TS"...), want: "c torn 23"},
		{name: "size limited", p: join(a, b), o: ReaderOptions{Size: 27}, want: "c clean 27"},
		{name: "behind a preamble", p: join([]byte("REDIS"), a, []byte("*")), o: ReaderOptions{Pos: 5, Start: 100}, want: "c torn 32"},
	} {
		c.o.Path = "incr"
		r := NewReader(bytes.NewReader(c.p), int64(len(c.p)), c.o)
		got := ""
		var err error
		for {
			var f *Frame
			if f, err = r.Next(); err != nil {
				break
			}
			got += [...]string{"c", "L", "#", "P"}[f.Kind]
		}
		tail := r.Tail()
		got += fmt.Sprintf(" %s %d", tail.Kind, tail.Size)
		var ce *CorruptError
		if errors.As(err, &ce) {
			got += fmt.Sprintf(" %s %s %d", ce.Wanted, ce.Found, ce.Resume)
		}
		words := strings.SplitN(c.want, " ", 2)
		if !strings.HasPrefix(got, words[0]+" ") {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		for _, w := range strings.Fields(words[1]) {
			if !strings.Contains(" "+got+" ", " "+w+" ") {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
		}
	}
}

// An unanchored reader learns from the first line where the file begins.
func TestReaderUnanchored(t *testing.T) {
	file, stream, start := sampleIncrement(t)
	r := NewReader(bytes.NewReader(file), int64(len(file)), ReaderOptions{Unanchored: true, Verify: true})
	for {
		f, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Args != nil {
			t.Fatal("arguments although only checking")
		}
	}
	if tail := r.Tail(); tail.Start != start || tail.LSN != start+LSN(len(stream)) {
		t.Errorf("tail %v, want start %d", tail, start)
	}
}

// A few bytes cannot make the reader take much memory, nor much time.
func TestReaderHostile(t *testing.T) {
	var m0, m1 runtime.MemStats
	for _, p := range [][]byte{
		[]byte("*99999999\r\n$99999999\r\nx\r\n"),
		[]byte("*1\r\n$536870912\r\n" + strings.Repeat("*2\r\n$3\r\nSET\r\n$9\r\n", 50_000)),
		[]byte("*1\r\n$1\r\n" + strings.Repeat("\r\n*", 500_000)),
		bytes.Repeat([]byte("\r\n#FR1 "), 100_000),
		bytes.Repeat(command("MULTI"), 20_000),
	} {
		runtime.ReadMemStats(&m0)
		_, _, err := frames(p, ReaderOptions{})
		runtime.ReadMemStats(&m1)
		if used := m1.TotalAlloc - m0.TotalAlloc; used > uint64(4*windowSize+4*len(p)) {
			t.Errorf("%.20q: %d bytes of memory for %d of input", p, used, len(p))
		}
		var ce *CorruptError
		if !errors.As(err, &ce) {
			t.Errorf("%.20q: %v", p, err)
		}
	}
}

// An error of the disk is handed on as it is, not taken for the end of the file.
func TestReaderDiskError(t *testing.T) {
	r := NewReader(failingReader{}, 100, ReaderOptions{})
	if _, err := r.Next(); !errors.Is(err, iotest.ErrTimeout) || r.Tail().Kind != TailOpen {
		t.Errorf("%v, tail %v", err, r.Tail())
	}
	r = NewReader(bytes.NewReader(set("a", "1")), 100, ReaderOptions{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that shrank: %v", err)
	}
}

type failingReader struct{}

func (failingReader) ReadAt([]byte, int64) (int, error) { return 0, iotest.ErrTimeout }

// Whatever the sizes are, frames come out as they went in.
func TestReaderSizes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var want []string
	var p []byte
	for range 300 {
		n := rng.IntN(1 << rng.IntN(20))
		v := strings.Repeat(string(rune('a'+rng.IntN(26))), n)
		want = append(want, v)
		unit := set("k", v)
		if rng.IntN(3) == 0 {
			unit = join(command("MULTI"), unit, command("EXEC"))
		}
		p = append(p, unit...)
	}
	r := NewReader(bytes.NewReader(p), int64(len(p)), ReaderOptions{})
	for i := 0; ; {
		f, err := r.Next()
		if err == io.EOF {
			if i != len(want) {
				t.Fatalf("%d values, want %d", i, len(want))
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Args) == 3 {
			if string(f.Args[2]) != want[i] {
				t.Fatalf("value %d has %d bytes, want %d", i, len(f.Args[2]), len(want[i]))
			}
			i++
		}
	}
	if tail := r.Tail(); tail.file.Sum() != SumOf(p) || tail.since.Sum() != SumOf(p) {
		t.Error("wrong digest")
	}
}

func FuzzReader(f *testing.F) {
	file, _, start := sampleIncrement(f)
	f.Add(file, uint64(start), true)
	f.Add([]byte("*1\r\n$4\r\nPING\r\n#TS:17\r\n*2\r\n$5\r\nMULTI\r\n$0\r\n\r\n\x00\x00"), uint64(0), false)
	f.Fuzz(func(t *testing.T, p []byte, start uint64, prologue bool) {
		o := ReaderOptions{Start: LSN(start), Prologue: prologue}
		list, tail, err := items(p, o)
		if tail.Size > int64(len(p)) || tail.LSN < tail.Start && start < 1<<62 {
			t.Fatalf("tail %v of %d bytes", tail, len(p))
		}
		if err != io.EOF {
			var ce *CorruptError
			if !errors.As(err, &ce) || ce.Unit > ce.Pos || ce.Unit != tail.Size {
				t.Fatalf("%v, tail %v", err, tail)
			}
		}
		if tail.Kind == TailTorn {
			// What is left after cutting is whole, and the same.
			again, cut, err := items(p[:tail.Size], ReaderOptions{Start: LSN(start)})
			if err != io.EOF || cut.LSN != tail.LSN || len(again) != len(list) {
				t.Fatalf("torn after %d bytes; cut there: %v, tail %v", tail.Size, err, cut)
			}
		}
		o.Verify = true
		if _, vtail, verr := items(p, o); (verr == nil) != (err == nil) || vtail.Size != tail.Size || vtail.Kind != tail.Kind {
			t.Fatalf("tail %v, when verifying %v", tail, vtail)
		}
	})
}
