package config

import (
	"slices"
	"strings"
	"testing"

	"frankenredis/wire/resp"
)

// probes are values thrown at every parameter that can be set.
var probes = []string{
	"", " ", "0", "1", "-1", "-2", "2", "64", "100", "101", "500", "501", "1024", "65535", "65536", "01", "+1", "-0", "0x10", "1.5", " 1", "1 ", "1 2",
	"2147483647", "2147483648", "4294967295", "4294967296", "-2147483648", "-2147483649", "9223372036854775807",
	"9223372036854775808", "-9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999",
	"1b", "1k", "1kb", "1K", "1KB", "2m", "2mb", "1g", "1gb", "1t", "kb", "b", "18446744073709551615gb", "1 kb", "1kb ", "50%", "-1%", "100%", "101%", "%", "1%%",
	"yes", "no", "YES", "No", "true", "on", "local", "everysec", "ALWAYS", "debug", "noeviction", "allkeys-lru", "volatile-lru no", "save", "nosave now",
	"now nosave", "save nosave", "default", "default force", "SAVE", "force force", "900 1", "900 1 300", "900 1 300 10", "0 1", "1 -1", "1  1", " 900 1", "900 1 ", "99999999999 1", "1 99999999999",
	"1 4294967296", "a b", "0x1 1", "normal 0 0 0", "normal 0 0", "slave 1gb 1mb 60", "replica 256mb 64mb 60", "REPLICA 1 2 3", "master 0 0 0",
	"normal a 0 0", "normal 0 0 a", "normal 0 0 -1", "normal 0 0 4294967295", "normal 0 0 1kb", "pubsub 1 2 3 pubsub 32mb 8mb 60", "normal 0 0 0 x",
	"0 200 800", "-2000 0 2000", "-2001 0 0", "0 0 2001", "0 0", "0 0 0 0", "KEA", "AKE", "K$g", "Elshz", "m", "An", "n", "g$lshzxetd", "q", "KK",
	"50 99", "50.5", "33.3333333", "1e1", "0x10 1", "nan", "inf", "-0", "100.1", "0.0000001", "1e400", "99.9999999", "50  99",
	"{title}", "{bad}", "{{x", "{", "}", "a\x00b", "x\ty", "résumé", "C", "POSIX", "nowhere", "on-empty-db", "swapdb", "hostname", "panic", "clients", "optional",
	"a/b", "a.b-c", "a_b", "a!b", "allchannels", "absolute",
}

// untouched are parameters whose change has effects outside the table: sockets, clients that are dropped, limits of this machine.
var untouched = []string{
	"port", "bind", "maxclients", "maxmemory-clients", "tls-port", "tls-cluster", "tls-replication", "activedefrag", "oom-score-adj", "oom-score-adj-values",
	"dir", "dbfilename", "appendonly",
}

// Every reply to CONFIG SET and every value shown afterwards is compared with a real server's.
func TestSetAgainstPeer(t *testing.T) {
	if testing.Short() {
		t.Skip("throws thousands of values")
	}
	p := startPeer(t, "redict-server", t.TempDir())
	for i := range rows {
		r := &rows[i]
		if r.Ours() || r.Is(Immutable) || slices.Contains(untouched, r.Name) {
			continue
		}
		names := []string{r.Name}
		if r.Alias != "" {
			names = append(names, r.Alias)
		}
		t.Run(r.Name, func(t *testing.T) {
			s := Defaults()
			for _, name := range names {
				for _, v := range probes {
					p.compareSet(t, s, name, v)
				}
			}
			p.do("CONFIG", "SET", r.Name, r.Default)
		})
	}
}

func (p *peer) compareSet(t *testing.T, s *Store, pairs ...string) {
	t.Helper()
	args := []string{"CONFIG", "SET"}
	var set []Pair
	for i := 0; i+1 < len(pairs); i += 2 {
		args = append(args, pairs[i], pairs[i+1])
		set = append(set, Pair{pairs[i], pairs[i+1]})
	}
	want := p.do(args...)[0]
	got := "OK"
	if err := s.Set(set, Access{}); err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("CONFIG SET %q:\n got %s\nwant %s", pairs, got, want)
		return
	}
	for _, q := range set {
		r, ok := Lookup(q.Name)
		if !ok {
			continue
		}
		if got, want := s.Get([]string{r.Name})[0].Value, asRedis(p.get(r.Name)); got != want {
			t.Errorf("after CONFIG SET %q: %s is %q, want %q", pairs, r.Name, got, want)
		}
	}
}

func TestSetSeveralAgainstPeer(t *testing.T) {
	dir := t.TempDir()
	p := startPeer(t, "redict-server", dir)
	s, err := LoadText("dir "+resp.Quote(dir), LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pairs := range [][]string{
		{"timeout", "5", "maxmemory-samples", "7"},
		{"nosuch", "1"},
		{"nosuch", "1", "timeout", "zz"},
		{"timeout", "zz", "nosuch", "1"},
		{"timeout", "1", "TIMEOUT", "2"},
		{"TimeOut", "zz"},
		{"slave-priority", "3", "replica-priority", "4"},
		{"Slave-Priority", "zz"},
		{"replica-priority", "1", "slave-priority", "zz"},
		{"daemonize", "yes"},
		{"Daemonize", "yes", "nosuch", "1"},
		{"nosuch", "1", "daemonize", "yes"},
		{"dir", "/tmp"},
		{"dbfilename", "x", "timeout", "1"},
		{"timeout", "1", "timeout", "2", "nosuch", "1"},
		{"maxmemory-samples", "3", "hz", "20", "save", "1 2 x"},
		{"save", "", "timeout", "9"},
		{"hz", "1000", "timeout", "0"},
	} {
		p.compareSet(t, s, pairs...)
	}
	for _, patterns := range [][]string{
		{"PORT"}, {"p?rt"}, {"timeout", "TIMEOUT"}, {"nosuch"}, {"slaveof", "replicaof", "SLAVEOF", "slave*"}, {"key-*"}, {"key-load-delay"},
		{"ha\\sh*"}, {"*max-*-entries", "hash*"}, {"tls-[ak]*"}, {"Maxmemory*"}, {"?z"}, {""}, {"hz", "h?", "HZ"}, {"H?", "hz"},
	} {
		var got, want []string
		for _, q := range s.Get(patterns) {
			got = append(got, q.Name+"="+q.Value)
		}
		reply := p.do(append([]string{"CONFIG", "GET"}, patterns...)...)
		for i := 0; i+1 < len(reply); i += 2 {
			if !slices.Contains(unlike["redict-server"], reply[i]) && !strings.EqualFold(reply[i], "port") {
				want = append(want, reply[i]+"="+reply[i+1])
			}
		}
		got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(strings.ToLower(s), "port=") })
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("CONFIG GET %q:\n got %q\nwant %q", patterns, got, want)
		}
	}
}
