package command

import "frankenredis/kv"

// redisStreamType is Redis's number of the type: modules' types stand before it.
const redisStreamType = 6

// mixStream combines in the entries of a stream, in order; groups do not count.
func (d *digest) mixStream(s kv.StreamView) {
	var buf [streamIDLen]byte
	it := s.Range(kv.StreamID{}, kv.MaxStreamID, false)
	for it.Next() {
		id := appendStreamID(buf[:0], it.ID())
		for i := range id {
			if id[i] == '-' {
				id[i] = '.'
			}
		}
		d.mix(id)
		var number [20]byte
		it.Each(func(field, value kv.Elem) {
			d.mix(field.Bytes(number[:]))
			d.mix(value.Bytes(number[:]))
		})
	}
}
