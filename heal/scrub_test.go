package heal

import (
	"testing"

	"frankenredis/conformance/crashfs"
)

// A repair that has begun ends, and is told of, though the scrub that found the damage begins again meanwhile, or is stopped.
func TestRepairOutlivesItsScrub(t *testing.T) {
	for what, interrupt := range map[string]func(k *Keeper){
		"begun again": func(k *Keeper) { k.Scrub(true) },
		"stopped":     func(k *Keeper) { k.StopScrub() },
	} {
		t.Run(what, func(t *testing.T) {
			fsys := crashfs.New()
			want := randomBytes(9, 5_000_000)
			fsys.Put("/d/dump", string(want))
			var k *kept
			k = keep(t, fsys, func(o *KeeperOptions) {
				told := o.Told
				o.Told = func(e KeeperEvent) {
					told(e)
					if e.Kind == FoundDamage {
						interrupt(k.Keeper)
					}
				}
			})
			k.Look("/d/dump")
			k.until("a cover", func() bool { st := k.Status(); return st.Files == 1 && st.Waiting == 0 })
			bad := append([]byte{}, want...)
			bad[4_000_000] ^= 1
			fsys.Put("/d/dump", string(bad))
			k.Scrub(true)
			k.until("the repair", k.told(MendedFile, "/d/dump"))
			if st := k.Status(); st.Repaired != 1 || len(st.Damaged) > 0 || fsys.Tree()["/d/dump"] != string(want) {
				t.Errorf("%+v", st)
			}
			if err := k.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
