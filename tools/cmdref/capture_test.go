package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"frankenredis/conformance/reference"
	"frankenredis/conformance/testbed"
	"frankenredis/wire/resp"
)

// The files in the repository are what a capture yields.
func TestReferenceIsCurrent(t *testing.T) {
	s, err := start(testbed.Peer(t, "redict-server"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	f, err := capture(s)
	if err != nil {
		t.Fatal(err)
	}
	commands, err1 := reference.Encode(f.commands)
	parameters, err2 := reference.Encode(f.parameters)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for file, want := range map[string][]byte{commandsFile: commands, configFile: parameters} {
		if got, err := os.ReadFile(filepath.Join("../..", file)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what redict-server says (%v): go run ./tools/cmdref -server PATH", file, err)
		}
	}
	if want := slices.Sorted(slices.Values(later)); !slices.Equal(f.dropped, want) {
		t.Errorf("left out %q, want %q", f.dropped, want)
	}
}

func TestStartOfNoServer(t *testing.T) {
	if _, err := start("/nosuch/redis-server"); err == nil {
		t.Error("started")
	}
}

func TestFormulas(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"Depends.", ""},
		{"O(1)", "O(1)"},
		{"O(N) where N is (in case) O(N)", "O(N)"},
		{"O(K) + O(M*log(N)) where", "O(K) + O(M*log(N))"},
		{"O(N)+O(M log(M)). Or O(1).", "O(N)+O(M log(M))|O(1)"},
		{"O(L + (N-K)log(N)) worst case", "O(L + (N-K)log(N))"},
		{"O(1) + more", "O(1)"},
		{"O(open", "O(open"},
	} {
		if got := strings.Join(formulas(c.text), "|"); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestSieve(t *testing.T) {
	var s sieve
	for _, c := range []struct {
		what, since string
		want        bool
	}{
		{"command get", "1.0.0", false},
		{"command get", "7.2.4", false},
		{"command get", "7.2.10", true},
		{"command get", "10.0.0", true},
		{"parameter port", "", false},
		{later[0], "8.0.0", true},
		{later[len(later)-1], "", true},
	} {
		if got := s.drop(c.what, c.since); got != c.want {
			t.Errorf("drop(%q, %q) = %v", c.what, c.since, got)
		}
	}
	if err := s.err(); err == nil || strings.Contains(err.Error(), later[0]) || !strings.Contains(err.Error(), "command get") {
		t.Errorf("err() = %v, want the two that are not listed", err)
	}
}

// Nothing a server says is passed over in silence.
func TestUnknownFields(t *testing.T) {
	bulk := func(s string) resp.Value { return resp.Value{Kind: resp.BulkKind, Str: s} }
	with := func(key string) resp.Value {
		return resp.Value{Kind: resp.MapKind, Elems: []resp.Value{bulk(key), bulk("x")}}
	}
	cmd := &reference.Command{Name: "get"}
	for name, use := range map[string]func(c *capturer){
		"element":    func(c *capturer) { c.info(resp.Value{Elems: []resp.Value{{}}}) },
		"key spec":   func(c *capturer) { c.keySpec("get", with("novel")) },
		"search":     func(c *capturer) { c.search("get", with("novel")) },
		"only there": func(c *capturer) { c.docs(with("novel")) },
		"field":      func(c *capturer) { c.doc(cmd, "novel", bulk("x")) },
		"argument":   func(c *capturer) { c.arguments("get", resp.Value{Elems: []resp.Value{with("novel")}}) },
	} {
		c := capturer{byName: map[string]*reference.Command{"get": cmd}}
		if use(&c); len(c.problems) != 1 {
			t.Errorf("%s: %v", name, c.problems)
		}
	}
}
