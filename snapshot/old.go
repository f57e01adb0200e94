package snapshot

import (
	"frankenredis/kv"
	"frankenredis/kv/listpack"
	"frankenredis/snapshot/ziplist"
)

// readOldPacked reads a value in a format from before listpacks, makes a listpack of it, and verifies that.
func (r *Reader) readOldPacked(b *Batch, item *Item, typ kv.Type, convert func(p []byte) ([]byte, error), verify verifier) error {
	old, err := r.readElem(b, "value")
	if err != nil {
		return err
	}
	p, err := convert(old)
	if err != nil {
		return err
	}
	n, err := verify(&r.finisher.seen, p)
	if err != nil {
		return err
	}
	item.Coll = b.collection(Collection{Type: typ, Enc: kv.Listpack, Packed: p, Empty: n == 0})
	return nil
}

// fromZiplist makes a listpack of a ziplist.
func fromZiplist(p []byte) ([]byte, error) {
	out := listpack.New(make([]byte, 0, len(p)+len(p)/8))
	ok := ziplist.Read(p, func(s []byte, n int64, isInt bool) bool {
		if isInt {
			out = listpack.AppendInt(out, n)
		} else {
			out = listpack.Append(out, s)
		}
		return listpack.Safe(out, 0)
	})
	if !ok {
		return nil, corrupt("malformed ziplist")
	}
	return out, nil
}

// fromZipmap makes a listpack of a zipmap.
func fromZipmap(p []byte) ([]byte, error) {
	out := listpack.New(make([]byte, 0, len(p)+len(p)/8))
	ok := ziplist.ReadMap(p, func(field, value []byte) bool {
		out = listpack.Append(listpack.Append(out, field), value)
		return listpack.Safe(out, 0)
	})
	if !ok {
		return nil, corrupt("malformed zipmap")
	}
	return out, nil
}
