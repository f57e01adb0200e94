package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"frankenredis/conformance/rot"
	"frankenredis/conformance/testbed"
)

// textWorld is a directory that a server has left, with the texts that it rewrites and people edit, all of them covered.
type textWorld struct {
	s     *testbed.Server
	kept  string // a copy of the directory
	frctl string
	node  string // this node's id
}

func newTextWorld(t *testing.T, mode string) *textWorld {
	t.Helper()
	w := &textWorld{frctl: buildFrctl(t), kept: filepath.Join(t.TempDir(), "kept")}
	w.s = coveredServer(t, mode)
	c := fillCovered(t, w.s)
	for i := range 40 {
		c.Call(t, "ACL", "SETUSER", fmt.Sprintf("user%d", i), "on", ">secret", "~k:*", "+@read")
	}
	c.Call(t, "ACL", "SAVE")
	w.node = c.Call(t, "CLUSTER", "MYID").Str
	waitForText(t, func() string { return c.Call(t, "INFO", "sidecars").Str }, "fr_sidecars_waiting:0")
	c.Close()
	stop(t, w.s)
	if states, code := verify(t, w.frctl, w.s.Dir); code != 0 {
		t.Fatalf("before: %v", states)
	}
	ok(t, os.CopyFS(w.kept, os.DirFS(w.s.Dir)))
	return w
}

// reset makes the directory what it was when the server left it.
func (w *textWorld) reset(t *testing.T) {
	t.Helper()
	ok(t, os.RemoveAll(w.s.Dir))
	ok(t, os.CopyFS(w.s.Dir, os.DirFS(w.kept)))
}

func (w *textWorld) path(name string) string { return filepath.Join(w.s.Dir, name) }

// is tells whether the running server is what it was.
func (w *textWorld) is(t *testing.T) bool {
	t.Helper()
	c := w.s.Dial(t)
	defer c.Close()
	return c.Call(t, "CLUSTER", "MYID").Str == w.node && len(c.Call(t, "ACL", "LIST").Elems) == 41 &&
		c.Call(t, "CONFIG", "GET", "maxclients").Elems[1].Str == "500"
}

// start starts the server and tells what it made of a text that is not what it was.
func (w *textWorld) start(t *testing.T, what, name string) string {
	t.Helper()
	if err := w.s.Restart(); err != nil {
		w.s.Kill()
		return "refused"
	}
	c := w.s.Dial(t)
	waitForText(t, func() string { return c.Call(t, "INFO", "sidecars").Str }, "fr_sidecars_waiting:0")
	c.Close()
	log := w.s.LogText()
	log = log[strings.LastIndex(log, "FrankenRedis is starting"):]
	if i := strings.LastIndex(w.s.LogText(), "Starting anew with it"); i >= 0 {
		log = w.s.LogText()[strings.LastIndex(w.s.LogText()[:i], "FrankenRedis is starting"):]
	}
	switch {
	case strings.Contains(log, name+" was damaged and is repaired"):
		return "repaired"
	case strings.Contains(log, name+" is not what its sidecar described"):
		return "recorded"
	}
	t.Errorf("%s: it starts and says nothing of it", what)
	return "silent"
}

// Texts that a server rewrites and people edit, damaged while it is down: frctl finds every fault and brings each byte back, and the server
// starts as it was. A server started on the damage refuses (strict) or repairs (hardened) what shows to be damage, and says in log and ledger what it
// takes for an edit; what that was before is kept.
func TestRotOfTexts(t *testing.T) {
	for _, mode := range []string{"strict", "hardened"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			testRotOfTexts(t, mode)
		})
	}
}

func testRotOfTexts(t *testing.T, mode string) {
	w := newTextWorld(t, mode)
	outcomes := map[string]int{}
	for n, kindName := range []string{"one bit", "512 bytes garbage", "4 KiB zero", "cells swapped", "cut short", "several at once"} {
		for i, name := range []string{"redis.conf", "users.acl", "nodes.conf"} {
			what := fmt.Sprintf("%s of %s", kindName, name)
			rng := rand.New(rand.NewPCG(7, uint64(n)))
			kind, err := rot.Named(kindName)
			ok(t, err)
			path := w.path(name)
			was := readFile(t, path)
			bad := string(kind.Damage(rng, rot.File{Bytes: []byte(was), Other: []byte(ledgerText(t, w.s.Dir))}))
			if bad == was {
				continue
			}
			ok(t, os.WriteFile(path, []byte(bad), 0o644))
			if states, code := verify(t, w.frctl, w.s.Dir); code != 2 || states[name] != "damaged" {
				t.Fatalf("%s: frctl verify: exit status %d, %s", what, code, states[name])
			}
			outcome := w.start(t, what, name)
			if outcomes[outcome]++; outcome == "repaired" && (!w.is(t) || mode == "strict") {
				t.Errorf("%s: the server is not as it was after its own repair, or was not asked for it", what)
			} else if outcome == "refused" && readFile(t, path) != bad {
				t.Errorf("%s: a refused start changed the file", what)
			}
			w.s.Kill()
			if (n+i)%2 == 0 {
				w.reset(t)
				ok(t, os.WriteFile(path, []byte(bad), 0o644))
				if out, err := exec.Command(w.frctl, "repair", w.s.Dir).CombinedOutput(); err == nil || readFile(t, path) != was {
					t.Fatalf("%s: frctl repair: %v\n%s", what, err, out)
				}
				ok(t, w.s.Restart())
				if !w.is(t) {
					t.Errorf("%s: the server is not as it was after the repair", what)
				}
				w.s.Kill()
			}
			w.reset(t)
		}
	}
	if outcomes["refused"] == 0 || outcomes["recorded"] == 0 || mode == "hardened" && outcomes["repaired"] == 0 {
		t.Errorf("the sample does not reach what it is for: %v", outcomes)
	}
	t.Log(outcomes)
}

