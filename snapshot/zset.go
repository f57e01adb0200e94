package snapshot

import (
	"encoding/binary"
	"math"
	"strconv"

	"frankenredis/kv"
)

// zset writes a sorted set that is a table: from the highest member to the lowest, as Redis does.
func (e *encoder) zset(v kv.Value) {
	z := v.ZSet()
	n := z.Len()
	e.length(uint64(n))
	for c := z.At(n - 1); c.Valid() && e.err == nil; c.Prev() {
		e.elem(c.Member())
		e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(c.Score()))
		e.settle()
	}
}

// readZSet reads a sorted set in any of its forms.
func (r *Reader) readZSet(typ byte, b *Batch, item *Item) error {
	switch typ {
	case typeZSetListpack:
		return r.readPacked(b, item, kv.ZSet, kv.Listpack, (*uniques).scored)
	case typeZSetZiplist:
		return r.readOldPacked(b, item, kv.ZSet, fromZiplist, (*uniques).scored)
	}
	n, err := r.plainLen("number of members")
	if err != nil {
		return err
	}
	read := (*Reader).readBinaryScore
	if typ == typeZSet {
		read = (*Reader).readTextScore
	}
	r.counted(item, Collection{Type: kv.ZSet, Enc: kv.Skiplist}, n, func(r *Reader, b *Batch, c *Collection) (int, error) {
		size, err := readMember(r, b, c)
		if err != nil {
			return 0, err
		}
		score, err := read(r)
		if err != nil {
			return 0, err
		}
		if math.IsNaN(score) {
			return 0, corrupt("a score that is not a number")
		}
		c.Scores = append(c.Scores, score)
		return size + 8, nil
	}, nil)
	return nil
}

// readBinaryScore reads a score in eight bytes.
func (r *Reader) readBinaryScore() (float64, error) {
	if err := r.src.need(8); err != nil {
		return 0, err
	}
	f := math.Float64frombits(binary.LittleEndian.Uint64(r.src.win))
	r.src.win = r.src.win[8:]
	return f, nil
}

// readTextScore reads a score as servers before 4.0 wrote it: a length byte and digits, or one of three special lengths.
func (r *Reader) readTextScore() (float64, error) {
	n, err := r.src.readByte()
	if err != nil {
		return 0, err
	}
	switch n {
	case 255:
		return math.Inf(-1), nil
	case 254:
		return math.Inf(1), nil
	case 253:
		return math.NaN(), nil
	}
	text, err := r.src.appendBytes(nil, uint64(n))
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, corrupt("score %q", text)
	}
	return f, nil
}

func (c *Collection) storeZSet(db *kv.DB, key []byte) error {
	if c.Packed != nil {
		c.storePacked(db, key)
		e, err := db.EditZSet(key, 0, 0)
		if err != nil {
			return err
		}
		e.Refit()
		e.Done()
		return nil
	}
	e, err := db.EditZSet(key, int(c.Count), 0) // few enough, else it would be a table
	if err != nil {
		return err
	}
	twice := false
	for i := 0; i < len(c.Elems) && !twice; i++ {
		if _, twice = e.Score(c.Elems[i]); !twice {
			e.Add(c.Elems[i], c.Scores[i])
		}
	}
	e.Done()
	if twice {
		return ErrDuplicate
	}
	return nil
}
