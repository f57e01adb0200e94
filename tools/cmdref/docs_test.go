package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/conformance/reference"
)

// The file that the server embeds is made of the present facts and words.
func TestDocsAreCurrent(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("../..", wordsFile))
	if err != nil {
		t.Fatal(err)
	}
	want, err := join(reference.Commands(), string(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join("../..", docsFile)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is stale (%v): go run ./tools/cmdref", docsFile, err)
	}
}

func TestJoin(t *testing.T) {
	commands := []reference.Command{
		{Name: "aaa", Since: "1.0.0", Group: "string", Complexity: []string{"O(N)"}, History: []string{"2.0.0"}},
		{Name: "bbb", Group: "server"},
	}
	const good = "# comment\n\naaa: Do a thing: <this>.\n\tcomplexity: O(N), N things.\n\t2.0.0: Better.\nbbb: Rest.\n"
	out, err := join(commands, good)
	if err != nil {
		t.Fatal(err)
	}
	var d doc
	if err := json.Unmarshal(bytes.SplitN(out, []byte("\n"), 2)[0], &d); err != nil {
		t.Fatal(err)
	}
	if d.Name != "aaa" || d.Summary != "Do a thing: <this>." || d.Complexity != "O(N), N things." || len(d.History) != 1 || d.History[0] != [2]string{"2.0.0", "Better."} {
		t.Errorf("%+v", d)
	}
	for name, c := range map[string]struct{ text, want string }{
		"no colon":      {"aaa\n", "line 1"},
		"no words":      {"aaa: \n", "line 1"},
		"belongs to no": {"\t2.0.0: Better.\n", "line 1"},
		"order":         {"bbb: Rest.\naaa: Thing.\n", "line 2"},
		"twice":         {"aaa: Thing.\naaa: Thing.\n", "line 2"},
		"missing":       {"aaa: Thing.\n\t2.0.0: Better.\n", "bbb: no words"},
		"nobody's":      {good + "ccc: What?\n", "ccc: no such command"},
		"no history":    {strings.Replace(good, "\t2.0.0: Better.\n", "", 1), "aaa: changes"},
		"other version": {strings.Replace(good, "2.0.0", "2.0.1", 1), "aaa: changes"},
		"other formula": {strings.Replace(good, "O(N),", "O(M),", 1), "aaa: complexity O(M)"},
	} {
		if _, err := join(commands, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestComplexity(t *testing.T) {
	for _, c := range []struct {
		formulae    []string
		words, want string
	}{
		{nil, "", ""},
		{nil, "That of the script.", "error"},
		{[]string{}, "", "error"},
		{[]string{}, "That of the script.", "That of the script."},
		{[]string{"O(1)"}, "", "O(1)"},
		{[]string{"O(1)", "O(N)"}, "", "error"},
		{[]string{"O(1)", "O(N)"}, "O(1) mostly.", "O(1) mostly."},
		{[]string{"O(1)", "O(N)"}, "O(N) mostly.", "error"},
		{[]string{"O(1)"}, "O(1) or O(N).", "error"},
	} {
		got, err := complexity(c.formulae, c.words)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("complexity(%q, %q) = %q, %v; want %q", c.formulae, c.words, got, err, c.want)
		}
	}
}
