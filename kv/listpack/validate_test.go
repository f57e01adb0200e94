package listpack

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		want      bool
	}{
		{"empty", "070000000000ff", true},
		{"nothing", "", false},
		{"header only", "060000000000", false},
		{"one entry", "0a0000000100816102ff", true},
		{"total too small", "090000000100816102ff", false},
		{"total too large", "0b0000000100816102ff", false},
		{"no end mark", "0a0000000100816102fe", false},
		{"count too small", "0a0000000000816102ff", false},
		{"count too large", "0a0000000200816102ff", false},
		{"count unknown", "0a000000ffff816102ff", true},
		{"end mark inside", "0a0000000000ff6102ff", false},
		{"unknown encoding", "0a0000000100f56102ff", false},
		{"string beyond the end", "0a0000000100836102ff", false},
		{"string that leaves no back length", "0a0000000100826103ff", false},
		{"back length too small", "0a0000000100816101ff", false},
		{"back length too large", "0a0000000100816103ff", false},
		{"back length without end", "0a0000000100816182ff", false},
		{"back length that goes on in the body", "0a0000000100810082ff", true},
		{"back length in the header only", "0900000001000181ff", false},
		{"half an integer", "0b0000000100f4000103ff", false},
		{"half a head", "080000000100e0ff", false},
		{"long head", "090000000100f000ff", false},
		{"string of 4 GB", "0d0000000100f0ffffffff05ff", false},
		{"integer not in its shortest form", "0b0000000100f1010003ff", true},
		{"string that spells an integer", "0a0000000100813102ff", true},
	} {
		p, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := Validate(p, nil); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A body of 16383 bytes has a back length of three bytes, of which two can tell: then the third does not matter.
func TestValidateThirdByte(t *testing.T) {
	p := build("a", string(make([]byte, 16378)), "b")
	last := Last(p)
	copy(p[last-3:], []byte{0x55, 0x7f, 0xff})
	if !Validate(p, nil) || Prev(p, Last(p)) != Seek(p, 1) {
		t.Error("not valid")
	}
}

func TestValidateVisit(t *testing.T) {
	p := build("a", "b", "c")
	var seen []int
	if !Validate(p, func(at int) bool { seen = append(seen, at); return true }) || len(seen) != 3 || seen[1] != Seek(p, 1) {
		t.Errorf("seen %v", seen)
	}
	n := 0
	if Validate(p, func(int) bool { n++; return n < 2 }) || n != 2 {
		t.Errorf("stopped after %d", n)
	}
}

// Cut anywhere, or with any bit turned, a listpack is refused or can be used.
func TestDamaged(t *testing.T) {
	p := build("a", "10", string(make([]byte, 200)), "-300000", "b", "12345678901234", "")
	for n := range p {
		if Validate(p[:n], nil) {
			t.Errorf("valid when cut at %d", n)
		}
	}
	for i := range p {
		for bit := range 8 {
			q := bytes.Clone(p)
			q[i] ^= 1 << bit
			use(t, q)
		}
	}
}

// use does everything with bytes that are valid.
func use(t *testing.T, p []byte) {
	t.Helper()
	if !Validate(p, nil) {
		return
	}
	n := 0
	var ats []int
	for at := First(p); at != None; at = Next(p, at) {
		ats = append(ats, at)
		n++
	}
	if Len(p) != n {
		t.Fatalf("%x: Len %d, want %d", p, Len(p), n)
	}
	i := n
	for at := Last(p); at != None; at = Prev(p, at) {
		if i--; i < 0 || ats[i] != at {
			t.Fatalf("%x: backward at %d, forward %v", p, at, ats)
		}
	}
	if i != 0 {
		t.Fatalf("%x: %d entries forward, %d backward", p, n, n-i)
	}
	all := values(p)
	for i, s := range all {
		at := Find(p, First(p), []byte(s), 0)
		if at == None || at > ats[i] || string(AppendValue(nil, p, at)) != s {
			t.Fatalf("%x: entry %d, %q, found at %d", p, i, s, at)
		}
		q := Delete(Replace(Insert(bytes.Clone(p), ats[i], []byte("new")), ats[i], []byte("100000")), ats[i], 1)
		Recount(q)
		r := bytes.Clone(p)
		Recount(r)
		if !bytes.Equal(q, r) {
			t.Fatalf("%x: %x after adding and removing at %d", p, q, ats[i])
		}
	}
	if m := Merge(bytes.Clone(p), p); !Validate(m, nil) || Len(m) != 2*n {
		t.Fatalf("%x: merged %x", p, m)
	}
}

func FuzzValidate(f *testing.F) {
	f.Add(New(nil))
	f.Add(build("a", "10", "-300000", "b", "12345678901234", "", string(make([]byte, 130))))
	f.Add(forge(0, "8131", "f10a00", "e0016e", "f4ffffffffffffffff"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > 1<<12 {
			return
		}
		use(t, p)
		// Most bytes are refused for their header: the same with a header that is right.
		if len(p) > headerLen {
			q := bytes.Clone(p)
			q[len(q)-1] = endMark
			setTotal(q)
			setCount(q, uncounted)
			use(t, q)
		}
	})
}
