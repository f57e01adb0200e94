package lab

import "testing"

// A ledger's chain holds through deaths and faults, and has every record that was called durable (I8, I12, I18).
func TestLedger(t *testing.T) {
	lives := 2
	if testing.Short() {
		lives = 1
	}
	o := Options{Seed: uint64(count("LAB_SEED", 1)), Lives: count("LAB_LIVES", lives)}
	report(t, runLedgers(o))
	o.Faults = true
	report(t, runLedgers(o))
}
