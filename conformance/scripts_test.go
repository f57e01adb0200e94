package conformance

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"frankenredis/conformance/script"
	"frankenredis/conformance/testbed"
)

// subjectName is what @not in a script would call our own server. No script may: what 7.2.4 says, we say.
const subjectName = "frankenredis"

// The replies in testdata/<family>/<command>.txt are those of Redis 7.2.4, as redict gives them: the subject gives the same, and
// so do the real servers, which proves that the scripts are right.
func TestScripts(t *testing.T) {
	files := scriptFiles(t)
	if *update {
		updateScripts(t, files, testbed.Peer(t, "redict-server"))
		return
	}
	t.Run("subject", func(t *testing.T) { runScripts(t, files, testbed.Subject(t)) })
	for _, peer := range []string{"redict-server", "redis-server", "valkey-server"} {
		t.Run(peer, func(t *testing.T) { runScripts(t, files, testbed.Peer(t, peer)) })
	}
}

// scriptFiles lists the scripts of testdata.
func scriptFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".txt") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	return files
}

func runScripts(t *testing.T, files []string, binary string) {
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := script.Parse(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, proto := range []int{2, 3} {
				target := startFor(t, s, binary, proto)
				mode := fmt.Sprintf("%s resp%d", label(t, binary), proto)
				target.Ran = func(b *script.Block, took time.Duration, ok bool) {
					e := testbed.Entry{Suite: "script", Case: fmt.Sprintf("%s:%d", name, b.Line), Mode: mode, Outcome: testbed.Pass,
						Millis: float64(took.Microseconds()) / 1000, Replay: "go test ./conformance -count=1 -run '^" + t.Name() + "$'"}
					if !ok {
						e.Outcome, e.Reason = testbed.Fail, "a reply is not as written"
					}
					testbed.Record(t, e)
				}
				if !s.Runs(target) {
					testbed.Record(t, testbed.Entry{Suite: "script", Case: name, Mode: mode, Outcome: testbed.Skip, Reason: "for other versions or protocols"})
					t.Logf("RESP%d: not for %s %s", proto, target.Name, target.Version)
					continue
				}
				err := s.Run(target, false, func(b *script.Block, got string) {
					t.Errorf("%s:%d: RESP%d: %s", file, b.Line, proto, b.Describe(proto, got))
				})
				if err != nil {
					t.Errorf("RESP%d: %v", proto, err)
				}
			}
		})
	}
}

func updateScripts(t *testing.T, files []string, binary string) {
	for _, file := range files {
		s, err := script.Parse(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, proto := range []int{2, 3} {
			target := startFor(t, s, binary, proto)
			if !s.Runs(target) {
				continue
			}
			if err := s.Run(target, true, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Write(); err != nil {
			t.Fatal(err)
		}
	}
}

// startFor starts a fresh server for one run of a script.
func startFor(t *testing.T, s *script.Script, binary string, proto int) script.Target {
	t.Helper()
	server := testbed.Start(t, testbed.Options{Binary: binary, Args: s.Server})
	target := identify(t, binary)
	target.Proto = proto
	target.Dial = server.DialErr
	return target
}

// identities keeps what each binary said of itself, binary to script.Target, and labels its name and own version.
var identities, labels sync.Map

// label names a server in the test log: valkey 8.0.1, which says that it is redis_version 7.2.4.
func label(t testing.TB, binary string) string {
	t.Helper()
	identify(t, binary)
	text, _ := labels.Load(binary)
	return text.(string)
}

// identify asks a server who it is.
func identify(t testing.TB, binary string) script.Target {
	t.Helper()
	if id, ok := identities.Load(binary); ok {
		return id.(script.Target)
	}
	s := testbed.Start(t, testbed.Options{Binary: binary})
	defer s.Kill()
	c := s.Dial(t)
	info := infoFields(c.Call(t, "INFO", "server").Str)
	target := script.Target{Name: "redis", Version: info["redis_version"]}
	own := target.Version
	for _, name := range []string{"redict", "valkey"} {
		if v := info[name+"_version"]; v != "" {
			target.Name, own = name, v
		}
	}
	if c.Call(t, "INFO", subjectName).Str != "" {
		target.Name = subjectName
	}
	labels.Store(binary, target.Name+" "+own)
	identities.Store(binary, target)
	return target
}

// infoFields parses INFO's reply.
func infoFields(text string) map[string]string {
	fields := map[string]string{}
	for _, line := range strings.Split(text, "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok {
			fields[k] = v
		}
	}
	return fields
}

// infoInt returns one integer field of a section of INFO.
func infoInt(t testing.TB, c *testbed.Client, section, field string) (n int) {
	t.Helper()
	v := infoFields(c.Call(t, "INFO", section).Str)[field]
	if _, err := fmt.Sscan(v, &n); err != nil {
		t.Fatalf("INFO %s: %s:%s: %v", section, field, v, err)
	}
	return n
}
