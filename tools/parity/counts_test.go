package main

import (
	"bytes"
	"strings"
	"testing"

	"frankenredis/conformance/drift"
)

const sampleLog = `{"suite":"script","case":"string/get:3","mode":"frankenredis 7.2.4 resp2","ms":1,"outcome":"pass"}
{"suite":"script","case":"string/get:3","mode":"frankenredis 7.2.4 resp3","ms":1,"outcome":"fail","reason":"x"}
{"suite":"script","case":"string/set:9","mode":"redict 7.2.4 resp2","ms":1,"outcome":"pass"}
{"suite":"script","case":"string/new","mode":"redict 7.2.4 resp3","ms":0,"outcome":"skip"}
{"suite":"random","case":"string","seed":1,"mode":"resp2","digests":["a","a"],"ms":9,"outcome":"pass"}
{"suite":"random","case":"string","seed":1,"mode":"resp3","digests":["a","b"],"ms":9,"outcome":"fail"}
{"suite":"process","case":"TestKill/always","ms":9,"outcome":"pass"}
{"suite":"process","case":"TestFull","ms":9,"outcome":"skip"}
`

func TestCounts(t *testing.T) {
	ledger, err := drift.Load("../../conformance/DRIFT.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := counts(&out, strings.NewReader(sampleLog), ledger); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{" of 370\n", " of 195 acted on", "1 files, 2 cases with frankenredis 7.2.4, 1 FAILED\n", "1 files, 1 cases with redict 7.2.4\n",
		"2 seeds in 1 families, 1 FAILED\n", "2 tests, 1 skipped\n", "accepted differences"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	for _, log := range []string{"{\n", `{"suite":"whim","outcome":"pass"}`} {
		if err := counts(&out, strings.NewReader(log), ledger); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", log, err)
		}
	}
}
