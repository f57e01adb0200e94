package config

import (
	"errors"
	"slices"
	"testing"
)

func set(s *Store, by Access, pairs ...string) string {
	var list []Pair
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, Pair{pairs[i], pairs[i+1]})
	}
	if err := s.Set(list, by); err != nil {
		return err.Error()
	}
	return "OK"
}

func TestSetErrors(t *testing.T) {
	const failed = "ERR CONFIG SET failed (possibly related to argument '"
	for _, c := range []struct {
		conf  string
		by    Access
		pairs []string
		want  string
	}{
		{pairs: []string{"timeout", "5"}, want: "OK"},
		{pairs: []string{"nosuch", "5"}, want: "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"},
		{pairs: []string{"Timeout", "x"}, want: failed + "timeout') - argument couldn't be parsed into an integer"},
		{pairs: []string{"timeout", "1", "TIMEOUT", "2"}, want: failed + "TIMEOUT') - duplicate parameter"},
		{pairs: []string{"Databases", "5"}, want: failed + "Databases') - can't set immutable config"},
		{pairs: []string{"dbfilename", "x"}, want: failed + "dbfilename') - can't set protected config"},
		{conf: "enable-protected-configs yes", pairs: []string{"dbfilename", "x"}, want: "OK"},
		{conf: "enable-protected-configs local", pairs: []string{"dbfilename", "x"}, want: failed + "dbfilename') - can't set protected config"},
		{conf: "enable-protected-configs local", by: Access{Local: true}, pairs: []string{"dbfilename", "x"}, want: "OK"},
		{conf: "enable-protected-configs yes", pairs: []string{"dir", "/nosuch/dir"}, want: failed + "dir') - No such file or directory"},
		{by: Access{Loading: true}, pairs: []string{"appendonly", "yes"}, want: "LOADING Redis is loading the dataset in memory"},
		{by: Access{Loading: true}, pairs: []string{"timeout", "5"}, want: "OK"},
		{pairs: []string{"tls-port", "65536"}, want: failed + "tls-port') - argument must be between 0 and 65535 inclusive"},
		{pairs: []string{"fr-log-pending-limit", "1"}, want: failed + "fr-log-pending-limit') - argument must be between 1048576 and 9223372036854775807 inclusive"},
		{pairs: []string{"fr-mode", "hardened"}, want: failed + "fr-mode') - can't set immutable config"},
		{pairs: []string{"locale-collate", "xx_YY"}, want: failed + "locale-collate') - Invalid locale name"},
	} {
		s, err := LoadText(c.conf, LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := set(s, c.by, c.pairs...); got != c.want {
			t.Errorf("CONFIG SET %q:\n got %s\nwant %s", c.pairs, got, c.want)
		}
	}
}

func TestSetIsAtomic(t *testing.T) {
	s := Defaults()
	before := s.Get([]string{"*"})
	for _, pairs := range [][]string{
		{"timeout", "5", "hz", "x"},
		{"slave-priority", "5", "replica-priority", "6", "hz", "x"},
		{"save", "1 2", "maxclients", "0"},
		{"proto-max-bulk-len", "1mb", "nosuch", ""},
	} {
		if set(s, Access{}, pairs...) == "OK" {
			t.Errorf("CONFIG SET %q works", pairs)
		}
		if !slices.Equal(s.Get([]string{"*"}), before) {
			t.Fatalf("CONFIG SET %q left something behind", pairs)
		}
		if s.Live != Defaults().Live {
			t.Errorf("CONFIG SET %q left Live behind: %+v", pairs, s.Live)
		}
	}
}

func TestOnApply(t *testing.T) {
	s := Defaults()
	var calls []string
	note := func(name string, fail *bool) func() error {
		return func() error {
			calls = append(calls, name+"="+s.String(name))
			if *fail && s.String(name) != "300" {
				return errors.New("Unable to comply.")
			}
			return nil
		}
	}
	var never, fail bool
	s.OnApply("timeout", note("timeout", &never))
	s.OnApply("hz", note("hz", &never), "dynamic-hz")
	s.OnApply("tcp-keepalive", note("tcp-keepalive", &fail))

	if got := set(s, Access{}, "hz", "20", "dynamic-hz", "no", "timeout", "0"); got != "OK" {
		t.Fatal(got)
	}
	if want := []string{"hz=20"}; !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q: once for two parameters, none for one that did not change", calls, want)
	}

	calls, fail = nil, true
	want := "ERR CONFIG SET failed (possibly related to argument 'tcp-keepalive') - Unable to comply."
	if got := set(s, Access{}, "timeout", "7", "hz", "30", "tcp-keepalive", "5"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := []string{"timeout=7", "hz=30", "tcp-keepalive=5", "tcp-keepalive=300", "hz=20", "timeout=0"}; !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q: back in reverse", calls, want)
	}
	if s.Live.Timeout != 0 || s.Live.Hz != 20 {
		t.Errorf("Live was not taken back: %+v", s.Live)
	}
}

