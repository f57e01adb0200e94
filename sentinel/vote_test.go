package sentinel

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"frankenredis/conformance/crashfs"
)

const one, two = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"

// The vote that was told survives every way the machine can die in.
func TestVoteSurvives(t *testing.T) {
	for seed := range uint64(60) {
		s := newSim(t, seed, 1)
		w := s.watch[0]
		at := s.hosts[0]
		if _, leader, in := w.machine.DownByAddress(at.ip, at.port, 7, one); leader != one || in != 7 {
			t.Fatalf("voted for %q in %d", leader, in)
		}
		w.die(seed)
		w.start()
		if _, leader, _ := w.machine.DownByAddress(at.ip, at.port, 7, two); leader == two {
			t.Fatalf("seed %d: a second vote in the same epoch", seed)
		}
		if _, leader, in := w.machine.DownByAddress(at.ip, at.port, 8, two); leader != two || in != 8 {
			t.Fatalf("in the next epoch it voted for %q in %d", leader, in)
		}
	}
}

// A vote that cannot be saved is not told, whichever step fails, nor given to another; once the disk is well it counts.
func TestVoteUnsaved(t *testing.T) {
	for step := 1; ; step++ {
		s := newSim(t, 1, 1)
		w := s.watch[0]
		at := s.hosts[0]
		w.fs.Inject(crashfs.Fault{Op: crashfs.Changing, Err: syscall.EIO, Nth: step, Times: -1})
		_, leader, _ := w.machine.DownByAddress(at.ip, at.port, 7, one)
		if leader == one {
			if step < 4 {
				t.Fatalf("a save has only %d steps", step-1)
			}
			return
		}
		if leader != "*" {
			t.Fatalf("step %d: voted for %q", step, leader)
		}
		if err := w.machine.Failover("m"); err == nil || !errors.Is(err, errNoGood) && !errors.Is(err, ErrUnsaved) {
			t.Errorf("a failover began: %v", err)
		}
		w.fs.Heal()
		if _, leader, in := w.machine.DownByAddress(at.ip, at.port, 7, two); leader != one || in != 7 {
			t.Fatalf("step %d: afterwards it voted for %q in %d", step, leader, in)
		}
	}
}

// What was written is what is read.
func TestLines(t *testing.T) {
	lines := []string{"myid " + one, "deny-scripts-reconfig no", "resolve-hostnames yes", "announce-hostnames yes",
		`monitor "a b" 127.0.0.1 1 2`, `down-after-milliseconds "a b" 5`, `failover-timeout "a b" 6`, `parallel-syncs "a b" 7`,
		`notification-script "a b" /x`, `client-reconfig-script "a b" /y`, `auth-pass "a b" "\x00"`, `auth-user "a b" u`,
		`master-reboot-down-after-period "a b" 8`, `config-epoch "a b" 3`, `leader-epoch "a b" 4`, `known-replica "a b" ::1 2`,
		`known-sentinel "a b" 127.0.0.2 26379 ` + two, `rename-command "a b" CONFIG x`, "current-epoch 9", `announce-ip "1.2.3.4"`,
		"announce-port 5", "sentinel-user u", "sentinel-pass p"}
	s := newSim(t, 1, 1)
	w := s.watch[0]
	if err := w.Save(lines, nil); err != nil {
		t.Fatal(err)
	}
	m, err := restore(w, w.fs)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Lines(); !slices.Equal(got, lines) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}
