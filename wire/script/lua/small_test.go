package lua_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
	"frankenredis/wire/script/scripttest"
)

// TestSmallPrograms runs the programs of testdata/small.txt, each of which ends at a line "= " with the quoted output that lua5.1
// gave. With lua5.1 at hand it is asked again, and recorded with the flag -update.
func TestSmallPrograms(t *testing.T) {
	const path = "testdata/small.txt"
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var sources, want []string
	source := ""
	for n, line := range strings.SplitAfter(string(file), "\n") {
		output, ends := strings.CutPrefix(line, "= ")
		if !ends {
			source += line
			continue
		}
		sources, source = append(sources, strings.TrimSuffix(source, "\n")), ""
		text := ""
		if output = strings.TrimSpace(output); output != "" {
			if text, err = strconv.Unquote(output); err != nil {
				t.Fatalf("%s:%d: %v", path, n+1, err)
			}
		}
		want = append(want, text)
	}
	if len(sources) < 500 {
		t.Fatalf("%d programs", len(sources))
	}
	if judge, here := testbed.LookPeer("lua5.1"); here {
		asked := printedBy(t, judge, sources)
		if *scripttest.Update {
			var b strings.Builder
			for i, source := range sources {
				b.WriteString(source + "\n= " + strconv.Quote(asked[i]) + "\n")
			}
			if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			want = asked
		}
		for i, source := range sources {
			if want[i] != asked[i] {
				t.Errorf("%s: lua5.1 prints %q, recorded is %q", source, asked[i], want[i])
			}
		}
	}
	for i, source := range sources {
		if got := printedHere(source); got != want[i] {
			t.Errorf("%s:\n got %q\nwant %q", source, got, want[i])
		}
	}
}
