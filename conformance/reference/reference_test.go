package reference

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The counts of 7.2.4.
func TestCounts(t *testing.T) {
	top, all := 0, Commands()
	for _, c := range all {
		if !strings.Contains(c.Name, "|") {
			top++
		}
	}
	if top != 241 || len(all) != 370 || len(Parameters()) != 195 {
		t.Errorf("%d commands, %d with subcommands, %d parameters; want 241, 370, 195", top, len(all), len(Parameters()))
	}
}

// The files are in order of name, name nobody but Redis, and survive being read and written.
func TestFiles(t *testing.T) {
	all, params := Commands(), Parameters()
	if !slices.IsSortedFunc(all, func(a, b Command) int { return strings.Compare(a.Name, b.Name) }) ||
		!slices.IsSortedFunc(params, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not in order of name")
	}
	again, err1 := Encode(all)
	paramsAgain, err2 := Encode(params)
	if err1 != nil || err2 != nil || !bytes.Equal(again, commands) || !bytes.Equal(paramsAgain, parameters) {
		t.Error("not what Encode writes", err1, err2)
	}
	for _, name := range []string{"redict", "valkey"} {
		if bytes.Contains(bytes.ToLower(slices.Concat(commands, parameters)), []byte(name)) {
			t.Errorf("a relative's name, %s", name)
		}
	}
}

func ExampleCommands() {
	for _, c := range Commands() {
		if c.Name == "incrby" {
			fmt.Println(c.Name, c.Arity, c.Flags, c.Since, c.Arguments[1].Name, c.Arguments[1].Type)
		}
	}
	// Output: incrby 3 [write denyoom fast] 1.0.0 increment integer
}
