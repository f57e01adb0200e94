package kv

import (
	"testing"
)

const testNow = 1_700_000_000_000

func newTest(t testing.TB, databases int) *Keyspace {
	ks := New(Options{Databases: databases, RandomSeed: 1, Protect: true})
	ks.SetNow(testNow)
	t.Cleanup(ks.Close)
	return ks
}

func get(db *DB, key string) (string, bool) {
	e, ok := db.Lookup([]byte(key), 0)
	if !ok {
		return "", false
	}
	return string(e.AppendString(nil)), true
}

func set(db *DB, key, val string) { db.SetString([]byte(key), []byte(val), false) }

func TestEncoding(t *testing.T) {
	db := newTest(t, 1).DB(0)
	long := string(make([]byte, 45))
	for _, c := range []struct {
		val  string
		want Encoding
	}{
		{"", Embstr}, {"0", Int}, {"-1", Int}, {"9223372036854775807", Int}, {"-9223372036854775808", Int},
		{"9223372036854775808", Embstr}, {"-9223372036854775809", Embstr}, {"99999999999999999999", Embstr},
		{"-0", Embstr}, {"00", Embstr}, {"01", Embstr}, {"+1", Embstr}, {" 1", Embstr}, {"1 ", Embstr}, {"-", Embstr},
		{long[:44], Embstr}, {long, Raw},
	} {
		e := db.SetString([]byte("k"), []byte(c.val), false)
		if e.Encoding() != c.want || e.StringLen() != len(c.val) || string(e.AppendString(nil)) != c.val {
			t.Errorf("SET %q: %v %d %q, want %v", c.val, e.Encoding(), e.StringLen(), e.AppendString(nil), c.want)
		}
	}
	for _, c := range []struct {
		before, tail, want string
		enc                Encoding
	}{{"", "12", "12", Raw}, {"1", "", "1", Raw}, {"12", "3", "123", Raw}, {"abc", "def", "abcdef", Raw}} {
		db.SetString([]byte("k"), []byte(c.before), false)
		n := db.AppendString([]byte("k"), []byte(c.tail))
		e, _ := db.Lookup([]byte("k"), 0)
		if got := string(e.AppendString(nil)); got != c.want || n != len(got) || e.Encoding() != c.enc {
			t.Errorf("%q APPEND %q: %q %v", c.before, c.tail, got, e.Encoding())
		}
	}
	db.Delete([]byte("k"))
	db.AppendString([]byte("k"), []byte("12"))
	if e, _ := db.Lookup([]byte("k"), 0); e.Encoding() != Int {
		t.Errorf("APPEND to nothing: %v", e.Encoding())
	}
	db.SetRange([]byte("r"), 2, []byte("x"))
	if e, _ := db.Lookup([]byte("r"), 0); e.Encoding() != Raw || string(e.AppendString(nil)) != "\x00\x00x" {
		t.Errorf("SETRANGE to nothing: %v", e.Encoding())
	}
}

func TestSetPlain(t *testing.T) {
	db := newTest(t, 1).DB(0)
	for _, c := range []struct {
		val       string
		ask, want Encoding
	}{{"11", Embstr, Embstr}, {"11", Raw, Raw}, {string(make([]byte, 45)), Embstr, Raw}} {
		e := db.SetPlain([]byte("k"), []byte(c.val), c.ask, false)
		if _, isInt := e.Int(); e.Encoding() != c.want || isInt || string(e.AppendString(nil)) != c.val {
			t.Errorf("%.5q as %v: %v", c.val, c.ask, e.Encoding())
		}
	}
}

func TestWords(t *testing.T) {
	for i, want := range []string{"string", "list", "set", "zset", "hash", "stream", "unknown"} {
		if got := Type(i).String(); got != want {
			t.Errorf("Type(%d) = %q", i, got)
		}
	}
	for i, want := range []string{"raw", "int", "embstr", "listpack", "intset", "hashtable", "quicklist", "skiplist", "stream", "unknown"} {
		if got := Encoding(i).String(); got != want {
			t.Errorf("Encoding(%d) = %q", i, got)
		}
	}
}

// TestAllocations: what every request does must leave the collector nothing to do.
func TestAllocations(t *testing.T) {
	ks := newTest(t, 2)
	db, other := ks.DB(0), ks.DB(1)
	key, renamed, counter := []byte("key"), []byte("other"), []byte("n")
	val, dst := make([]byte, 64), make([]byte, 0, 1<<20)
	big, part := []byte("big"), make([]byte, 1000)
	part[0] = 1
	for range 100 {
		db.AppendString(big, part)
	}
	db.SetInt(counter, 1, false)
	for name, f := range map[string]func(){
		"lookup": func() { db.Lookup(key, 0) },
		"get": func() {
			if e, ok := db.Lookup(big, 0); ok {
				dst = e.AppendRange(e.AppendString(dst[:0]), 10, 20000)
			}
		},
		"set":      func() { db.SetString(key, val, false) },
		"setex":    func() { db.SetStringExpire(key, val, testNow+1000) },
		"expire":   func() { db.SetString(key, val, false); db.SetExpire(key, testNow+1000); db.Persist(key) },
		"delete":   func() { db.SetString(key, val, false); db.Delete(key) },
		"incr":     func() { db.SetInt(counter, 2, true) },
		"setrange": func() { db.SetRange(big, 30000, part) },
		"append":   func() { db.SetString(key, val, false); db.AppendString(key, part) },
		"rename":   func() { db.SetString(key, val, false); db.Rename(key, renamed) },
		"move":     func() { db.SetString(key, val, false); db.Move(key, other); other.Delete(key) },
		"random":   func() { db.Random() },
		"cycle":    func() { ks.ExpireCycle(0); ks.LazyFree(0) },
		"used":     func() { ks.UsedBytes() },
		"expired": func() {
			db.SetStringExpire(key, val, testNow-1)
			db.Lookup(key, 0)
		},
	} {
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
