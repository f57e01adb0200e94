package resp

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"github.com/tidwall/redcon"
)

// setPipeline is n commands SET with a key of 16 and a value of 64 bytes.
func setPipeline(n int) []byte {
	var p []byte
	for i := range n {
		p = AppendCommand(p, []byte("SET"), fmt.Appendf(nil, "key:%012d", i), bytes.Repeat([]byte("v"), 64))
	}
	return p
}

// BenchmarkReader parses pipelines as the reactor does: one read, then all commands in it.
func BenchmarkReader(b *testing.B) {
	for _, depth := range []int{1, 16, 100} {
		input := setPipeline(depth)
		b.Run("SET/pipeline="+strconv.Itoa(depth), func(b *testing.B) {
			var r Reader
			var limits Limits
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				r.Filled(copy(r.Space(1), input))
				n := 0
				for {
					argv, err := r.Next(&limits)
					if err != nil {
						b.Fatal(err)
					}
					if argv == nil {
						break
					}
					n += len(argv)
				}
				if n != 3*depth {
					b.Fatal(n)
				}
				r.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(depth), "ns/command")
		})
	}
}

// BenchmarkRedcon does the same with redcon's reader on whole input, once as it is, which a server cannot risk, and once
// behind a check of the headers, which is what it takes to keep hostile lengths away from it.
func BenchmarkRedcon(b *testing.B) {
	for _, checked := range []bool{false, true} {
		for _, depth := range []int{1, 16, 100} {
			input := setPipeline(depth)
			b.Run(fmt.Sprintf("checked=%v/SET/pipeline=%d", checked, depth), func(b *testing.B) {
				buf := make([]byte, standardBlock)
				var argv [][]byte
				b.ReportAllocs()
				b.SetBytes(int64(len(input)))
				for b.Loop() {
					n := 0
					for rest := buf[:copy(buf, input)]; len(rest) > 0; {
						if checked && !wholeCommand(rest) {
							b.Fatal("not whole")
						}
						var ok bool
						var err error
						ok, argv, _, rest, err = redcon.ReadNextCommand(rest, argv[:0])
						if !ok || err != nil {
							b.Fatal(ok, err)
						}
						n += len(argv)
					}
					if n != 3*depth {
						b.Fatal(n)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(depth), "ns/command")
			})
		}
	}
}

// wholeCommand reports whether b begins with a multibulk all of whose headers are in order and whose bytes are there.
func wholeCommand(b []byte) bool {
	count, pos := shortHeader(b, '*')
	for ; count > 0; count-- {
		n, size := shortHeader(b[pos:], '$')
		if size == 0 || n > len(b)-pos-size-2 {
			return false
		}
		pos += size + n + 2
	}
	return pos > 0
}

func BenchmarkBigArgument(b *testing.B) {
	for _, size := range []int{100 << 10, 1 << 20, 64 << 20} {
		input := AppendCommand(nil, []byte("SET"), []byte("k"), make([]byte, size))
		b.Run(strconv.Itoa(size>>10)+"KiB", func(b *testing.B) {
			var r Reader
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				for in := input; len(in) > 0; {
					space := r.Space(1)
					n := copy(space[:min(len(space), 64<<10)], in)
					r.Filled(n)
					in = in[n:]
					argv, err := r.Next(nil)
					if err != nil || (argv != nil) != (len(in) == 0) {
						b.Fatal(len(argv), err)
					}
				}
				r.Release()
			}
		})
	}
}

func BenchmarkInline(b *testing.B) {
	input := bytes.Repeat([]byte("SET key:000000000001 \"some value\"\r\n"), 16)
	var r Reader
	b.ReportAllocs()
	for b.Loop() {
		r.Filled(copy(r.Space(1), input))
		for {
			argv, err := r.Next(nil)
			if err != nil {
				b.Fatal(err)
			}
			if argv == nil {
				break
			}
		}
		r.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/command")
}

func BenchmarkWriter(b *testing.B) {
	value := bytes.Repeat([]byte("v"), 64)
	for _, c := range []struct {
		name  string
		write func(*Writer)
	}{
		{"OK", (*Writer).OK},
		{"Int", func(w *Writer) { w.Int(123456) }},
		{"Bulk64", func(w *Writer) { w.Bulk(value) }},
		{"Array", func(w *Writer) { w.Array(100) }},
		{"Double", func(w *Writer) { w.Double(0.1) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := Writer{Buf: make([]byte, 0, 4096)}
			b.ReportAllocs()
			for b.Loop() {
				w.Buf = w.Buf[:0]
				c.write(&w)
			}
		})
	}
}
