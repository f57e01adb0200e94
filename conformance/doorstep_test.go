package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// What keeps a server from starting where it stands, and what must not.

// A server that no client could reach does not stay up, and an address that was passed over is named.
func TestListensNowhere(t *testing.T) {
	for name, args := range map[string][]string{
		"an address that this machine has not": {"--bind", "-192.0.2.1"}, // TEST-NET-1
		"no address":                           {"--bind", ""},
		"no port":                              {"--port", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := testbed.Start(t, testbed.Options{NoWait: true, Args: args})
			if code, err := s.WaitExit(); err != nil || code != 1 {
				t.Errorf("exit status %d, %v", code, err)
			}
			log := s.LogText()
			if !strings.Contains(log, "Configured to not listen anywhere, exiting.") {
				t.Errorf("the log does not say why:\n%s", log)
			}
			if strings.Contains(name, "address that") && !strings.Contains(log, "Warning: Could not create server TCP listening socket 192.0.2.1:") {
				t.Errorf("the log does not name the address:\n%s", log)
			}
		})
	}
}

// An unknown collation is refused as in Redis when the configuration counts as loaded: the log's file tells, and a service manager's parent has gone.
func TestUnknownLocale(t *testing.T) {
	s := testbed.Start(t, testbed.Options{NoWait: true, Args: []string{"--locale-collate", "nowhere"}})
	code, err := s.WaitExit()
	loaded, refused := strings.Index(s.LogText(), "* Configuration loaded"), strings.Index(s.LogText(), ":M ")
	if err != nil || code != 1 || loaded < 0 || refused < loaded || !strings.Contains(s.LogText(), "# Failed to configure LOCALE for invalid locale name.\n") {
		t.Errorf("exit status %d, %v:\n%s", code, err, s.LogText())
	}
}

// Limits of open files: with too few for one client there is no start, with fewer than asked for there are fewer clients.
func TestFewDescriptors(t *testing.T) {
	limited := func(n string) []string {
		return append(unprivileged(t), "sh", "-c", `ulimit -n `+n+`; exec "$0" "$@"`)
	}
	s := testbed.Start(t, testbed.Options{NoWait: true, Wrap: limited("30")})
	if code, err := s.WaitExit(); err != nil || code != 1 || !strings.Contains(s.LogText(), "Your current 'ulimit -n' of 30 is not enough for the server to start.") {
		t.Errorf("exit status %d, %v:\n%s", code, err, s.LogText())
	}
	s = testbed.Start(t, testbed.Options{Wrap: limited("100")})
	c := s.Dial(t)
	if got := c.Call(t, "CONFIG", "GET", "maxclients").Elems[1].Str; got != "68" {
		t.Errorf("maxclients is %s", got)
	}
	for n, want := range []string{"10000 requiring at least 10032", "4000 requiring at least 4032"} {
		if n == 1 {
			_, _ = c.Do("CONFIG", "SET", "maxclients", "4000") // refused
		}
		log := s.LogText()
		if !strings.Contains(log, " # You requested maxclients of "+want) || strings.Count(log,
			" # Current maximum open files is 100. maxclients has been reduced to 68 to compensate for low ulimit.") != n+1 {
			t.Errorf("the log does not say so:\n%s", log)
		}
	}
}

// The log and the pid file have the mode that the umask leaves of 0666, from their first day on.
func TestFileModes(t *testing.T) {
	s := testbed.Start(t, testbed.Options{Wrap: []string{"sh", "-c", `umask 007; exec "$0" "$@"`}, Args: []string{"--logfile", "log", "--pidfile", "pid"}})
	mode := func(name string) os.FileMode {
		info, err := os.Stat(filepath.Join(s.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	ok(t, os.Rename(filepath.Join(s.Dir, "log"), filepath.Join(s.Dir, "log.1")))
	s.Dial(t).Call(t, "SAVE")
	for _, name := range []string{"log", "log.1", "pid"} {
		if got := mode(name); got != 0o660 {
			t.Errorf("%s has mode %o", name, got)
		}
	}
}

// Whoever starts a server as another user from a folder that is closed to that user (its own home, mostly) still starts it.
func TestStartFromClosedFolder(t *testing.T) {
	closed := filepath.Join(testbed.TempDir(t), "closed")
	ok(t, os.Mkdir(closed, 0o700))
	wrap := append([]string{"sh", "-c", `cd "` + closed + `" && chmod 0 . && exec "$0" "$@"`}, unprivileged(t)...)
	s := testbed.Start(t, testbed.Options{Wrap: wrap})
	if got := s.Dial(t).Call(t, "CONFIG", "GET", "dir").Elems[1].Str; got != s.Dir {
		t.Errorf("dir is %q, wanted %q", got, s.Dir)
	}
}

// unprivileged wraps a command so that root, too, has no rights over what is not its own; it is empty for everybody else.
func unprivileged(t *testing.T) []string {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Fatal("root needs setpriv, which Debian's util-linux has, to be without its rights")
	}
	return []string{setpriv, "--bounding-set", "-all", "--inh-caps", "-all"}
}
