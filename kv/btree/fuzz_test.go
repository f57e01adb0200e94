package btree

import (
	"encoding/binary"
	"testing"
)

// FuzzTree runs a program against the model, in small nodes: the first byte chooses the type of tree and how likely it
// grows, then each three bytes are an operation.
func FuzzTree(f *testing.F) {
	f.Add([]byte{0x80, 5, 1, 0, 5, 2, 0, 5, 3, 0, 15, 1, 0})
	for i := range types {
		program := []byte{byte(i) | 0x90}
		for x := range uint64(50) {
			program = binary.LittleEndian.AppendUint32(program, uint32(mix(x)))[:len(program)+3]
		}
		f.Add(program)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) == 0 || len(program) > 400 {
			return
		}
		smallNodes(t)
		m := newModel(t, &types[int(program[0]&15)%len(types)].t)
		v := m.freeze()
		end := func(f frozenTree) {
			if err := f.compare(); err != nil {
				t.Fatal(err)
			}
			f.view.Close()
		}
		grow := uint64(program[0] >> 4)
		for i := 1; i+3 <= len(program); i += 3 {
			x := uint64(program[i]) | uint64(program[i+1])<<8 | uint64(program[i+2])<<16
			m.step(x, 200, grow)
			if err := m.d.Check(entryTail); err != nil {
				t.Fatal(err)
			}
			if i%60 == 1 {
				end(v)
				v = m.freeze()
			}
		}
		end(v)
		m.check()
		m.freeAll(5)
	})
}
