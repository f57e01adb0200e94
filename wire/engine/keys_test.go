package engine

import "testing"

func TestAtoi(t *testing.T) {
	for text, want := range map[string]int{"": 0, "x": 0, "12": 12, " +2x": 2, "\t-3 ": -3, "007": 7, "- 1": 0, "4294967297": 1,
		"9223372036854775807": -1, "99999999999999999999": -1, "-9223372036854775808": 0, "-99999999999999999999": 0} {
		if got := Atoi([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestFindKeyword(t *testing.T) {
	argv := [][]byte{[]byte("c"), []byte("KEYS"), []byte("keys"), []byte("x"), []byte("Keys")}
	for _, c := range []struct{ from, want int }{{1, 2}, {2, 3}, {3, 0}, {-1, 5}, {-2, 3}, {-3, 3}, {-4, 0}, {-9, 0}} {
		if got := findKeyword(&KeySpec{Keyword: "KEYS", StartFrom: c.from}, argv); got != c.want {
			t.Errorf("from %d: %d, want %d", c.from, got, c.want)
		}
	}
}
