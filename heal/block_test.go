package heal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"frankenredis/conformance/crashfs"
)

// coveredAs is a disk with the file /d/f, covered under a profile, and its store.
func coveredAs(t *testing.T, p Profile, content []byte) (*crashfs.FS, *Store) {
	t.Helper()
	fsys := crashfs.New()
	fsys.Put("/d/f", string(content))
	o := options(fsys)
	o.Profile = p
	s, err := Open(o, true)
	if err == nil {
		_, err = s.Protect("f")
	}
	if err != nil {
		t.Fatal(err)
	}
	return fsys, s
}

// I1, I17: a block of 64 KiB may go bad at any offset of a file of any size, under each profile: it comes back bit for bit.
func TestEveryFileSurvivesABlock(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, p := range []Profile{Profile64x8, Profile64x4, Profile16x8} {
		for _, n := range []int{1, 60_000, 65_535, 65_536, 70_001, 100_000, 131_072, 200_000, 300_001, 524_288, 530_000, 16<<20 + 1, 16<<20 + 90_000} {
			if n > 16<<20 && (testing.Short() || p != Profile64x8) {
				continue
			}
			want := randomBytes(uint64(n), n)
			fsys, s := coveredAs(t, p, want)
			for _, off := range []int{0, n / 3, n / 2, n - 1, max(0, n-survived), max(0, n-survived-1), rng.IntN(n), rng.IntN(n)} {
				bad := bytes.Clone(want)
				for i := range bad[off:min(off+survived, n)] {
					bad[off+i] ^= 0x55
				}
				fsys.Put("/d/f", string(bad))
				r, err := s.Repair("f", false)
				if err != nil || !r.Repaired || !bytes.Equal(content(t, fsys, "/d/f"), want) {
					t.Errorf("%s: a file of %d bytes does not survive a block at %d: %s, %v", fmt.Sprint(p), n, off, r.State, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
