package script

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

const sample = `# A comment.
@server --databases 4
@mask measured: /[0-9]{5,}/N/

SET k {{ab*3}}
GET k
----
OK
"ababab"

!let n INCR c
b> GET c
----
"${n}"

@sort
MGET c k
----
"1"
"ababab"

HELLO 9
----
(error) wrong
---- 3
(error) wrong, too
# the end
`

func parse(t *testing.T, text string) *Script {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.txt")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWriteGivesBackWhatParseRead(t *testing.T) {
	s := parse(t, sample)
	if err := s.Write(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(s.Path)
	if err != nil || string(got) != sample {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{"----\nOK\n", "@nope\nGET k\n", "@mask x\nGET k\n", "@mask /(/x/\nGET k\n", "@not redis\nGET k\n", "@mask id: x\nGET k\n"} {
		path := filepath.Join(t.TempDir(), "s.txt")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(path); err == nil || !strings.Contains(err.Error(), path+":1:") {
			t.Errorf("%q: %v; want an error with its line", text, err)
		}
	}
}

// A runner that lets a wrong reply pass would make every script worthless.
func TestRunFindsWrongReplies(t *testing.T) {
	server := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redis-server")})
	for _, proto := range []int{2, 3} {
		target := Target{Name: "redis", Version: "7.0.15", Proto: proto, Dial: server.DialErr}
		c := server.Dial(t)
		c.Call(t, "FLUSHALL")
		s := parse(t, sample)
		var failed []int
		fail := func(b *Block, got string) { failed = append(failed, b.Line) }
		if err := s.Run(target, false, fail); err != nil {
			t.Fatal(err)
		}
		if last := s.Blocks[len(s.Blocks)-1]; len(failed) != 1 || failed[0] != last.Line {
			t.Errorf("RESP%d: blocks at lines %v failed; only that at line %d is wrong", proto, failed, last.Line)
		}
	}
}

func TestUpdateWritesWhatTheServerSaid(t *testing.T) {
	server := testbed.Start(t, testbed.Options{Binary: testbed.Peer(t, "redis-server")})
	s := parse(t, "HSET h f v\n\nHGETALL h\n----\nnonsense\n")
	for _, proto := range []int{2, 3} {
		server.Dial(t).Call(t, "FLUSHALL")
		target := Target{Name: "redis", Version: "7.0.15", Proto: proto, Dial: server.DialErr}
		if err := s.Run(target, true, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Write(); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(s.Path)
	want := "HSET h f v\n----\n(integer) 1\n\nHGETALL h\n----\n1) \"f\"\n2) \"v\"\n---- 3\n1# \"f\" => \"v\"\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"7.0.15", "7.2", true}, {"7.2.4", "7.2", false}, {"7.2", "7.2.4", true}, {"7.10", "7.9", false}, {"7.2.4", "7.2.4", false}} {
		if older(c.a, c.b) != c.want {
			t.Errorf("older(%s, %s) is not %v", c.a, c.b, c.want)
		}
	}
}

// What a script leaves uncompared is listed with the ledger's entry, or with none.
func TestExceptions(t *testing.T) {
	s := parse(t, "@mask /a/b/\n@mask clock: /[0-9]+/N/\nTIME\n\n@not redict types: it refuses\n@not valkey it words this: differently\nGET k\n")
	want := []Exception{{1, "", ""}, {2, "", "clock"}, {5, "redict", "types"}, {6, "valkey", ""}}
	if !reflect.DeepEqual(s.Exceptions, want) {
		t.Errorf("got %+v, want %+v", s.Exceptions, want)
	}
	if b := s.Blocks[1]; b.not["redict"] != "it refuses" || b.not["valkey"] != "it words this: differently" {
		t.Errorf("reasons %q", b.not)
	}
}
