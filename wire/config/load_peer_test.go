package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// startCase is a start of a server: a configuration file (none when conf is "-"), standard input, arguments. $ in the texts
// stands for the working directory.
type startCase struct {
	conf  string
	stdin string
	args  []string
	// differs says why the outcome is not compared word by word; "" when it is.
	differs string
}

const lateThere = "found only after the configuration counts as loaded"

var startCases = []startCase{
	{conf: "port 0\n"},
	{conf: ""},
	{conf: "port abc\n"},
	{conf: "\n# comment\n  \t\n  PORT   abc  # no comment\n"},
	{conf: "port\n"},
	{conf: "port 0 0\n"},
	{conf: "port 70000"},
	{conf: "port -1\r\n"},
	{conf: "port \"0\n"},
	{conf: "port '0'x\n"},
	{conf: "port '0\\'\n"},
	{conf: "requirepass \"a\\x41\\n\\q\"\n"},
	{conf: "nosuch\n"},
	{conf: "nosuch 1 2 3\n"},
	{conf: "'' 1\n"},
	{conf: "\"port\" 0\n"},
	{conf: "appendonly maybe\n"},
	{conf: "appendfsync sometimes\n"},
	{conf: "appendfsync always no\n"},
	{conf: "maxmemory 1tb\n"},
	{conf: "maxmemory 1 gb\n"},
	{conf: "unixsocketperm 9\n"},
	{conf: "unixsocketperm 1000\n"},
	{conf: "save 900\n"},
	{conf: "save\n"},
	{conf: "save \"\"\n"},
	{conf: "save '900 1 300'\n"},
	{conf: "save \"'\"\n"},
	{conf: "save \" \"\n"},
	{conf: "bind \"\"\nport 0\n"},
	{conf: "bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"},
	{conf: "client-output-buffer-limit normal 0 0\n"},
	{conf: "client-output-buffer-limit master 0 0 0\n"},
	{conf: "client-output-buffer-limit \"replica 0 0\" 0\n"},
	{conf: "shutdown-on-sigterm save nosave\n"},
	{conf: "shutdown-on-sigterm\n"},
	{conf: "oom-score-adj-values 1 2\n"},
	{conf: "notify-keyspace-events q\n"},
	{conf: "notify-keyspace-events\n"},
	{conf: "latency-tracking-info-percentiles x\n"},
	{conf: "latency-tracking-info-percentiles 101\n"},
	{conf: "dir /nosuch/dir\n"},
	{conf: "dir $/f\n"},
	{conf: "dir \"\"\n"},
	{conf: "dir sub\ninclude inner\n"},
	{conf: "logfile /nosuch/dir/log\n"},
	{conf: "logfile $\n"},
	{conf: "dbfilename a/b\n"},
	{conf: "appendfilename \"\"\n"},
	{conf: "appendfilename a/b\n"},
	{conf: "appenddirname \"\"\n"},
	{conf: "appenddirname a/b\n"},
	{conf: "proc-title-template {nosuch}\n"},
	{conf: "locale-collate nowhere\n"},
	{conf: "cluster-announce-hostname a_b\n"},
	{conf: "cluster-announce-human-nodename a!b\n"},
	{conf: "replicaof 127.0.0.1\n"},
	{conf: "replicaof 127.0.0.1 99999\n"},
	{conf: "replicaof 127.0.0.1 x\n"},
	{conf: "slaveof no one\n"},
	{conf: "replicaof no one\ncluster-enabled yes\nport 0\n"},
	{conf: "cluster-enabled yes\nreplicaof 127.0.0.1 1\n"},
	{conf: "include\n"},
	{conf: "include /nosuch/file\n"},
	{conf: "include $/nosuch/*.conf\n"},
	{conf: "include $/bad.conf\n"},
	{conf: "port 0\ninclude $/b*.conf\n"},
	{conf: "include $/sub\n"},
	{conf: "include $/[!x]ad.conf\n"},
	{conf: "include sub/*\n"},
	{conf: "rename-command GET\n"},
	{conf: "rename-command NOSUCH X\n"},
	{conf: "rename-command GET SET\n"},
	{conf: "rename-command GET \"\"\nrename-command SET get\n"},
	{conf: "rename-command GET x\nrename-command SET x\n"},
	{conf: "rename-command GET x\nrename-command x y\n"},
	{conf: "rename-command GET \"\"\nrename-command GET \"\"\n"},
	{conf: "loadmodule\n"},
	{conf: "loadmodule /nosuch/module.so\n", differs: lateThere},
	{conf: "module.option 1\n", differs: lateThere},
	{conf: "module.option\n"},
	{conf: "sentinel monitor x 127.0.0.1 1 1\n"},
	{conf: "sentinel\n"},
	{conf: "user\n"},
	{conf: "list-max-ziplist-entries 1\nlist-max-ziplist-value 1\nlua-replicate-commands yes\nport 0\n"},
	{conf: "list-max-ziplist-entries 1 2\n"},
	{conf: "hash-max-ziplist-entries 1\nlua-time-limit 5\nslave-priority 7\nport 0\n"},
	{conf: "key-load-delay 5\nport 0\n"},
	{conf: "databases 0\n"},
	{conf: "syslog-facility x\n"},
	{conf: "supervised maybe\n"},
	{conf: "enable-debug-command remote\n"},
	{conf: "io-threads 129\n"},
	{conf: "-", args: []string{"/nosuch/redis.conf"}},
	{conf: "-", args: []string{"nosuch.conf"}},
	{conf: "-", args: []string{"sub/../nosuch.conf"}},
	{conf: "-", args: []string{"$/*.none"}},
	{conf: "-", args: []string{"$/bad.con[f]"}},
	{conf: "-", args: []string{"$"}},
	{conf: "-", args: []string{"--port", "abc"}},
	{conf: "port 0", args: []string{"--port", "abc"}},
	{conf: "port 0\n", args: []string{"--port", "abc"}},
	{conf: "-", args: []string{"--port 0", "--nosuch"}},
	{conf: "-", args: []string{"--port 0", "--timeout", "--port", "1"}},
	{conf: "-", args: []string{"--port", "0", "x"}},
	{conf: "-", args: []string{"--port", "0", "--save", "900", "1", "x"}},
	{conf: "-", args: []string{"--port", "0", "--save 900 1", "--save", "60 x"}},
	{conf: "-", args: []string{"--port", "0", "--save", "--loglevel", "x"}},
	{conf: "-", args: []string{"--port", "0", "--loglevel", "x", "--save"}},
	{conf: "-", args: []string{"--port", "0", "--save", "", "--timeout", "x"}},
	{conf: "-", args: []string{"--port", "0", "--SAVE", "--timeout", "x"}},
	{conf: "-", args: []string{"--port", "0", "--requirepass", "--secret", "--timeout", "x"}},
	{conf: "-", args: []string{"--port", "0", "--proc-title-template", "--my--title--{title} {listen-addr}", "--timeout", "x"}},
	{conf: "-", args: []string{"--port", "0", "--shutdown-on-sigint", "now force", "--shutdown-on-sigterm", "save", "nosave"}},
	{conf: "-", args: []string{"--", "x"}},
	{conf: "-", args: []string{"--port", "0", "--"}},
	{conf: "-", args: []string{"--port", ""}},
	{conf: "-", args: []string{"--port '0", "--timeout", "x"}},
	{conf: "-", args: []string{"--port", "0\ntimeout x"}},
	{conf: "-", args: []string{"--port", "0", "--bind", "a\"b\\c\x01é"}, differs: "binding is the server's"},
	{conf: "-", args: []string{"--port", "0", "--timeout", "a\"b\\c\x01é\n\t"}},
	{conf: "-", args: []string{"-"}, stdin: "port 0\ntimeout x\n"},
	{conf: "port 0", args: []string{"-"}, stdin: "timeout x\n"},
	{conf: "port 0\n", args: []string{"-", "--timeout", "y"}, stdin: "timeout x\n"},
	{conf: "port 0\n", args: []string{"--timeout", "y", "-"}, stdin: "timeout x\n"},
	{conf: "port 0\n", args: []string{"--hz", "5", "-"}, stdin: "timeout 1"},
	{conf: "port 0\n", args: []string{"--hz", "5", "-"}, stdin: "timeout x"},
	{conf: "-", args: []string{"-", "--timeout", "y"}, stdin: "port 0\n"},
	{conf: "-", args: []string{"-x"}},
	{conf: "-", args: []string{"--test-memory"}},
	{conf: "-", args: []string{"--test-memory", "1", "2"}},
	{conf: "port 0\n", args: []string{"timeout", "x"}},
	{conf: "port 0\n", args: []string{"timeout", "5", "--hz", "x"}},
	{conf: "port 0\n", args: []string{"--timeout", "5", "--", "--hz", "x"}},
	{conf: "port 0\n", args: []string{"--include", "$/bad.conf"}},
}

