package recovery

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// rotKinds are the kinds of damage: each changes p, a file of dir, or returns nil for a file that is gone. other is another file's
// content, older an earlier state of this one.
var rotKinds = []struct {
	name   string
	damage func(rng *rand.Rand, p, other, older []byte) []byte
}{
	{"one bit", func(rng *rand.Rand, p, _, _ []byte) []byte { p[rng.IntN(len(p))] ^= 1 << rng.IntN(8); return p }},
	{"512 bytes zero", func(rng *rand.Rand, p, _, _ []byte) []byte { return block(rng, p, 512, true) }},
	{"512 bytes garbage", func(rng *rand.Rand, p, _, _ []byte) []byte { return block(rng, p, 512, false) }},
	{"4 KiB zero", func(rng *rand.Rand, p, _, _ []byte) []byte { return block(rng, p, 4096, true) }},
	{"4 KiB garbage", func(rng *rand.Rand, p, _, _ []byte) []byte { return block(rng, p, 4096, false) }},
	{"64 KiB zero", func(rng *rand.Rand, p, _, _ []byte) []byte { return block(rng, p, 65536, true) }},
	{"2 MiB garbage", func(rng *rand.Rand, p, _, _ []byte) []byte { return block(rng, p, 2<<20, false) }},
	{"cells swapped", func(rng *rand.Rand, p, _, _ []byte) []byte {
		n := len(p) / 4096
		if n < 2 {
			return block(rng, p, 64, false)
		}
		a, b := rng.IntN(n)*4096, rng.IntN(n)*4096
		for i := range 4096 {
			p[a+i], p[b+i] = p[b+i], p[a+i]
		}
		return p
	}},
	{"a cell of another file", func(rng *rand.Rand, p, other, _ []byte) []byte {
		at := rng.IntN(len(p)/4096+1) * 4096
		copy(p[at:], other[:min(len(other), 4096)])
		return p
	}},
	{"an older version", func(_ *rand.Rand, _, _, older []byte) []byte { return older }},
	{"cut short", func(rng *rand.Rand, p, _, _ []byte) []byte { return p[:rng.IntN(len(p))] }},
	{"missing", func(*rand.Rand, []byte, []byte, []byte) []byte { return nil }},
	{"three bits", func(rng *rand.Rand, p, _, _ []byte) []byte {
		for range 3 {
			p[rng.IntN(len(p))] ^= 1 << rng.IntN(8)
		}
		return p
	}},
}

// block replaces up to n bytes at a random place.
func block(rng *rand.Rand, p []byte, n int, zero bool) []byte {
	at := rng.IntN(len(p))
	for i := at; i < min(at+n, len(p)); i++ {
		if p[i] = byte(rng.Uint32()); zero {
			p[i] = 0
		}
	}
	return p
}

// TestRot damages one artifact of a covered directory at a time, data or sidecar, and starts from it. No start serves other data than
// was there: strict mode refuses, or the damage touched nothing that is loaded; hardened mode brings the bytes back, or refuses and
// changes nothing. FR_FAULTS is how many faults (default 150), FR_SEED where the random numbers begin.
func TestRot(t *testing.T) {
	faults, seed := 150, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("FR_FAULTS")); err == nil {
		faults = n
	}
	if n, err := strconv.ParseUint(os.Getenv("FR_SEED"), 10, 64); err == nil {
		seed = n
	}
	dir := t.TempDir()
	names, data := coveredLog(t, dir)
	clean := tree(t, dir)
	restore := func() {
		for name := range tree(t, dir) {
			if _, ok := clean[name]; !ok {
				os.Remove(filepath.Join(dir, name))
			}
		}
		for name, text := range clean {
			if now, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(now) != text {
				overwrite(t, filepath.Join(dir, name), []byte(text))
			}
		}
	}
	targets := append([]string{}, names...)
	for name := range clean {
		if strings.HasPrefix(name, "heal/") && (strings.HasSuffix(name, ".rs") || strings.HasSuffix(name, ".tail") || strings.Contains(name, "catalog")) {
			targets = append(targets, name)
		}
	}
	counts := map[string]int{}
	for i := range faults {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		name := names[rng.IntN(len(names))]
		if i%4 == 3 {
			name = targets[rng.IntN(len(targets))]
		}
		kind := rotKinds[rng.IntN(len(rotKinds))]
		was := []byte(clean[name])
		if len(was) == 0 {
			continue
		}
		other := []byte(clean[names[rng.IntN(len(names))]])
		older := was[:rng.IntN(len(was))]
		p := kind.damage(rng, append([]byte{}, was...), other, older)
		if p != nil && string(p) == string(was) {
			continue
		}
		what := fmt.Sprintf("FR_SEED=%d, fault %d: %s, %s", seed, i, name, kind.name)
		if p == nil {
			os.Remove(filepath.Join(dir, name))
		} else {
			overwrite(t, filepath.Join(dir, name), p)
		}
		before := tree(t, dir)
		sidecar := strings.HasPrefix(name, "heal/")
		o := bootRotten(t, dir, false)
		switch {
		case o.err == nil && o.store.String() != data:
			t.Fatalf("%s: strict mode served other data\n%s", what, o.logs.text())
		case o.err == nil && !sidecar:
			t.Fatalf("%s: strict mode loaded over damage\n%s", what, o.logs.text())
		case o.err != nil && sidecar:
			t.Fatalf("%s: a damaged sidecar stops a start: %v\n%s", what, o.err, o.logs.text())
		case !sidecar && !maps.Equal(before, tree(t, dir)):
			t.Fatalf("%s: a refusal changed something", what)
		}
		restoreFault := func() {
			restore()
			if p == nil {
				os.Remove(filepath.Join(dir, name))
			} else {
				overwrite(t, filepath.Join(dir, name), p)
			}
		}
		restoreFault()
		o = bootRotten(t, dir, true)
		switch {
		case o.err == nil && o.store.String() != data:
			t.Fatalf("%s: hardened mode served other data\n%s", what, o.logs.text())
		case o.err == nil:
			if got, err := os.ReadFile(filepath.Join(dir, name)); !sidecar && (err != nil || string(got) != string(was)) {
				t.Fatalf("%s: hardened mode did not bring the file back", what)
			}
			counts["loaded, hardened"]++
		default:
			counts["refused, hardened"]++
		}
		counts["faults"]++
		restore()
	}
	t.Logf("%v", counts)
	if counts["faults"] < faults/2 || counts["loaded, hardened"] < counts["faults"]*9/10 {
		t.Errorf("most faults are within the budget: %v", counts)
	}
}

// bootRotten is bootCovered where the catalog may be lost.
func bootRotten(t testing.TB, dir string, hardened bool) outcome {
	t.Helper()
	s, err := openOrRebuild(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return runBoot(t, dir, func(o *Options) { o.Covers, o.Hardened = s, hardened })
}
