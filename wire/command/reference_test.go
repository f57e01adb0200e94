package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	"frankenredis/conformance/reference"
	"frankenredis/wire/command"
	"frankenredis/wire/engine"
)

// Each row says what the reference says, in the same order. What the reference has and the table lacks is the parity ledger's
// business, see tools/parity.
func TestRowsEqualReference(t *testing.T) {
	facts := map[string]reference.Command{}
	for _, c := range reference.Commands() {
		facts[c.Name] = reference.Command{
			Name: c.Name, Arity: c.Arity, Flags: c.Flags, FirstKey: c.FirstKey, LastKey: c.LastKey, Step: c.Step,
			Categories: c.Categories, Tips: c.Tips, KeySpecs: c.KeySpecs,
		}
	}
	var compare func(s *engine.Spec)
	compare = func(s *engine.Spec) {
		if strings.HasPrefix(s.FullName(), "fr.") {
			return // ours: Redis has no such command
		}
		want, ok := facts[s.FullName()]
		if !ok {
			t.Errorf("%s: Redis 7.2.4 has no such command", s.FullName())
		} else if got, want := asLine(t, factsOf(s)), asLine(t, want); got != want {
			t.Errorf("%s:\n row       %s\n reference %s", s.FullName(), got, want)
		}
		for i := range s.Sub {
			compare(&s.Sub[i])
		}
	}
	for _, s := range command.Table().All() {
		compare(s)
	}
}

// factsOf puts a row in the reference's form.
func factsOf(s *engine.Spec) reference.Command {
	c := reference.Command{
		Name: s.FullName(), Arity: s.Arity, Flags: s.Flags.Names(), Categories: s.Categories.Names(), Tips: s.Tips,
	}
	c.FirstKey, c.LastKey, c.Step = s.LegacyRange()
	for i := range s.Keys {
		k := &s.Keys[i]
		spec := reference.KeySpec{Notes: k.Notes != "", Flags: k.Flags.Names()}
		switch {
		case k.Unknown:
			spec.Begin.Type, spec.Find.Type = "unknown", "unknown"
		case k.Keyword != "":
			spec.Begin = reference.Search{Type: "keyword", Keyword: k.Keyword, StartFrom: k.StartFrom}
		default:
			spec.Begin = reference.Search{Type: "index", Index: k.Index}
		}
		switch {
		case k.Unknown:
		case k.KeyNum:
			spec.Find = reference.Search{Type: "keynum", KeyNum: k.KeyNumIndex, FirstKey: k.FirstKey, KeyStep: max(k.Step, 1)}
		default:
			spec.Find = reference.Search{Type: "range", LastKey: k.Last, KeyStep: max(k.Step, 1), Limit: k.Limit}
		}
		c.KeySpecs = append(c.KeySpecs, spec)
	}
	return c
}

func asLine(t *testing.T, c reference.Command) string {
	t.Helper()
	line, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}