var commandsKnownInTest = map[string]bool{"get": true, "set": true}

func TestStartAgainstPeer(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server for each case")
	}
	testbed.Peer(t, "redict-server")
	for _, c := range startCases {
		name := c.conf + strings.Join(c.args, " ") + c.stdin
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill := func(s string) string { return strings.ReplaceAll(s, "$", dir) }
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(fill(text)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
				t.Fatal(err)
			}
			write("f", "")
			write("sub/inner", "timeout inner\n")
			write("sub/.hidden", "nosuch\n")
			write("bad.conf", "timeout 1\ntimeout bad\n")
			argv := []string{"redis-server"}
			if c.conf != "-" {
				write("redis.conf", c.conf)
				argv = append(argv, "redis.conf")
			}
			for _, a := range c.args {
				argv = append(argv, fill(a))
			}
			t.Chdir(dir)
			stderr, stdout, loaded := runPeer(t, "redict-server", dir, c.stdin, argv[1:]...)

			args, err := ParseArgs(argv, dir)
			if err == nil {
				_, err = Load(args, LoadOptions{
					Stdin:     strings.NewReader(c.stdin),
					IsCommand: func(name string) bool { return commandsKnownInTest[name] },
				})
			}
			var fatal *FatalError
			switch {
			case err == nil && !loaded:
				t.Errorf("starts here; there:\n%s%s", stderr, stdout)
			case err == nil || c.differs != "":
			case !errors.As(err, &fatal):
				t.Errorf("error of type %T", err)
			case fatal.Log && strings.Contains(stdout, "# "+fatal.Text+"\n"):
			case loaded:
				t.Errorf("starts there; here:\n%s", fatal.Text)
			case fatal.Text != stderr:
				t.Errorf("here: %q\nthere: %q\n%s", fatal.Text, stderr, stdout)
			}
		})
	}
}
