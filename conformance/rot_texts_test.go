package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/conformance/rot"
	"frankenredis/conformance/testbed"
)

// Texts that a server rewrites and people edit, damaged while it is down: frctl finds every fault and brings each byte back, and the server
// starts as it was. Nobody can tell damage that still reads as a text from an edit: a server started on it refuses, or says in its log what it
// takes for an edit. Not of nodes.conf, which it has rewritten by then.
func TestRotOfTexts(t *testing.T) {
	frctl := buildFrctl(t)
	s := coveredServer(t, "hardened")
	c := fillCovered(t, s)
	for i := range 40 {
		c.Call(t, "ACL", "SETUSER", fmt.Sprintf("user%d", i), "on", ">secret", "~k:*", "+@read")
	}
	c.Call(t, "ACL", "SAVE")
	node := c.Call(t, "CLUSTER", "MYID").Str
	waitForText(t, func() string { return c.Call(t, "INFO", "sidecars").Str }, "fr_sidecars_waiting:0")
	c.Close()
	stop(t, s)
	if states, code := verify(t, frctl, s.Dir); code != 0 {
		t.Fatalf("before: %v", states)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	ok(t, os.CopyFS(kept, os.DirFS(s.Dir)))
	outcomes := map[string]int{}
	for n, kindName := range []string{"one bit", "512 bytes garbage", "4 KiB zero", "cells swapped", "cut short", "several at once"} {
		for _, name := range []string{"redis.conf", "users.acl", "nodes.conf"} {
			what := fmt.Sprintf("%s of %s", kindName, name)
			rng := rand.New(rand.NewPCG(7, uint64(n)))
			kind, err := rot.Named(kindName)
			ok(t, err)
			path := filepath.Join(s.Dir, name)
			was := readFile(t, path)
			bad := string(kind.Damage(rng, rot.File{Bytes: []byte(was), Other: []byte(ledgerText(t, s.Dir))}))
			if bad == was {
				continue
			}
			ok(t, os.WriteFile(path, []byte(bad), 0o644))
			if states, code := verify(t, frctl, s.Dir); code != 2 || states[name] != "damaged" {
				t.Fatalf("%s: frctl verify: exit status %d, %s", what, code, states[name])
			}
			outcomes[startOnText(t, s, what, name)]++

			ok(t, os.RemoveAll(s.Dir))
			ok(t, os.CopyFS(s.Dir, os.DirFS(kept)))
			ok(t, os.WriteFile(path, []byte(bad), 0o644))
			if out, err := exec.Command(frctl, "repair", s.Dir).CombinedOutput(); err == nil || readFile(t, path) != was {
				t.Fatalf("%s: frctl repair: %v\n%s", what, err, out)
			}
			ok(t, s.Restart())
			c := s.Dial(t)
			if got := c.Call(t, "CLUSTER", "MYID").Str; got != node || len(c.Call(t, "ACL", "LIST").Elems) != 41 || c.Call(t, "CONFIG", "GET", "maxclients").Elems[1].Str != "500" {
				t.Errorf("%s: the server is not as it was after the repair", what)
			}
			c.Close()
			s.Kill()
			ok(t, os.RemoveAll(s.Dir))
			ok(t, os.CopyFS(s.Dir, os.DirFS(kept)))
		}
	}
	if outcomes["refused"] == 0 || outcomes["recorded"] == 0 {
		t.Errorf("the sample does not reach what it is for: %v", outcomes)
	}
	t.Log(outcomes)
}

// startOnText starts the server on a damaged text and tells what it makes of it.
func startOnText(t *testing.T, s *testbed.Server, what, name string) string {
	t.Helper()
	if err := s.Restart(); err != nil {
		s.Kill()
		return "refused"
	}
	defer s.Kill()
	c := s.Dial(t)
	defer c.Close()
	waitForText(t, func() string { return c.Call(t, "INFO", "sidecars").Str }, "fr_sidecars_waiting:0")
	for _, line := range strings.Split(s.LogText(), "\n") {
		if strings.Contains(line, name+" is not what its sidecar described") {
			return "recorded"
		}
	}
	if name != "nodes.conf" {
		t.Errorf("%s: it starts and says nothing of it", what)
	}
	return "silent"
}
