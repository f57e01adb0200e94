package kv

// SetMade stores under key, as raw, a string of size bytes that fill makes: piece by piece from the front, each with its
// offset, a multiple of the piece's capacity. fill may read the keyspace, and must not change it. The key's expiry is
// dropped. Pieces of zeros occupy nothing in a long string.
func (db *DB) SetMade(key []byte, size int, fill func(off int, piece []byte)) {
	ks := db.ks
	d := draft{typ: String, enc: Raw}
	piece := lengthen(ks.scratch[:0], chunkSize)
	ks.scratch = piece
	if fitsInline(len(key), false, size) {
		d.val = piece[:size]
		fill(0, d.val)
	} else {
		var b blob
		b.grow(ks.a, size)
		for off := 0; off < size; off += chunkSize {
			p := piece[:min(chunkSize, size-off)]
			fill(off, p)
			b.write(ks.a, off, p)
		}
		db.fillBlob(&d, b)
	}
	hash, r, h := db.findWrite(key)
	old := cell{r, h}
	db.inherit(&d, old, expiry{})
	db.dropValue(old, db.ks.lazyServerDel)
	db.put(hash, key, old, &d)
	db.changed(key)
}

// DeleteAny is Delete, but a key that has expired unnoticed is there like any other: so Redis deletes the destination of a
// result that is empty.
func (db *DB) DeleteAny(key []byte) bool {
	hash, r, h := db.find(key)
	if r == 0 {
		return false
	}
	db.discard(hash, cell{r, h}, db.ks.lazyServerDel)
	db.changed(key)
	return true
}
