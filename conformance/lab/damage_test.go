package lab

import "testing"

// I3, I16: damage to whatever file of a server that was stopped in order is found: a start refuses, or everything is there.
func TestDamageStopped(t *testing.T) {
	lives := 30
	if testing.Short() {
		lives = 8
	}
	report(t, Run(Options{Seed: uint64(count("LAB_SEED", 1)), Lives: count("LAB_LIVES", lives), Damage: damageStopped}))
}
