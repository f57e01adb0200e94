package heal_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"frankenredis/heal"
	"frankenredis/wal/disk"
)

// Another reader of the format, written from the package comment alone: it shares no code with the package, finds packets by looking for
// them, computes the code with a table of its own, and believes nothing but the catalog's root. What it reads from damaged files is what
// was covered.

// otherReader reads one root.
type otherReader struct {
	dir string
	key []byte
}

type otherEntry struct {
	UUID, Root       string
	Generation, Size uint64
	K, M             int
	Growing          bool
}

type otherPacket struct {
	kind         byte
	stripe, part uint32
	payload      []byte
}

func (o otherReader) digest(p []byte) []byte {
	if o.key == nil {
		sum := xxh3.Hash128(p).Bytes()
		return sum[:]
	}
	h := hmac.New(sha256.New, o.key)
	h.Write(p)
	return h.Sum(nil)[:16]
}

// packets finds all packets of uuid and generation in a file; uuid nil: of any.
func (o otherReader) packets(p, uuid []byte, generation *uint64) (found []otherPacket) {
	for at := 0; at+64 <= len(p); at++ {
		q := p[at:]
		if string(q[:8]) != "FRHEAL\r\n" || binary.LittleEndian.Uint16(q[24:]) != 1 || q[27]&1 == 1 != (o.key != nil) {
			continue
		}
		n := int(binary.LittleEndian.Uint32(q[28:]))
		if n > len(q)-64 || !bytes.Equal(o.digest(q[24:64+n]), q[8:24]) {
			continue
		}
		g := binary.LittleEndian.Uint64(q[48:])
		if uuid == nil {
			*generation = g
		} else if !bytes.Equal(uuid, q[32:48]) || g != *generation {
			continue
		}
		found = append(found, otherPacket{q[26], binary.LittleEndian.Uint32(q[56:]), binary.LittleEndian.Uint32(q[60:]), q[64 : 64+n]})
		at += 63 + n
	}
	return found
}

// catalog reads the newest of the three that is whole.
func (o otherReader) catalog() map[string]otherEntry {
	var newest map[string]otherEntry
	serial := uint64(0)
	for i := range 3 {
		p, _ := os.ReadFile(filepath.Join(o.dir, "heal", fmt.Sprintf("catalog.%d", i)))
		var g uint64
		for _, q := range o.packets(p, nil, &g) {
			entries := map[string]otherEntry{}
			if q.kind == 4 && g > serial && json.Unmarshal(q.payload, &entries) == nil {
				newest, serial = entries, g
			}
		}
	}
	return newest
}

