package dict

import (
	"maps"
	"slices"
	"testing"

	"frankenredis/kv/arena"
)

// FuzzDict runs a program against the model: the first byte chooses the hash, then
// each byte is an operation on a run of keys.
func FuzzDict(f *testing.F) {
	f.Add([]byte{0, 0x0f, 0x1f, 0x2f, 0x8f, 0x9f, 0x4a})
	f.Add([]byte{1, 0x0f, 0x0f, 0x1f, 0xc2, 0x8f, 0xe0, 0x9f})
	f.Add([]byte{4, 0x3f, 0x2f, 0x1f, 0x0f, 0xd3, 0xbf, 0xaf, 0x5f})
	names := slices.Sorted(maps.Keys(hashes))
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) == 0 || len(program) > 200 {
			return
		}
		m := newModel(t, hashes[names[int(program[0])%len(names)]])
		var view *arena.View
		var want map[uint64]uint64
		for i, op := range program[1:] {
			first := uint64(op&15) * 64
			switch op >> 4 {
			case 0, 1, 2, 3, 4, 5: // add a run
				for key := range uint64(op>>4+1) * 32 {
					m.put(first + key)
				}
			case 6, 7, 8, 9, 10: // remove one
				for key := range uint64(op>>4-5) * 32 {
					m.del(first+key, i%2 == 0)
				}
			case 11: // look
				for key := range uint64(64) {
					m.find(first + key)
				}
			case 12: // scan and remove every other one
				m.d.Scan(uint64(op&15)<<44, func(r arena.Ref) { m.del(m.a.Load64(r+8), true) })
			case 13:
				if r := m.d.Random(func() uint64 { m.next++; return mix(m.next) }); (r == 0) != (len(m.refs) == 0) {
					t.Fatalf("Random of %d entries is %#x", len(m.refs), r)
				}
			default:
				if view != nil {
					if got := values(view, Frozen(view, testType, m.d.Root())); !maps.Equal(got, want) {
						t.Fatalf("the view holds %d entries, want %d", len(got), len(want))
					}
					view.Close()
				}
				view, want = m.a.Freeze(), maps.Clone(m.want)
			}
		}
		m.compare()
		if view != nil {
			view.Close()
		}
		m.freeAll(50)
	})
}
