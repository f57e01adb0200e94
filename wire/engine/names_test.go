package engine

import (
	"fmt"
	"strings"
	"testing"
)

func TestNameIndex(t *testing.T) {
	byName := map[string]*Spec{}
	for i := range 300 {
		name := strings.Repeat("ab-", i%4) + fmt.Sprint("n", i)
		byName[name] = &Spec{Name: name}
	}
	x := newNameIndex(byName)
	for name, spec := range byName {
		for _, spelled := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			if x.find([]byte(spelled)) != spec {
				t.Errorf("%q is not found", spelled)
			}
		}
	}
	// '\r' and '-' hash alike, and so do other bytes that are no letters.
	for _, name := range []string{"", "n", "n300", "ab\rn1", "AB\rN1", "n1\x00", strings.Repeat("n", 65)} {
		if s := x.find([]byte(name)); s != nil {
			t.Errorf("%q finds %q", name, s.Name)
		}
	}
}

func TestLookupRenamed(t *testing.T) {
	nop := func(*Call) error { return nil }
	table := NewTable([]Spec{{Name: "get", Arity: 2, Handler: nop}, {Name: "set", Arity: 3, Handler: nop}})
	table.Rename("GET", "fetch")
	table.Rename("set", "")
	for name, want := range map[string]bool{"get": false, "FETCH": true, "set": false} {
		if got := table.Lookup([]byte(name)) != nil; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
