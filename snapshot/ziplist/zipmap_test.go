package ziplist

import (
	"slices"
	"strings"
	"testing"
)

func readMap(p []byte) (all []string, ok bool) {
	ok = ReadMap(p, func(field, value []byte) bool {
		all = append(all, string(field), string(value))
		return true
	})
	return all, ok
}

func TestReadMap(t *testing.T) {
	long := strings.Repeat("66", 254)
	for _, c := range []struct {
		name, hex string
		want      []string
	}{
		{"one", "01 0161 020062 63 ff", []string{"a", "bc"}},
		{"two", "02 0161 010062 03666f6f 0300626172 ff", []string{"a", "b", "foo", "bar"}},
		{"unused bytes", "01 0161 010362 000000 ff", []string{"a", "b"}},
		{"empty strings", "01 00 0000 ff", []string{"", ""}},
		{"count unknown", "fe 0161 010062 ff", []string{"a", "b"}},
		{"long value", "01 0161 fefe000000 00" + long + "ff", []string{"a", strings.Repeat("f", 254)}},
		{"long field", "01 fefe000000" + long + "010061 ff", []string{strings.Repeat("f", 254), "a"}},
		{"length of a value 255", "01 0161 fffe000000 00" + long + "ff", []string{"a", strings.Repeat("f", 254)}},
		{"bytes behind the end", "01 0161 010062 ff 616263 ff", []string{"a", "b"}},
	} {
		got, ok := readMap(unhex(t, c.hex))
		if !ok || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v %q, want %q", c.name, ok, got, c.want)
		}
		if !ReadMap(unhex(t, c.hex), nil) {
			t.Errorf("%s: not valid when nobody looks", c.name)
		}
	}
	for _, c := range []struct{ name, hex string }{
		{"nothing", ""},
		{"count only", "00"},
		{"empty", "00ff"},
		{"no end mark", "01 0161 010062 fe"},
		{"count too small", "01 0161 010062 0162 010062 ff"},
		{"count too large", "02 0161 010062 ff"},
		{"count 255", "ff 0161 010062 ff"},
		{"field beyond the end", "01 0561 010062 ff"},
		{"field without value", "01 0161 ff"},
		{"short field, long length", "01 fe01000000 61 010062 ff"},
		{"short value, long length", "01 0161 fe01000000 00 62 ff"},
		{"half a length", "01 fe0100 ff"},
		{"half a length of a value", "01 0161 fe0100 ff"},
		{"value without the unused bytes told", "01 0161 01 ff"},
		{"value beyond the end", "01 0161 020062 ff"},
		{"value of 4 GB", "01 0161 feffffffff 0162 ff"},
		{"unused bytes beyond the end", "01 0161 010162 ff"},
	} {
		if got, ok := readMap(unhex(t, c.hex)); ok {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	n := 0
	if ReadMap(unhex(t, "02 0161 010062 03666f6f 0300626172 ff"), func(_, _ []byte) bool { n++; return false }) || n != 1 {
		t.Errorf("stopped after %d", n)
	}
}

func TestReadMapDamaged(t *testing.T) {
	long := strings.Repeat("66", 254)
	p := unhex(t, "03 0161 010262 0000 fefe000000"+long+"0000 0163 fefe000000 01"+long+"00 ff")
	if !ReadMap(p, nil) {
		t.Fatal("not valid")
	}
	damage(t, p, func(q []byte) bool { return ReadMap(q, nil) })
}

func FuzzReadMap(f *testing.F) {
	f.Add(unhex(f, "02 0161 010062 03666f6f 0300626172 ff"))
	f.Add(unhex(f, "01 0161 fffe000000 01"+strings.Repeat("66", 254)+"00 ff"))
	f.Fuzz(func(t *testing.T, p []byte) {
		n, size := 0, 0
		if ReadMap(p, func(field, value []byte) bool {
			n++
			size += 3 + len(field) + len(value)
			return true
		}) && (n == 0 || size+2 > len(p)) {
			t.Fatalf("%x: %d fields of %d bytes at least", p, n, size)
		}
	})
}