// read returns the bytes of a covered file, brought back, or says why not.
func (o otherReader) read(name string) ([]byte, error) {
	e, ok := o.catalog()[name]
	if !ok {
		return nil, fmt.Errorf("not in the catalog")
	}
	uuid, _ := hex.DecodeString(e.UUID)
	head := binary.LittleEndian.AppendUint64(uuid[:16:16], e.Generation)
	base := filepath.Join(o.dir, "heal", strings.NewReplacer("%", "%25", "/", "%2F").Replace(name)+fmt.Sprintf(".%d", e.Generation))
	file, _ := os.ReadFile(filepath.Join(o.dir, name))
	side, _ := os.ReadFile(base + ".rs")
	found := o.packets(side, uuid, &e.Generation)
	const stripeOfGrowing = 64 * 262144
	var tail []otherPacket
	open := uint64(0)
	if e.Growing {
		p, _ := os.ReadFile(base + ".tail")
		tail = o.packets(p, uuid, &e.Generation)
		open = uint64(len(side)) / 2326720
		for i, q := range tail {
			if open = max(open, uint64(q.stripe)); i == 0 {
				open = uint64(q.stripe)
			}
		}
		packets := map[[3]uint32]bool{}
		count := map[uint64]int{}
		for _, q := range found {
			if id := [3]uint32{uint32(q.kind), q.stripe, q.part}; !packets[id] {
				packets[id] = true
				count[uint64(q.stripe)]++
			}
		}
		for count[open] == 3+8*64 {
			open++
		}
		e.Size = open * stripeOfGrowing
	}
	cell := func(number int, p []byte) []byte {
		if o.key != nil {
			return o.digest(append(binary.LittleEndian.AppendUint64(head[:24:24], uint64(number)), p...))
		}
		sum := xxh3.Hash128Seed(p, xxh3.Hash(head)+uint64(number)*0x9E3779B97F4A7C15).Bytes()
		return sum[:]
	}
	var out, digests []byte
	for at, i := 0, uint32(0); at < int(e.Size); at, i = at+e.K*262144, i+1 {
		n := min(e.K*262144, int(e.Size)-at)
		rows := max((n+e.K*4096-1)/(e.K*4096), (17+e.M-1)/e.M)
		if e.K == 1 {
			rows = (n + 4095) / 4096
		}
		cells := (n + 4095) / 4096
		data := make([]byte, e.K*rows*4096)
		copy(data, file[min(at, len(file)):min(at+n, len(file))])
		var table []byte
		parity := map[uint32][]byte{}
		for _, q := range found {
			if q.stripe == i && q.kind == 2 && len(q.payload) == 16*cells {
				table = q.payload
			} else if q.stripe == i && q.kind == 3 {
				parity[q.part] = q.payload
			}
		}
		if table == nil {
			return nil, fmt.Errorf("stripe %d: no table", i)
		}
		digests = append(digests, table...)
		bad := func(c int) bool {
			return c < cells && !bytes.Equal(cell(at/4096+c, data[c*4096:(c+1)*4096]), table[16*c:16*c+16])
		}
		for row := range rows {
			words := map[int][]byte{} // of the row's code word, by shard
			var gone []int
			for s := range e.K {
				if c := s*rows + row; bad(c) {
					gone = append(gone, s)
				} else {
					words[s] = data[c*4096 : (c+1)*4096]
				}
			}
			for s := range e.M {
				if p, ok := parity[uint32(s*rows+row)]; ok {
					words[e.K+s] = p
				}
			}
			if len(gone) > 0 && len(words) < e.K {
				return nil, fmt.Errorf("stripe %d, row %d: %d of %d cells are left", i, row, len(words), e.K)
			}
			for s, p := range rebuild(e.K, e.M, words, gone) {
				copy(data[(s*rows+row)*4096:], p)
			}
		}
		for c := range cells {
			if bad(c) {
				return nil, fmt.Errorf("stripe %d, cell %d: not what the table says", i, c)
			}
		}
		out = append(out, data[:n]...)
	}
	if !e.Growing {
		h := sha256.New()
		if o.key != nil {
			h = hmac.New(sha256.New, o.key)
		}
		p := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint64(head, e.Size), uint16(e.K)), uint16(e.M))
		h.Write(append(p, digests...))
		if root := hex.EncodeToString(h.Sum(nil)[:16]); root != e.Root {
			return nil, fmt.Errorf("the root is %s, not %s", root, e.Root)
		}
	}
	cells := map[uint32][]byte{}
	for _, q := range tail {
		if uint64(q.stripe) == open && len(q.payload) >= len(cells[q.part]) {
			cells[q.part] = q.payload
		}
	}
	for c := range uint32(len(cells)) {
		out = append(out, cells[c]...)
	}
	return out, nil
}

// gfMul multiplies in GF(2^8) with polynomial 0x11D.
func gfMul(a, b byte) (p byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			p ^= a
		}
		if a = a<<1 ^ a>>7*0x1D; a == 0 {
			break
		}
	}
	return p
}

func gfInverse(a byte) byte {
	for b := 1; ; b++ {
		if gfMul(a, byte(b)) == 1 {
			return byte(b)
		}
	}
}

// invert returns the inverse of a square matrix.
func invert(a [][]byte) [][]byte {
	n := len(a)
	rows := make([][]byte, n)
	for i := range rows {
		rows[i] = append(append([]byte{}, a[i]...), make([]byte, n)...)
		rows[i][n+i] = 1
	}
	for c := range n {
		for rows[c][c] == 0 {
			for r := c + 1; r < n; r++ {
				if rows[r][c] != 0 {
					rows[c], rows[r] = rows[r], rows[c]
					break
				}
			}
		}
		scale := gfInverse(rows[c][c])
		for x := range rows[c] {
			rows[c][x] = gfMul(rows[c][x], scale)
		}
		for r := range n {
			if f := rows[r][c]; r != c && f != 0 {
				for x := range rows[r] {
					rows[r][x] ^= gfMul(f, rows[c][x])
				}
			}
		}
	}
	for i := range rows {
		rows[i] = rows[i][n:]
	}
	return rows
}

func product(a, b [][]byte) [][]byte {
	out := make([][]byte, len(a))
	for i := range a {
		out[i] = make([]byte, len(b[0]))
		for j := range b {
			for x, v := range b[j] {
				out[i][x] ^= gfMul(a[i][j], v)
			}
		}
	}
	return out
}

