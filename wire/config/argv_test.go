package config

import (
	"strings"
	"testing"
)

func TestParseArgs(t *testing.T) {
	for _, c := range []struct {
		argv []string
		want Args
	}{
		{argv: []string{"redis-server"}},
		{argv: []string{"/usr/bin/redis-server", "-v"}, want: Args{Action: ShowVersion}},
		{argv: []string{"redis-server", "--version"}, want: Args{Action: ShowVersion}},
		{argv: []string{"redis-server", "-h"}, want: Args{Action: ShowHelp}},
		{argv: []string{"redis-server", "--help", "x"}, want: Args{Action: ShowHelp}},
		{argv: []string{"redis-server", "--check-system"}, want: Args{Action: CheckSystem}},
		{argv: []string{"redis-server", "--test-memory", "64"}, want: Args{Action: TestMemory, Megabytes: 64}},
		{argv: []string{"/usr/bin/redis-check-rdb", "-v"}, want: Args{Action: CheckRDB}},
		{argv: []string{"redis-check-aof", "x"}, want: Args{Action: CheckAOF}},
		{argv: []string{"redis-sentinel"}, want: Args{Action: Sentinel}},
		{argv: []string{"redis-sentinel", "a.conf"}, want: Args{Action: Sentinel, File: "/w/a.conf"}},
		{argv: []string{"redis-server", "a.conf", "--sentinel"}, want: Args{Action: Sentinel, File: "/w/a.conf", Options: "sentinel "}},
		{argv: []string{"redis-server", "a.conf"}, want: Args{File: "/w/a.conf"}},
		{argv: []string{"redis-server", "../../a.conf"}, want: Args{File: "/a.conf"}},
		{argv: []string{"redis-server", " ./a.conf\n"}, want: Args{File: "/w/./a.conf"}},
		{argv: []string{"redis-server", "/etc/a.conf"}, want: Args{File: "/etc/a.conf"}},
		{argv: []string{"redis-server", "-"}, want: Args{Stdin: true}},
		{argv: []string{"redis-server", "-", "--port", "1"}, want: Args{Stdin: true, Options: `port "1" `}},
		{argv: []string{"redis-server", "a.conf", "-"}, want: Args{File: "/w/a.conf", Stdin: true}},
		{argv: []string{"redis-server", "a.conf", "-", "--port", "1"}, want: Args{File: "/w/a.conf", Options: "\"-\" \nport \"1\" "}},
		{argv: []string{"redis-server", "--port", "1", "-"}, want: Args{Stdin: true, Options: `port "1" `}},
		{argv: []string{"redis-server", "--port", "1", "--bind", "a", "b"}, want: Args{Options: "port \"1\" \nbind \"a\" \"b\" "}},
		{argv: []string{"redis-server", "--port 1", "--hz 5"}, want: Args{Options: "port 1 \nhz 5 "}},
		{argv: []string{"redis-server", "--requirepass", "--x", "--port", "1"}, want: Args{Options: "requirepass \"--x\" \nport \"1\" "}},
		{argv: []string{"redis-server", "--save", "--port", "1"}, want: Args{Options: "save \"\"\nport \"1\" "}},
		{argv: []string{"redis-server", "--port", "1", "--save"}, want: Args{Options: "port \"1\" \nsave \"\""}},
		{argv: []string{"redis-server", "--save", ""}, want: Args{Options: `save "" `}},
		{argv: []string{"redis-server", "--save", "900", "1", "--save", "60 5"}, want: Args{Options: "save \"900\" \"1\" \nsave \"60 5\" "}},
		{argv: []string{"redis-server", "a.conf", "hz", "5"}, want: Args{File: "/w/a.conf", Options: `"hz" "5" `}},
		{argv: []string{"redis-server", "--hz", "a\"\n"}, want: Args{Options: `hz "a\"\n" `}},
	} {
		got, err := ParseArgs(c.argv, "/w")
		got.any = false
		if err != nil || got != c.want {
			t.Errorf("ParseArgs(%q):\n got %+v, %v\nwant %+v", c.argv, got, err, c.want)
		}
	}
	if _, err := ParseArgs([]string{"redis-server", "--test-memory"}, "/w"); err == nil || !strings.HasPrefix(err.Error(), "Please specify") {
		t.Errorf("--test-memory alone: %v", err)
	}
}

func TestUsageNamesProgram(t *testing.T) {
	if u := Usage("./frankenredis"); !strings.HasPrefix(u, "Usage: ./frankenredis ") || strings.Contains(u, "PROGRAM") {
		t.Errorf("%s", u)
	}
}

// A value that follows --requirepass arrives byte for byte, whatever it looks like.
func FuzzArgs(f *testing.F) {
	f.Add("--port\x0012\x00--save", "secret")
	f.Add("x.conf\x00-\x00--hz 5\x00--", "--x \"'\\")
	f.Add("--save\x00900\x001\x00--save", "")
	f.Fuzz(func(t *testing.T, joined, value string) {
		argv := append([]string{"redis-server"}, strings.Split(joined, "\x00")...)
		a, err := ParseArgs(argv, "/w")
		if err == nil {
			_, _ = LoadText("\n"+a.Options, inert) // only that it returns
		}
		if value == "-" || strings.Contains(value, "\x00") {
			return // standard input; an argument cannot hold NUL
		}
		a, err = ParseArgs([]string{"redis-server", "--requirepass", value}, "/w")
		if err != nil {
			t.Fatal(err)
		}
		s, err := LoadText("\n"+a.Options, inert)
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		if got := s.String("requirepass"); got != value {
			t.Fatalf("%q arrived as %q", value, got)
		}
	})
}
