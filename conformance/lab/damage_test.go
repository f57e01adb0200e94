package lab

import (
	"os"
	"testing"
)

// I3, I16: damage to whatever file of a server that was stopped in order is found: a start refuses, or everything is there.
func TestDamageStopped(t *testing.T) {
	lives := 30
	if testing.Short() {
		lives = 8
	}
	report(t, Run(Options{Seed: uint64(count("LAB_SEED", 1)), Lives: count("LAB_LIVES", lives), Damage: damageStopped}))
}

// I1: under always, with ring and sidecars, whatever was acknowledged survives a death, of the process or of the machine, together with 64 KiB of any
// one file turned to zeros, to garbage or into bytes of another place: in hardened mode the next server has it, and what was repaired stays so (I17,
// I18); in strict mode it has it, or names the command that brings it back.
func TestI1Damage(t *testing.T) {
	states := count("LAB_STATES", 200)
	if testing.Short() {
		states = 80
	}
	o := DamageOptions{Seed: uint64(count("LAB_SEED", 1)), States: states, Keep: os.Getenv("LAB_KEEP"), Most: count("LAB_MOST", 0)}
	r := RunDamage(o)
	t.Log(r)
	for _, v := range r.Violations {
		t.Error(v)
	}
	if r.Refused > r.States/20 {
		t.Errorf("%d of %d starts were refused", r.Refused, r.States)
	}
	if r.States >= 200 && r.Commands == 0 {
		t.Error("no start in strict mode was refused: the damage does not reach what it is for")
	}
}

// Without sidecars things are lost: the campaign can see it.
func TestI1DamageIsSeen(t *testing.T) {
	r := RunDamage(DamageOptions{Seed: uint64(count("LAB_SEED", 1)), States: 400, Bare: true, Most: 1})
	t.Log(r)
	if len(r.Violations) == 0 {
		t.Error("nothing was lost")
	}
}
