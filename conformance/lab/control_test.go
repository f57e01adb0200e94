package lab

import (
	"testing"

	"frankenredis/wal"
)

// bookRun runs a campaign over a book with a habit.
func bookRun(h habit, o Options) Report {
	o.Engine = func(c Config) Engine { return &book{habit: h, always: c.Policy == wal.Always} }
	o.Most, o.Seed = 1, 1
	return Run(o)
}

// The laboratory is worth something if a good engine passes it and a bad one does not: one engine, and the same with one habit each.
func TestNullControl(t *testing.T) {
	for h := range habits {
		t.Run(habitNames[h], func(t *testing.T) {
			t.Parallel()
			most := Options{Lives: count("LAB_LIVES", 60)} // a bad engine is done long before
			var r Report
			switch h {
			case good:
				few := count("LAB_LIVES", 8)
				for _, o := range []Options{{Lives: few}, {Lives: few, Faults: true}, {Lives: few, Damage: damageStopped}} {
					next := bookRun(h, o)
					r.States, r.Violations = r.States+next.States, append(r.Violations, next.Violations...)
				}
			case retriedSync, swallowedSync:
				most.Faults = true
				r = bookRun(h, most)
			case believes, cutsDamage:
				most.Damage = damageStopped
				r = bookRun(h, most)
			default:
				r = bookRun(h, most)
			}
			switch {
			case h == good && len(r.Violations) > 0:
				t.Error(r.Violations)
			case h != good && len(r.Violations) == 0:
				t.Errorf("passes %d states", r.States)
			case h != good:
				t.Logf("after %d states: %v", r.States, r.Violations[0])
			default:
				t.Logf("%d states", r.States)
			}
		})
	}
}
