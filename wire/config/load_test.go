package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inert keeps a parser that reads arbitrary text away from the disk.
var inert = LoadOptions{
	readFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist },
	touchLog: func(string) error { return nil },
}

func TestFatalBlock(t *testing.T) {
	_, err := LoadText("port 1\n\n  # c\n\tHZ  x \t\n", inert)
	want := "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\nReading the configuration file, at line 4\n>>> 'HZ  x'\nargument couldn't be parsed into an integer\n"
	var fatal *FatalError
	if !errors.As(err, &fatal) || fatal.Text != want || fatal.Log {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestLoadErrors(t *testing.T) {
	o := inert
	o.IsCommand = func(name string) bool { return name == "get" || name == "set" }
	o.CheckUser = func(words []string) (int, error) {
		if i := slices.Index(words, "bad"); i >= 0 {
			return i, errors.New("Syntax error")
		}
		return 0, nil
	}
	for conf, want := range map[string]string{
		"nosuch 1":               "Bad directive or wrong number of arguments",
		"rename-command GET":     "Bad directive or wrong number of arguments",
		"port":                   "wrong number of arguments",
		"port 1 2":               "wrong number of arguments",
		"port \"1":               "Unbalanced quotes in configuration line",
		"port 1\x002":            "NUL byte in configuration line",
		"rename-command x y":     "No such command in rename-command",
		"rename-command get SET": "Target command name already exists",
		"rename-command get x\nrename-command set X":  "Target command name already exists",
		"rename-command get ''\nrename-command GET x": "No such command in rename-command",
		"user x bad":                         "Error in user declaration 'bad': Syntax error",
		"sentinel monitor a b":               "sentinel directive while not in sentinel mode",
		"module.x":                           "Module config specified without value",
		"cluster-enabled yes\nreplicaof a 1": "replicaof directive not allowed in cluster mode",
		"loadmodule /x/y.so a":               "Module /x/y.so failed to load: this server has no module interface\nCan't load module from /x/y.so: server aborting",
		"module.x 1":                         "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting",
		"fr-wal-commit both":                 "argument(s) must be one of the following: ring, direct",
		"fr-mode soft":                       "argument(s) must be one of the following: strict, hardened",
		"include /nosuch/" + strings.Repeat("x", 10):         "Fatal error, can't open config file '/nosuch/xxxxxxxxxx': file does not exist",
		"list-max-ziplist-entries 1\nlua-replicate-commands": "Bad directive or wrong number of arguments",
	} {
		_, err := LoadText(conf, o)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant ... %s", conf, err, want)
		}
	}
	for _, conf := range []string{
		"", "\n\n", "#", "rename-command get ''\nrename-command set GET", "rename-command get x\nrename-command x get", "user x good", "sentinel",
		"list-max-ziplist-entries 1", "fr-mode HARDENED\nfr-log-pending-limit 1gb\nfr-log-annotations no\nfr-wal-commit direct", "cluster-enabled yes\ndatabases 5",
	} {
		s, err := LoadText(conf, o)
		if err != nil {
			t.Errorf("%q: %v", conf, err)
		} else if s.Bool("cluster-enabled") && s.Int("databases") != 1 {
			t.Error("a cluster has one database")
		}
	}
}

func TestRepeatedDirectives(t *testing.T) {
	for _, c := range []struct{ conf, name, want string }{
		{"save 1 2\nsave 3 4", "save", "1 2 3 4"},
		{"save 1 2 3 4\nsave ''\nsave 5 6", "save", "5 6"},
		{"save ''", "save", ""},
		{"timeout 1\ntimeout 2", "timeout", "2"},
		{"bind a b\nbind c", "bind", "c"},
		{"bind 'a b'", "bind", "a b"},
		{"client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit replica 1kb 1k 5", "client-output-buffer-limit", "normal 1 2 3 slave 1024 1000 5 pubsub 33554432 8388608 60"},
		{"slaveof h 5\nreplicaof no one", "replicaof", ""},
		{"lua-time-limit 7", "busy-reply-threshold", "7"},
		{"SAVE 9 9", "save", "9 9"},
		{"notify-keyspace-events Kx\nnotify-keyspace-events KEA", "notify-keyspace-events", "AKE"},
	} {
		s, err := LoadText(c.conf, inert)
		if err != nil {
			t.Errorf("%q: %v", c.conf, err)
		} else if got := s.String(c.name); got != c.want {
			t.Errorf("%q: %s is %q, want %q", c.conf, c.name, got, c.want)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestInclude(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/a.conf", "hz 20\ninclude "+dir+"/d/*.conf\ndir "+dir+"/d\ninclude sub/x\ninclude nothing*\ntimeout 3\n")
	write(t, dir+"/d/1.conf", "timeout 1\nmaxmemory-samples 1")
	write(t, dir+"/d/2.conf", "\nmaxmemory-samples 2\nhz 30\n")
	write(t, dir+"/d/.3.conf", "nosuch\n")
	write(t, dir+"/d/4.txt", "nosuch\n")
	write(t, dir+"/d/sub/x", "timeout 2\ntcp-keepalive 9\n")
	// Files of one pattern are read as one text, so a missing newline glues the last line to what follows.
	s := load(t, dir, "a.conf")
	for name, want := range map[string]string{"hz": "30", "timeout": "3", "maxmemory-samples": "2", "tcp-keepalive": "9", "dir": dir + "/d"} {
		if got := s.String(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if s.File() != dir+"/a.conf" {
		t.Errorf("File is %s", s.File())
	}

	write(t, dir+"/loop.conf", "include "+dir+"/loop.conf\n")
	a, _ := ParseArgs([]string{"redis-server", dir + "/loop.conf"}, dir)
	if _, err := Load(a, LoadOptions{}); err == nil || !strings.HasSuffix(err.Error(), "include directives are nested too deeply") {
		t.Errorf("a loop: %v", err)
	}
}

func TestOwnFile(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "redis.conf")
	write(t, conf, "fr-mode hardened\ntimeout 5")
	write(t, OwnFile(conf), "# ours\nfr-log-pending-limit 2mb\nfr-mode strict\n")
	s := load(t, dir, "redis.conf", "--fr-log-annotations", "no")
	if s.Enum("fr-mode") != "strict" || s.Bytes("fr-log-pending-limit") != 2<<20 || s.Bool("fr-log-annotations") || s.Int("timeout") != 5 {
		t.Errorf("%v", s.Get([]string{"fr-*", "timeout"}))
	}
	// Errors behind it keep the numbers they have without it.
	for _, own := range []bool{true, false} {
		if !own {
			if err := os.Remove(OwnFile(conf)); err != nil {
				t.Fatal(err)
			}
		}
		a, _ := ParseArgs([]string{"redis-server", conf, "--hz", "x"}, dir)
		if _, err := Load(a, LoadOptions{}); err == nil || !strings.Contains(err.Error(), "at line 3\n") {
			t.Errorf("own file %v: %v", own, err)
		}
	}
	write(t, OwnFile(conf), "timeout 5\n")
	a, _ := ParseArgs([]string{"redis-server", conf}, dir)
	if _, err := Load(a, LoadOptions{}); err == nil || !strings.HasSuffix(err.Error(), "Only fr- directives belong into this file") {
		t.Errorf("foreign directive: %v", err)
	}
}

// The files that distributions ship are read without complaint.
func TestShippedFiles(t *testing.T) {
	peers := os.Getenv("FR_PEERS")
	if peers == "" {
		peers = "/opt/peers"
	}
	for _, name := range []string{"redis/etc/redis/redis.conf", "redict/etc/redict/redict.conf"} {
		text, err := os.ReadFile(filepath.Join(peers, name))
		if err != nil {
			t.Skipf("%s is not here", name)
		}
		conf := strings.ReplaceAll(string(text), "\ndir ", "\n# dir ")
		s, err := LoadText(conf, inert)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Int("port") != 6379 || !s.Bool("daemonize") || s.String("pidfile") == "" {
			t.Errorf("%s: not what it says", name)
		}
	}
}

// Whatever loads can be rewritten; what was written loads again to the same values, and a second rewrite changes nothing but,
// as in Redis, empty lines and which line of client-output-buffer-limit stands where.
func FuzzConf(f *testing.F) {
	for _, c := range startCases {
		f.Add(strings.ReplaceAll(c.conf, "$", "/"))
	}
	for _, c := range rewriteCases {
		f.Add(c.conf)
	}
	f.Add("bind '\"a b\"'\nreplicaof \"a\\nport 1\" 5\nrequirepass \"\\x00\\xff\"\n")
	f.Fuzz(func(t *testing.T, conf string) {
		s, err := LoadText(conf, inert)
		if err != nil {
			var fatal *FatalError
			if !errors.As(err, &fatal) {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		again, own := s.Rewrite(conf, "", RewriteOptions{})
		back, err := LoadText(again+own, inert)
		if err != nil {
			t.Fatalf("rewritten to %q: %v", again, err)
		}
		for i := range rows {
			if !s.values[i].equal(back.values[i]) {
				t.Fatalf("%s: %+v came back as %+v from %q", rows[i].Name, s.values[i], back.values[i], again)
			}
		}
		essence := func(conf string) string {
			return strings.Join(slices.DeleteFunc(strings.Split(conf, "\n"), func(l string) bool {
				return l == "" || strings.HasPrefix(l, "client-output-buffer-limit")
			}), "\n")
		}
		if twice, _ := back.Rewrite(again, own, RewriteOptions{}); essence(twice) != essence(again) {
			t.Fatalf("second rewrite: %q, then %q", again, twice)
		}
	})
}

func ExampleLoadText() {
	s, err := LoadText(`
appendonly yes
appendfsync always
maxmemory 100mb
save 900 1
save 60 "10000"
`, LoadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Live.AppendFsync, s.Bytes("maxmemory"), s.SavePoints())
	fmt.Println(s.Set([]Pair{{"appendfsync", "sometimes"}}, Access{}))
	for _, p := range s.Get([]string{"appendf*"}) {
		fmt.Println(p.Name, p.Value)
	}
	// Output:
	// always 104857600 [{900 1} {60 10000}]
	// ERR CONFIG SET failed (possibly related to argument 'appendfsync') - argument(s) must be one of the following: everysec, always, no
	// appendfilename appendonly.aof
	// appendfsync always
}
