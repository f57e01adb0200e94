package wal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// manifestCase is a manifest and what Redis says of it; reason empty: it loads.
type manifestCase struct {
	name, text, reason string
	line               int
}

var manifestCases = []manifestCase{
	{"usual", "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n", "", 0},
	{"base alone", "file appendonly.aof.1.base.rdb seq 1 type b\n", "", 0},
	{"any order", "type b seq 1 file appendonly.aof.1.base.rdb\n", "", 0},
	{"capitals", "FILE appendonly.aof.1.base.rdb SEQ 1 Type b\n", "", 0},
	{"further pairs", "file appendonly.aof.1.base.rdb seq 1 type b startoffset 0 uuid abc\nfile appendonly.aof.1.incr.aof seq 1 type i x \"y z\"\n", "", 0},
	{"comment", "# made by hand\nfile appendonly.aof.1.base.rdb seq 1 type b\n", "", 0},
	{"spaces and CR", "  file appendonly.aof.1.base.rdb   seq\t1 type b \r\n", "", 0},
	{"quotes", "file \"appendonly.aof.1.base.rdb\" seq '1' type b\n", "", 0},
	{"escapes", "file \"appendonly.aof\\x2e1.base.rdb\" seq 1 type b\n", "", 0},
	{"type by its first letter", "file appendonly.aof.1.base.rdb seq 1 type bogus\n", "", 0},
	{"number by its first digits", "file appendonly.aof.1.base.rdb seq 1x type b\n", "", 0},
	{"negative base", "file appendonly.aof.1.base.rdb seq -1 type b\n", "", 0},
	{"increments before the base", "file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.1.base.rdb seq 1 type b\n", "", 0},
	{"empty", "", textManifestEmpty, 0},
	{"empty line", "\n", textManifestFormat, 1},
	{"empty last line", "file appendonly.aof.1.base.rdb seq 1 type b\n\n", textManifestFormat, 2},
	{"words missing", "file appendonly.aof.1.base.rdb seq 1\n", textManifestFormat, 1},
	{"odd number of words", "file appendonly.aof.1.base.rdb seq 1 type b x\n", textManifestFormat, 1},
	{"unbalanced quotes", "file \"appendonly.aof.1.base.rdb seq 1 type b\n", textManifestFormat, 1},
	{"text behind a quote", "file \"appendonly.aof.1.base.rdb\"x seq 1 type b\n", textManifestFormat, 1},
	{"no name", "name x seq 1 type b\n", textManifestFormat, 1},
	{"zero", "file appendonly.aof.1.base.rdb seq 0 type b\n", textManifestFormat, 1},
	{"no number", "file appendonly.aof.1.base.rdb seq one type b\n", textManifestFormat, 1},
	{"no type", "file appendonly.aof.1.base.rdb seq 1 type \"\"\n", textManifestFormat, 1},
	{"unknown type", "file appendonly.aof.1.base.rdb seq 1 type x\n", textManifestType, 1},
	{"path", "file ../appendonly.aof.1.base.rdb seq 1 type b\n", textManifestPath, 1},
	{"backslash", "file a\\b seq 1 type b\n", textManifestPath, 1},
	{"two bases", "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.2.base.rdb seq 2 type b\n", textManifestDuplicate, 2},
	{"same number twice", "file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.1.incr.aof seq 1 type i\n", textManifestMonotonic, 2},
	{"numbers falling", "file appendonly.aof.2.incr.aof seq 2 type i\nfile appendonly.aof.1.incr.aof seq 1 type i\n", textManifestMonotonic, 2},
	{"negative increment", "file appendonly.aof.1.incr.aof seq -1 type i\n", textManifestMonotonic, 1},
	{"no newline", "file appendonly.aof.1.base.rdb seq 1 type b", ManifestLineTooLong, 1},
	{"long line", "file appendonly.aof.1.base.rdb seq 1 type b x " + strings.Repeat("y", 1024) + "\n", ManifestLineTooLong, 1},
	{"longest line", "file appendonly.aof.1.base.rdb seq 1 type b x " + strings.Repeat("y", 1023-46) + "\n", "", 0},
	{"one byte too long", "file appendonly.aof.1.base.rdb seq 1 type b x " + strings.Repeat("y", 1024-46) + "\n", ManifestLineTooLong, 1},
	{"NUL", "file appendonly.aof.1.base.rdb seq 1 type b\x00\n", ManifestLineTooLong, 1},
	{"long comment", "#" + strings.Repeat("y", 1030) + "\nfile appendonly.aof.1.base.rdb seq 1 type b\n", textManifestFormat, 2},
}

