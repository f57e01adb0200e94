package snapshot

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"
)

// An outline finds the elements, keys and ends that a Reader finds, in all files that real servers wrote, and never panics or goes on for
// ever over changed bytes.
func TestOutlineFindsWhatAReaderFinds(t *testing.T) {
	stock, err := os.ReadFile("testdata/redis-7.0.15-strings.rdb")
	if err != nil {
		t.Fatal(err)
	}
	// Types that are read only: an old sorted set with its infinities, values and data of modules.
	old := finish("REDIS0012\xfa\x03aux\xc0\x07\xf7\x81\x12\x34\x56\x78\x9a\xbc\x04\x01\x02\x01\x01\x05\x05\x02hi\x00\xf5\x10#!lua name=lib\nx" +
		"\xfe\x02\xfb\x03\x01\xf4\x01\x02\x03\xfd\x10\x00\x00\x00\xf8\x05\x03\x01z\x02\x01a\x032.5\x01b\xfe" +
		"\xf9\x07\x07\x01m\x81\x12\x34\x56\x78\x9a\xbc\x04\x01\x02\x05\x03abcd\x04abcdefgh\x05\x02hi\x00\x00\xc1\x07\x01\x01v")
	inputs := map[string][]byte{"stock": stock, "old": old, "strings": write(t, fill(t, 300), Meta{Functions: [][]byte{[]byte("#!lua name=l\n")}})}
	for _, version := range []int{9, 10, 11} {
		inputs[fmt.Sprint("types ", version)] = write(t, fillTypes(t), Meta{Version: version, NoCompress: version == 10})
	}
	keys := 0
	for file, p := range inputs {
		type place struct {
			key      string
			db       int
			pos, end int64
		}
		var want []place
		var err error
		r := NewReader(bytes.NewReader(p), Options{SkipModules: true})
		var b Batch
		for err == nil {
			err = r.Next(&b)
			for _, it := range b.Items {
				if it.Begins() {
					want = append(want, place{string(it.Key), it.DB, it.Pos, it.End})
				} else {
					want[len(want)-1].end = it.End
				}
			}
		}
		end := r.Pos()
		r.Close()
		if err != io.EOF {
			t.Fatalf("%s: %v", file, err)
		}
		var got []place
		o := NewOutline(bytes.NewReader(p), int64(len(p)))
		pos, db := o.Begin(), 0
		for {
			e, err := o.Element(pos)
			if err != nil {
				t.Fatalf("%s: element at %d: %v", file, pos, err)
			}
			pos = e.End
			if e.Kind == EndElement {
				break
			}
			switch e.Kind {
			case DatabaseElement:
				db = int(e.N)
			case KeyElement:
				got = append(got, place{string(e.Name), db, e.Pos, e.End})
			}
		}
		if pos != end {
			t.Errorf("%s: ends at %d, the reader at %d", file, pos, end)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d keys, the reader has %d", file, len(got), len(want))
		}
		for i, w := range want {
			if len(w.key) > outlineKey {
				w.key = w.key[:outlineKey]
			}
			if got[i] != w {
				t.Errorf("%s: %v, the reader has %v", file, got[i], w)
			}
		}
		keys += len(want)

		for at := range min(len(p), 300) {
			hurt := bytes.Clone(p)
			hurt[at] ^= 0x55
			o := NewOutline(bytes.NewReader(hurt), int64(len(hurt)))
			for pos := o.Begin(); ; {
				e, err := o.Element(pos)
				if err != nil || e.Kind == EndElement {
					break
				}
				if e.End <= pos || e.End > int64(len(p)) {
					t.Fatalf("%s, byte %d changed: element from %d to %d", file, at, pos, e.End)
				}
				pos = e.End
			}
		}
	}
	if keys < 400 {
		t.Errorf("only %d keys", keys)
	}
}
