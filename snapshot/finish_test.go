package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"frankenredis/kv/dict"
	"frankenredis/snapshot/crc64"
)

// everyType makes a file with small and large values of all types.
func everyType(t *testing.T) []byte {
	db := makeStream(t, 130)
	keys := []string{"k"}
	list := func(key string, n int) {
		l, _ := db.EditList([]byte(key))
		for i := range n {
			l.PushTail(fmt.Appendf(nil, "element %d of a list", i))
		}
		l.Done()
	}
	hash := func(key string, n int) {
		h, _ := db.EditHash([]byte(key))
		for i := range n {
			h.Set(fmt.Appendf(nil, "field %d", i), fmt.Appendf(nil, "value value value %d", i))
		}
		h.Done()
	}
	set := func(key, form string, n int) {
		s, _ := db.EditSet([]byte(key), fmt.Appendf(nil, form, 0), n)
		for i := range n {
			s.Add(fmt.Appendf(nil, form, i))
		}
		s.Done()
	}
	zset := func(key string, n int) {
		z, _ := db.EditZSet([]byte(key), n, 8)
		for i := range n {
			z.Add(fmt.Appendf(nil, "m%d", i), float64(i)/4)
		}
		z.Done()
	}
	for i, n := range []int{3, 30, 130} {
		list(fmt.Sprint("list", i), 10*n)
		hash(fmt.Sprint("hash", i), n)
		set(fmt.Sprint("set", i), "member %d", n)
		set(fmt.Sprint("numbers", i), "%d", n)
		zset(fmt.Sprint("zset", i), n)
		db.SetString(fmt.Append(nil, "string", i), bytes.Repeat([]byte("text"), n), false)
		for _, name := range []string{"list", "hash", "set", "numbers", "zset", "string"} {
			keys = append(keys, fmt.Sprint(name, i))
		}
	}
	var out bytes.Buffer
	e := newEncoder(&out, true, true)
	e.raw([]byte(magic + "0011"))
	for _, key := range keys {
		entry, _ := db.Lookup([]byte(key), 0)
		e.key(e.typeOf(entry.Value()), []byte(key), NoExpiry, -1, -1)
		e.value(e.typeOf(entry.Value()), entry.Value(), nil)
	}
	if err := e.end(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read reads a file in batches, of whose items it keeps everything, by itself or with a Finisher.
func read(raw []byte, later bool) (items []string, err error) {
	seed := dict.Seed{1}
	o := Options{SkipChecksum: true, MaxString: 1 << 20, Later: later, Hash: func(p []byte) uint64 { return dict.Hash(&seed, p) }}
	rd, f := NewReader(bytes.NewReader(raw), o), NewFinisher(o)
	defer rd.Close()
	b := NewBatch(16, 16<<10)
	for {
		err := rd.Next(b)
		if later {
			if bad := f.Finish(b); bad != nil {
				err = bad
			}
		}
		for _, it := range b.Items {
			text := fmt.Append(nil, show(it), it.Pos, it.End, it.Hash)
			if c := it.Coll; c != nil {
				text = fmt.Append(text, c.Type, c.Enc, c.Part, c.More, c.Empty, c.Count, c.Longest, sumOf(c.Packed), sumOf(c.Pack), sumOf(c.Elems...), len(c.Elems),
					sumOf(fmt.Append(nil, c.Scores, c.Order)))
				for _, rec := range c.Stream {
					if rec.Info != nil {
						text = fmt.Append(text, *rec.Info)
						rec.Info = nil
					}
					text = fmt.Append(text, rec)
				}
			}
			items = append(items, fmt.Sprint(len(text), sumOf(text)))
		}
		if err == io.EOF {
			return items, nil
		}
		if err != nil {
			return items, err
		}
	}
}

func sumOf(parts ...[]byte) (crc uint64) {
	for _, p := range parts {
		crc = crc64.Update(crc^uint64(len(p)), p)
	}
	return crc
}

// What a Finisher is left to do changes nothing about what is read, nor about what is refused, where, and behind which items, whatever is
// wrong with the file.
func TestFinisherChangesNothing(t *testing.T) {
	raw := everyType(t)
	whole, err := read(raw, false)
	if err != nil || len(whole) < 19 {
		t.Fatal(len(whole), err)
	}
	refused := 0
	compare := func(what string, raw []byte) {
		want, wantErr := read(raw, false)
		got, gotErr := read(raw, true)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %d items, want %d", what, len(got), len(want))
		}
		var e, wantE *Error
		if errors.As(gotErr, &e) != errors.As(wantErr, &wantE) || !reflect.DeepEqual(e, wantE) {
			t.Fatalf("%s: %+v, want %+v", what, e, wantE)
		}
		if e != nil && errors.Is(e, ErrCorrupt) {
			refused++
		}
	}
	compare("as it is", raw)
	rnd := rand.New(rand.NewPCG(7, 7))
	for at := 9; at < len(raw); at += 1 + rnd.IntN(100) {
		p := bytes.Clone(raw)
		p[at] ^= 1 << rnd.IntN(8)
		compare(fmt.Sprintf("byte %d changed", at), p)
		if rnd.IntN(2) == 0 {
			compare(fmt.Sprintf("cut at %d", at), raw[:at])
			compare(fmt.Sprintf("byte %d changed, then cut", at), p[:min(len(p), at+rnd.IntN(6000))])
		}
	}
	if refused < len(raw)/400 {
		t.Fatalf("only %d of %d files were refused", refused, len(raw))
	}
}
