package command_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"frankenredis/conformance/reference"
	"frankenredis/wire/command"
	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

// fullTable has a row for every command of the reference, as far as documentation needs it.
func fullTable() *engine.Table {
	nothing := func(*engine.Call) error { return nil }
	var rows []engine.Spec
	for _, c := range reference.Commands() { // a parent comes before its subcommands, others may come between
		parent, sub, nested := strings.Cut(c.Name, "|")
		if !nested {
			rows = append(rows, engine.Spec{Name: c.Name, Arity: c.Arity, Handler: nothing})
			continue
		}
		i := slices.IndexFunc(rows, func(s engine.Spec) bool { return s.Name == parent })
		rows[i].Sub = append(rows[i].Sub, engine.Spec{Name: sub, Arity: c.Arity, Handler: nothing})
	}
	return engine.NewTable(rows)
}

// docsOf is what COMMAND DOCS says about one command, as key and value.
func docsOf(s *engine.Spec, proto int) string {
	w := resp.Writer{Proto: proto}
	w.Map(1)
	command.WriteDocs(&engine.Call{W: &w}, s)
	return string(w.Buf)
}

// All commands of 7.2.4, in both protocols: everything but the wording is a real server's.
func TestDocsAgainstRedict(t *testing.T) {
	p := startPeer(t, "redict-server")
	for proto := 2; proto <= 3; proto++ {
		p.do(proto, "HELLO", fmt.Sprint(proto))
		for _, s := range fullTable().All() {
			theirs := docsValue(t, p.do(proto, "COMMAND", "DOCS", s.FullName()))
			ours := docsValue(t, docsOf(s, proto))
			maskDocs(&theirs, "")
			maskDocs(&ours, "")
			if where := differenceInDocs(&ours, &theirs, ""); where != "" {
				t.Errorf("RESP%d: %s: %s", proto, s.FullName(), where)
			}
		}
	}
}

func docsValue(t *testing.T, raw string) resp.Value {
	t.Helper()
	var r resp.ReplyReader
	r.Feed([]byte(raw))
	v, ok, err := r.Next()
	if err != nil || !ok {
		t.Fatalf("%.200q: %v", raw, err)
	}
	return v
}

// isMap tells maps, which RESP2 writes as arrays.
func isMap(v *resp.Value) bool {
	return v.Kind == resp.MapKind || v.Kind == resp.ArrayKind && len(v.Elems) > 1 && len(v.Elems)%2 == 0 && v.Elems[0].Kind == resp.BulkKind
}

// maskDocs blanks the wording, sorts the subcommands, whose order is no promise, and takes out what is newer than 7.2.4. key
// is the one under which v stands.
func maskDocs(v *resp.Value, key string) {
	switch key {
	case "summary", "complexity":
		v.Str = ""
		return
	case "history":
		v.Elems = slices.DeleteFunc(v.Elems, func(change resp.Value) bool { return change.Elems[0].Str == "8.0.0" })
		for i := range v.Elems {
			v.Elems[i].Elems[1].Str = ""
		}
		return
	case "arguments":
		v.Elems = slices.DeleteFunc(v.Elems, func(a resp.Value) bool { return a.Elems[1].Str == "maxage" })
	}
	if isMap(v) {
		if key == "subcommands" {
			sortDocs(v)
		}
		for i := 0; i+1 < len(v.Elems); i += 2 {
			maskDocs(&v.Elems[i+1], v.Elems[i].Str)
		}
		return
	}
	for i := range v.Elems {
		maskDocs(&v.Elems[i], "")
	}
}

// sortDocs sorts a map by its keys.
func sortDocs(v *resp.Value) {
	entries := slices.Collect(slices.Chunk(v.Elems, 2))
	slices.SortFunc(entries, func(a, b []resp.Value) int { return strings.Compare(a[0].Str, b[0].Str) })
	v.Elems = slices.Concat(entries...)
}

// differenceInDocs says where two replies differ, "" when they do not.
func differenceInDocs(ours, theirs *resp.Value, path string) string {
	a, b := *ours, *theirs
	a.Elems, b.Elems = nil, nil
	if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) || len(ours.Elems) != len(theirs.Elems) {
		return fmt.Sprintf("at %s:\nours   %+v\ntheirs %+v", path, *ours, *theirs)
	}
	for i := range ours.Elems {
		step := fmt.Sprint(i)
		if isMap(ours) && i%2 == 1 {
			step = ours.Elems[i-1].Str
		}
		if d := differenceInDocs(&ours.Elems[i], &theirs.Elems[i], path+"/"+step); d != "" {
			return d
		}
	}
	return ""
}

func TestCommandDocs(t *testing.T) {
	b := newBed(t, "", false, nil)
	get := docsOf(command.Table().Lookup([]byte("get")), 2)
	for _, c := range []struct{ name, want string }{
		{"nosuch", "*0\r\n"},
		{"client|nosuch", "*0\r\n"},
		{"GET", get},
	} {
		if got := b.do(0, "COMMAND", "DOCS", c.name); got != c.want {
			t.Errorf("COMMAND DOCS %s: %q, want %q", c.name, got, c.want)
		}
	}
	// Each name that there is counts, however often.
	twice := strings.Replace(get, "*2", "*4", 1) + strings.TrimPrefix(get, "*2\r\n")
	if got := b.do(0, "COMMAND", "DOCS", "get", "nosuch", "get"); got != twice {
		t.Errorf("twice: %q, want %q", got, twice)
	}
	// Without names, every command that has a row.
	all := docsValue(t, b.do(0, "COMMAND", "DOCS"))
	var names []string
	for i := 0; i < len(all.Elems); i += 2 {
		names = append(names, all.Elems[i].Str)
	}
	var want []string
	for _, s := range command.Table().All() {
		want = append(want, s.FullName())
	}
	if !slices.Equal(names, want) {
		t.Errorf("COMMAND DOCS names %q, want %q", names, want)
	}
}

// A command about which nothing is written, as one of our own may be, is shown the way Redis shows a module's.
func TestDocsOfUnwrittenCommand(t *testing.T) {
	table := engine.NewTable([]engine.Spec{{Name: "fr.nosuch", Arity: 1, Handler: func(*engine.Call) error { return nil }}})
	want := "%1\r\n$9\r\nfr.nosuch\r\n%1\r\n$5\r\ngroup\r\n$6\r\nmodule\r\n"
	if got := docsOf(table.All()[0], 3); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The first COMMAND DOCS of a process also parses the embedded file.
func BenchmarkDocs(b *testing.B) {
	table := fullTable()
	w := resp.Writer{Proto: 3}
	b.ReportAllocs()
	for b.Loop() {
		w.Buf = w.Buf[:0]
		for _, s := range table.All() {
			command.WriteDocs(&engine.Call{W: &w}, s)
		}
	}
	b.SetBytes(int64(len(w.Buf)))
}