func TestParseManifest(t *testing.T) {
	for _, c := range manifestCases {
		m, err := ParseManifest([]byte(c.text))
		var me *ManifestError
		switch {
		case c.reason == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.reason != "" && (!errors.As(err, &me) || me.Reason != c.reason || me.Line != c.line):
			t.Errorf("%s: got %v, want %q in line %d", c.name, err, c.reason, c.line)
		case c.reason == "" && m.Base != nil && m.Base.Name != "appendonly.aof.1.base.rdb":
			t.Errorf("%s: base %+v", c.name, m.Base)
		}
	}
}

func TestManifestRoundTrip(t *testing.T) {
	m := &Manifest{}
	name := "my \"log\" \x80\t\\.aof"
	if _, err := m.setBase(name, false, 0); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := m.addIncr(name); err != nil {
			t.Fatal(err)
		}
	}
	want := `file "my \"log\" \x80\t\\.aof.1.base.rdb" seq 1 type b
file "my \"log\" \x80\t\\.aof.1.incr.aof" seq 1 type i
file "my \"log\" \x80\t\\.aof.2.incr.aof" seq 2 type i
file "my \"log\" \x80\t\\.aof.3.incr.aof" seq 3 type i
`
	if got := string(m.AppendTo(nil)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	// A backslash in a name is what Redis calls a path, so such a log cannot be read back; without one it can.
	name = strings.ReplaceAll(name, "\\", "")
	m = &Manifest{}
	m.setBase(name, false, 0)
	m.addIncr(name)
	again, err := ParseManifest(m.AppendTo(nil))
	if err != nil || again.Base.Name != m.Base.Name || *again.Last() != *m.Last() {
		t.Errorf("read back %+v, %v", again, err)
	}
}

// A rewrite turns the old base and the increments before it into history, listed as Redis lists them.
func TestManifestSetBase(t *testing.T) {
	m := &Manifest{}
	m.setBase("a", false, 0)
	for range 3 {
		m.addIncr("a")
	}
	m.setBase("a", true, 2)
	want := `file a.2.base.aof seq 2 type b
file a.1.incr.aof seq 1 type h
file a.2.incr.aof seq 2 type h
file a.1.base.rdb seq 1 type h
file a.3.incr.aof seq 3 type i
`
	if got := string(m.AppendTo(nil)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if again, err := ParseManifest([]byte(want)); err != nil || !bytes.Equal(again.AppendTo(nil), []byte(want)) {
		t.Errorf("read back %+v, %v", again, err)
	}
}

// The count of increments does not run over: what Redis would write then its own loader refuses.
func TestManifestSeqEnds(t *testing.T) {
	m, err := ParseManifest([]byte("file x seq 9223372036854775807 type i\n"))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := m.addIncr("a"); err == nil {
		t.Errorf("got %+v", f)
	}
}

func FuzzManifest(f *testing.F) {
	for _, c := range manifestCases {
		f.Add([]byte(c.text))
	}
	for _, name := range []string{`""`, `"it's.aof"`} { // Redis would not quote them again
		f.Add([]byte("file " + name + " seq 1 type b\n"))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := ParseManifest(p)
		if err != nil {
			return
		}
		text := m.AppendTo(nil)
		again, err := ParseManifest(text)
		if err != nil {
			// What Redis reads it may not be able to write: names that take more room quoted, and manifests of comments.
			if me := err.(*ManifestError); me.Reason != ManifestLineTooLong && me.Reason != textManifestEmpty {
				t.Fatalf("%q became %q: %v", p, text, err)
			}
			return
		}
		if !bytes.Equal(again.AppendTo(nil), text) {
			t.Fatalf("%q became %q and then %q", p, text, again.AppendTo(nil))
		}
	})
}
