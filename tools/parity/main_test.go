package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"frankenredis/conformance/reference"
	"frankenredis/wire/config"
)

// The ledger in the repository is what the tool writes.
func TestLedgerIsCurrent(t *testing.T) {
	var want bytes.Buffer
	if err := ledger(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../conformance/PARITY.md")
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("conformance/PARITY.md is stale (%v): go run ./tools/parity > conformance/PARITY.md", err)
	}
}

// CONFIG GET * shows the reference's parameters with their defaults, and of others only our own.
func TestParametersEqualReference(t *testing.T) {
	ours := map[string]string{}
	for _, p := range config.Defaults().Get([]string{"*"}) {
		if !strings.HasPrefix(p.Name, "fr-") {
			ours[p.Name] = p.Value
		}
	}
	for _, p := range reference.Parameters() {
		value, ok := ours[p.Name]
		switch {
		case !ok:
			t.Errorf("%s is missing", p.Name)
		case p.Default != nil && value != *p.Default:
			t.Errorf("%s is %q, want %q", p.Name, value, *p.Default)
		}
		delete(ours, p.Name)
	}
	for name := range ours {
		t.Errorf("Redis 7.2.4 has no parameter %s", name)
	}
}
