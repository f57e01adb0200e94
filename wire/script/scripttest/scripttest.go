// Package scripttest compares libraries for scripts with those of a real server.
package scripttest

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/wire/script/lua"
)

// Update is the flag -update: expectations are to be recorded.
var Update = flag.Bool("update", false, "record what the original replies")

// wrapper makes a script return one string, of its results or its error.
const wrapper = `local r = {pcall(function() %s
end)} for i = 1, table.maxn(r) do r[i] = tostring(r[i]) end return table.concat(r, "|")`

// Run runs the scripts of testdata/cases.txt, one a line and followed by "= " and the quoted reply, with the libraries
// that open returns as globals. With FR_PEERS in the environment the replies are those of its server, and recorded if
// the flag -update is given.
func Run(t *testing.T, open map[string]func(*lua.State) *lua.Table) {
	const path = "testdata/cases.txt"
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ask := server(t)
	var out strings.Builder
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		script := lines[i]
		want := ""
		if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "= ") {
			i++
			if want, err = strconv.Unquote(lines[i][2:]); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
		}
		source := fmt.Sprintf(wrapper, script)
		if ask != nil {
			reply := ask(source)
			if !*Update && reply != want {
				t.Errorf("%s: the server replies %q, recorded is %q", script, reply, want)
			}
			want = reply
		}
		fmt.Fprintf(&out, "%s\n= %q\n", script, want)
		if got := here(open, source); got != want {
			t.Errorf("%s:\n got %.300q\nwant %.300q", script, got, want)
		}
	}
	if *Update && ask != nil {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func here(open map[string]func(*lua.State) *lua.Table, source string) string {
	l := lua.New(lua.Options{MaxMemory: 256 << 20})
	for name, library := range open {
		l.Globals().SetField(name, library(l).Value())
	}
	fn, err := l.Load(source, "@user_script", nil)
	if err != nil {
		return err.Error()
	}
	results, err := l.Call(fn.Value(), nil)
	if err != nil {
		return err.Error()
	}
	text, _ := results[0].Text()
	return text
}

// server starts the closest server and returns a function that runs a script on it, or nil if there is none.
func server(t *testing.T) func(source string) string {
	peers := os.Getenv("FR_PEERS")
	if peers == "" {
		return nil
	}
	socket := filepath.Join(t.TempDir(), "s")
	cmd := exec.Command(filepath.Join(peers, "bin/redict-server"), "--port", "0", "--unixsocket", socket, "--save", "",
		"--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	var conn net.Conn
	for range 100 {
		var err error
		if conn, err = net.Dial("unix", socket); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if conn == nil {
		t.Fatal("the server does not answer")
	}
	t.Cleanup(func() { conn.Close() })
	r := bufio.NewReader(conn)
	return func(source string) string {
		fmt.Fprintf(conn, "*3\r\n$4\r\nEVAL\r\n$%d\r\n%s\r\n$1\r\n0\r\n", len(source), source)
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		line = strings.TrimSuffix(line, "\r\n")
		size, err := strconv.Atoi(line[1:])
		if line[0] != '$' || err != nil {
			return line
		}
		reply := make([]byte, size+2)
		if _, err := io.ReadFull(r, reply); err != nil {
			t.Fatal(err)
		}
		return string(reply[:size])
	}
}
