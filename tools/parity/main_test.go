package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// The ledger in the repository is what the tool writes.
func TestLedgerIsCurrent(t *testing.T) {
	cmd := exec.Command("go", "run", "./tools/parity")
	cmd.Dir = "../.."
	want, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../conformance/PARITY.md")
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("conformance/PARITY.md is stale (%v): go run ./tools/parity > conformance/PARITY.md", err)
	}
}