// A nodes.conf, and the segment of the ledger that is gone on with, whose damage would read: the server compares before it rewrites. The command
// that a refusal names brings the bytes back. What a person changes stays, and what it was is kept.
func TestDamageBeforeRewriting(t *testing.T) {
	for _, mode := range []string{"strict", "hardened"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newTextWorld(t, mode)
			otherBit := func(name string, at int) (was string) {
				p := []byte(readFile(t, w.path(name)))
				was = string(p)
				p[at] ^= 1
				ok(t, os.WriteFile(w.path(name), p, 0o644))
				return was
			}
			comes := func(what, name, was string) {
				t.Helper()
				err := w.s.Restart()
				if mode == "strict" {
					w.s.Kill()
					commands := regexp.MustCompile(`To bring it back: frctl (repair \S+)\. `).FindAllStringSubmatch(w.s.LogText(), -1)
					if err == nil || len(commands) == 0 {
						t.Fatalf("%s: strict: %v, and no command", what, err)
					}
					command := commands[len(commands)-1]
					if out, err := exec.Command(w.frctl, strings.Fields(command[1])...).CombinedOutput(); err == nil || readFile(t, w.path(name)) != was {
						t.Fatalf("%s: %s: %v\n%s", what, command[1], err, out)
					}
					err = w.s.Restart()
				} else if !strings.Contains(w.s.LogText(), name+" was damaged and is repaired") {
					t.Errorf("%s: hardened says nothing of it", what)
				}
				ok(t, err)
				if !w.is(t) || !strings.Contains(readFile(t, w.path(name)), was[:20]) {
					t.Errorf("%s: the server is not as it was", what)
				}
				if mode == "hardened" {
					waitForText(t, func() string { return ledgerText(t, w.s.Dir) }, `"repaired"`)
				}
				stop(t, w.s)
				if out, err := exec.Command(w.frctl, "evidence", "verify", w.s.Dir).CombinedOutput(); err != nil {
					t.Errorf("%s: the ledger: %v\n%s", what, err, out)
				}
				w.reset(t)
			}
			nodes := readFile(t, w.path("nodes.conf"))
			comes("a digit of the id", "nodes.conf", otherBit("nodes.conf", strings.Index(nodes, w.node)+5))
			ledger := "ledger/ledger.00000001.jsonl"
			comes("a bit of the ledger's first line", ledger, otherBit(ledger, 30))
			comes("a bit in the midst of the ledger", ledger, otherBit(ledger, len(ledgerText(t, w.s.Dir))/2))

			// A number, changed by a person.
			ok(t, os.WriteFile(w.path("nodes.conf"), []byte(strings.Replace(nodes, "lastVoteEpoch 0", "lastVoteEpoch 7", 1)), 0o644))
			ok(t, w.s.Restart())
			if got := readFile(t, w.path("nodes.conf")); !strings.Contains(got, "lastVoteEpoch 7") || !w.is(t) {
				t.Errorf("the edit does not count:\n%s", got)
			}
			waitForText(t, func() string { return ledgerText(t, w.s.Dir) }, "file-replaced")
			kept, _ := filepath.Glob(w.path("heal/quarantine/nodes.conf.*"))
			if len(kept) != 1 || readFile(t, kept[0]) != nodes {
				t.Errorf("what it was is not kept: %v", kept)
			}
			stop(t, w.s)
			if states, code := verify(t, w.frctl, w.s.Dir); code != 0 {
				t.Errorf("afterwards: %v", states)
			}

			// One that is gone is another matter than one that changed: strict begins anew, as Redis does, and hardened asks.
			w.reset(t)
			ok(t, os.Remove(w.path("nodes.conf")))
			switch err := w.s.Restart(); {
			case mode == "hardened" && err == nil:
				t.Error("hardened begins as another node")
			case mode == "strict":
				ok(t, err)
				if kept, _ := filepath.Glob(w.path("heal/quarantine/nodes.conf.*")); len(kept) != 1 || readFile(t, kept[0]) != nodes {
					t.Errorf("what was gone is not kept: %v", kept)
				}
			}
			w.s.Kill()
		})
	}
}