func TestLive(t *testing.T) {
	s := Defaults()
	if s.Live.ProtoMaxBulkLen != 512<<20 || s.Live.ClientQueryBufferLimit != 1<<30 || s.Live.MaxClients != 10000 || s.Live.TCPKeepalive != 300 ||
		!s.Live.ProtectedMode || s.Live.AppendFsync != "everysec" || s.Live.LogPendingLimit != 256<<20 || s.Live.Hz != 10 {
		t.Errorf("defaults: %+v", s.Live)
	}
	if got := set(s, Access{}, "client-output-buffer-limit", "normal 1mb 2kb 3", "appendfsync", "ALWAYS", "maxmemory", "99999999999999999999"); got != "OK" {
		t.Fatal(got)
	}
	l := s.Live
	if l.NormalOutputHard != 1<<20 || l.NormalOutputSoft != 2<<10 || l.NormalOutputSoftSeconds != 3 || l.AppendFsync != "always" || l.MaxMemory != 1<<63-1 {
		t.Errorf("after CONFIG SET: %+v", l)
	}
}

func TestTypedAccess(t *testing.T) {
	s, err := LoadText("bind 127.0.0.1 -::1\nsave 60 1\nsave 10 5\nshutdown-on-sigterm now force\nlogfile x.log\nunixsocketperm 700\nmaxmemory-clients 5%\nreplicaof h 1\nio-threads 2\n"+
		"rename-command A b\nrename-command C ''\nuser u on >p\n", LoadOptions{touchLog: func(string) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Strings("bind"); !slices.Equal(got, []string{"127.0.0.1", "-::1"}) {
		t.Errorf("bind %q", got)
	}
	if got := s.SavePoints(); !slices.Equal(got, []SavePoint{{60, 1}, {10, 5}}) {
		t.Errorf("save %v", got)
	}
	if !s.Has("shutdown-on-sigterm", "force") || s.Has("shutdown-on-sigterm", "save") {
		t.Errorf("shutdown-on-sigterm %q", s.Enum("shutdown-on-sigterm"))
	}
	if got, want := s.Path("logfile"), s.String("dir")+"/x.log"; got != want {
		t.Errorf("logfile %s, want %s", got, want)
	}
	if s.Int("unixsocketperm") != 0o700 || s.Int("maxmemory-clients") != -5 || s.Path("pidfile") != "" {
		t.Error("unixsocketperm, maxmemory-clients or pidfile")
	}
	if got := s.Renames(); !slices.Equal(got, []Rename{{"A", "b"}, {"C", ""}}) {
		t.Errorf("renames %v", got)
	}
	if got := s.Users(); len(got) != 1 || !slices.Equal(got[0].Words, []string{"u", "on", ">p"}) {
		t.Errorf("users %v", got)
	}
	if s.LowerMaxClients(50); s.Live.MaxClients != 50 || s.Int("maxclients") != 50 {
		t.Errorf("maxclients %d", s.Live.MaxClients)
	}
	if s.LowerMaxClients(60); s.Live.MaxClients != 50 {
		t.Errorf("maxclients was raised to %d", s.Live.MaxClients)
	}
	var unserved []string
	for _, r := range s.Unserved() {
		unserved = append(unserved, r.Name)
	}
	if !slices.Contains(unserved, "io-threads") || slices.Contains(unserved, "bind") {
		t.Errorf("unserved %q", unserved)
	}
}
