package listpack

import (
	"fmt"
	"testing"
)

// benchHash is a hash of n fields of the usual size.
func benchHash(n int) []byte {
	p := New(nil)
	for i := range n {
		p = Append(p, fmt.Appendf(nil, "field:%04d", i))
		p = Append(p, fmt.Appendf(nil, "value:%012d", i))
	}
	return p
}

func BenchmarkAppend(b *testing.B) {
	for _, s := range []string{"value:000000000012", "1234567"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			p := New(make([]byte, 0, 16<<10))
			v := []byte(s)
			for i := range b.N {
				if i%256 == 0 {
					p = New(p)
				}
				p = Append(p, v)
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	p := benchHash(128)
	for _, s := range []string{"field:0000", "field:0064", "field:0127", "absent"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			needle := []byte(s)
			for range b.N {
				Find(p, First(p), needle, 1)
			}
		})
	}
}

func BenchmarkInsert(b *testing.B) {
	b.ReportAllocs()
	p := benchHash(128)
	p = append(make([]byte, 0, 2*len(p)), p...)
	at, v := Seek(p, 128), []byte("field:0064")
	for range b.N {
		p = Delete(Insert(p, at, v), at, 1)
	}
}

func BenchmarkSeek(b *testing.B) {
	p := benchHash(128)
	for i := range b.N {
		Seek(p, i%256)
	}
}

func BenchmarkValidate(b *testing.B) {
	p := benchHash(128)
	b.SetBytes(int64(len(p)))
	for range b.N {
		Validate(p, nil)
	}
}
