package acl

import (
	"fmt"
	"strings"
	"testing"
)

func TestLog(t *testing.T) {
	var l Log
	add := func(object string, at int64, limit int) {
		l.Add(Entry{Reason: DeniedKey, Context: "toplevel", Object: object, User: "u", Updated: at}, limit)
	}
	expect := func(want string) {
		t.Helper()
		var got []string
		for _, e := range l.Entries(100) {
			got = append(got, fmt.Sprintf("%s:%d#%d@%d-%d", e.Object, e.Count, e.ID, e.Created, e.Updated))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
	add("a", 0, 9)
	add("b", 1, 9)
	add("a", 60_000, 9)
	expect("a:2#0@0-60000 b:1#1@1-1")
	add("b", 60_002, 9)
	expect("b:1#2@60002-60002 a:2#0@0-60000 b:1#1@1-1")
	add("b", 60_003, 1) // one that is counted does not shorten
	expect("b:2#2@60002-60003 a:2#0@0-60000 b:1#1@1-1")
	add("c", 60_004, 2)
	expect("c:1#3@60004-60004 b:2#2@60002-60003")
	if n := len(l.Entries(1)); n != 1 {
		t.Errorf("%d entries for one asked for", n)
	}
	for i := range 10 {
		add(fmt.Sprint(i), 60_005, 99)
	}
	add("b", 60_006, 99) // too far down to be found
	if e := l.Entries(1)[0]; e.Object != "b" || e.Count != 1 {
		t.Errorf("%+v", e)
	}
	add("d", 60_007, 0)
	expect("")
	add("e", 60_008, 9)
	l.Reset()
	expect("")
}