// rebuild computes the missing data cells of a code word from any k that are there.
func rebuild(k, m int, words map[int][]byte, gone []int) map[int][]byte {
	if len(gone) == 0 {
		return nil
	}
	out := map[int][]byte{}
	if k == 1 { // parity is a plain copy
		for _, p := range words {
			out[0] = p
		}
		return out
	}
	vandermonde := make([][]byte, k+m)
	for r := range vandermonde {
		vandermonde[r] = make([]byte, k)
		for c, p := 0, byte(1); c < k; c, p = c+1, gfMul(p, byte(r)) {
			vandermonde[r][c] = p
		}
	}
	generator := product(vandermonde, invert(vandermonde[:k]))
	var have, left [][]byte
	for s := range k + m {
		if p, ok := words[s]; ok && len(have) < k {
			have, left = append(have, p), append(left, generator[s])
		}
	}
	data := product(invert(left), have)
	for _, s := range gone {
		out[s] = data[s]
	}
	return out
}

func TestOtherReader(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	text := func(n int) []byte {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		return p
	}
	for _, c := range []struct {
		name    string
		size    int
		profile heal.Profile
		key     []byte
		bad     [][2]int // bytes from, to
		growing bool
		torn    bool // the last write of the tail was
	}{
		{"empty", 0, heal.Profile64x8, nil, nil, false, false},
		{"small", 50_000, heal.Profile64x8, nil, [][2]int{{0, 50_000}}, false, false},
		{"small keyed", 4097, heal.Profile64x8, []byte("sixteen byte key"), [][2]int{{4096, 4097}}, false, false},
		{"short 64+8", 300_001, heal.Profile64x8, nil, [][2]int{{1000, 1000 + 65536}}, false, false},
		{"short 64+4", 300_001, heal.Profile64x4, nil, [][2]int{{234_000, 234_000 + 65536}}, false, false},
		{"short 16+8 keyed", 300_001, heal.Profile16x8, []byte("sixteen byte key"), [][2]int{{0, 65536}}, false, false},
		{"dir/%2F name", 5<<20 + 5, heal.Profile16x8, nil, [][2]int{{4<<20 - 70_000, 4<<20 - 5000}, {5 << 20, 5<<20 + 5}}, false, false},
		{"growing", 40_001, heal.Profile64x8, nil, [][2]int{{0, 40_001}}, true, false},
		{"growing keyed", 16<<20 + 9000, heal.Profile64x8, []byte("sixteen byte key"), [][2]int{{50_000, 50_000 + 8192}, {16 << 20, 16<<20 + 9000}}, true, false},
		{"growing to the end of a stripe", 16 << 20, heal.Profile64x8, nil, [][2]int{{4096, 12_288}, {16<<20 - 1, 16 << 20}}, true, true},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, c.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		was := text(c.size)
		if err := os.WriteFile(path, was, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := heal.Open(heal.Options{FS: disk.OS(), Root: dir, Profile: c.profile, Key: c.key}, true)
		if err != nil {
			t.Fatal(err)
		}
		if c.growing {
			g, err := s.Grow(c.name)
			if err != nil {
				t.Fatal(err)
			}
			for _, to := range []int{1, 4096, 20_000, c.size - 1, c.size} {
				if err := g.Advance(int64(to)); err != nil {
					t.Fatal(err)
				}
			}
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
		} else if _, err := s.Protect(c.name); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if c.torn {
			tail := filepath.Join(dir, "heal", c.name+".1.tail")
			p, err := os.ReadFile(tail)
			if err != nil {
				t.Fatal(err)
			}
			for _, slot := range [][]byte{p[:4160], p[4160:8320]} {
				if binary.LittleEndian.Uint32(slot[56:]) == 1 {
					slot[30] ^= 1
				}
			}
			if err := os.WriteFile(tail, p, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		bad := bytes.Clone(was)
		for _, b := range c.bad {
			copy(bad[b[0]:b[1]], text(b[1]-b[0]))
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(dir, "heal", "catalog.1"), 70); err != nil {
			t.Fatal(err)
		}
		if got, err := (otherReader{dir, c.key}).read(c.name); err != nil || !bytes.Equal(got, was) {
			t.Errorf("%s: %d bytes of %d, %v", c.name, len(got), len(was), err)
		}
		if _, err := (otherReader{dir, []byte("another key, long")}).read(c.name); err == nil {
			t.Errorf("%s: read with another key", c.name)
		}
	}
}
