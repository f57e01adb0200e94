package ledger

import "testing"

// Every rule has a number and a reason code of its own, and says something.
func TestRules(t *testing.T) {
	numbers, reasons := map[int]bool{}, map[string]bool{}
	last := 0
	for _, r := range Rules {
		if numbers[r.Number] || reasons[r.Reason] || r.Reason == "" || r.Text == "" || r.Threat == "" || r.Number <= last {
			t.Errorf("%+v", r)
		}
		numbers[r.Number], reasons[r.Reason], last = true, true, r.Number
	}
}
