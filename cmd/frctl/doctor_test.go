package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"frankenredis/recovery/ledger"
)

// doctorOn runs frctl doctor --json and returns its exit status and its findings by topic and urgency.
func doctorOn(t *testing.T, dir string) (status int, findings map[string]string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run([]string{"doctor", "--json", dir}, &out, &errs)
	findings = map[string]string{}
	for line := range strings.Lines(out.String()) {
		var f finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		findings[f.Topic+" "+f.Urgency] += f.Text + " " + f.Next + "\n"
	}
	if errs.Len() > 0 {
		t.Logf("%s", errs.String())
	}
	return status, findings
}

// The doctor sees what is there, what protects it, and what a start would refuse, from an empty folder to a covered log.
func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	expect := func(when string, wantStatus int, want ...string) {
		t.Helper()
		status, got := doctorOn(t, dir)
		if status != wantStatus {
			t.Errorf("%s: exit status %d, want %d: %q", when, status, wantStatus, got)
		}
		for i := 0; i < len(want); i += 2 {
			if !strings.Contains(got[want[i]], want[i+1]) {
				t.Errorf("%s: %s says %q, without %q", when, want[i], got[want[i]], want[i+1])
			}
		}
	}
	expect("an empty folder", exitDamaged, "log advised", "There is no data here")

	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("dump.rdb", "not looked into")
	expect("a snapshot alone", exitDamaged, "snapshot advised", "is all there is", "cover advised", "No file has a sidecar")

	put("old.aof", "*1\r\n$4\r\nPING\r\n")
	expect("a log of one file, and a snapshot", exitDamaged, "log advised", "old.aof, as Redis wrote it before 7", "log advised", "--appendfilename old.aof",
		"snapshot good", "a start does not read it")
	for _, c := range []string{"inspect", "finalize"} {
		if out, status := frctl(c, dir); status != exitUsage || !strings.Contains(out, "frctl check") || !strings.Contains(out, "old.aof") {
			t.Errorf("%s of a log of one file: status %d\n%s", c, status, out)
		}
	}
	aof := filepath.Join(dir, "appendonlydir")
	if err := os.Mkdir(aof, 0o700); err != nil {
		t.Fatal(err)
	}
	put("appendonlydir/appendonly.aof.manifest", "file appendonly.aof.1.base.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n")
	put("appendonlydir/appendonly.aof.1.incr.aof", "*1\r\n$4\r\nPING\r\n")
	expect("a stock server's log without its base", exitCorrupt, "log urgent", "appendonly.aof.1.base.aof, which is not there", "log advised", "A stock server wrote it last")
	put("appendonlydir/appendonly.aof.1.base.aof", "")
	expect("a stock server's log", exitDamaged, "log good", "in 2 files", "log good", "old.aof is from before Redis 7", "snapshot good", "a start does not read it")

	dir = makeLog(t)
	expect("a log of ours", exitDamaged, "log good", "the server was stopped in order", "cover advised", "No file has a sidecar", "ledger advised", "There is no ledger")
	whole, err := os.ReadFile(incr(dir))
	if err != nil {
		t.Fatal(err)
	}
	edit(t, incr(dir), func(p []byte) []byte { return append(p, "*1\r\n$4\r\nPING\r\n"...) })
	expect("a log of ours that another server went on with", exitDamaged, "log advised", "Another one has appended 14 bytes")
	edit(t, incr(dir), func([]byte) []byte { return whole })
	var out bytes.Buffer
	if status := run([]string{"protect", dir}, &out, &out); status != exitClean {
		t.Fatalf("protect: %d\n%s", status, out.String())
	}
	l := ledger.Start(ledger.Options{Dir: filepath.Join(dir, "ledger")})
	l.Record(ledger.Entry{Rule: ledger.Started, Decision: ledger.Accept, Detail: "as it is"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	expect("a covered log with a ledger", exitClean, "cover good", "have a sidecar", "ledger good", "took the data as it is")
	l = ledger.Start(ledger.Options{Dir: filepath.Join(dir, "ledger")})
	l.Record(ledger.Entry{Rule: ledger.SaveFailed, Decision: ledger.Keep, Artifact: "dump.rdb", Detail: "no space"})
	l.Record(ledger.Entry{Rule: ledger.TornEnd, Decision: ledger.Cut, Artifact: "a.aof.1.incr.aof"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	expect("a failed save", exitDamaged, "ledger advised", "something cannot be written", "ledger good", "frctl explain torn-end")
	l = ledger.Start(ledger.Options{Dir: filepath.Join(dir, "ledger")})
	l.Record(ledger.Entry{Rule: ledger.Started, Decision: ledger.Refuse, Detail: "corrupt"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	expect("a refused start", exitCorrupt, "ledger urgent", "The last start was refused: corrupt")
}

// What may not be read is not told as missing: somebody would cover files anew over damage, or look for no records.
func TestDoctorMayNotRead(t *testing.T) {
	dir, err := os.MkdirTemp("", "doctor")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	shut := []string{filepath.Join(dir, "heal"), filepath.Join(dir, "ledger")}
	for _, err := range []error{os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte("any"), 0o644), os.Mkdir(shut[0], 0o700), os.Mkdir(shut[1], 0o700),
		os.Chmod(shut[0], 0), os.Chmod(shut[1], 0)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var status int
	var got map[string]string
	withoutRights(func() { status, got = doctorOn(t, dir) })
	for _, topic := range []string{"cover advised", "ledger advised"} {
		if status != exitUsage || !strings.Contains(got[topic], "permission denied") || !strings.Contains(got[topic], "sudo") {
			t.Errorf("exit status %d, %s: %q", status, topic, got[topic])
		}
	}
}

// withoutRights does f with the rights on files of somebody else than root; others have none to lay down.
func withoutRights(f func()) {
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread() // the rights are the thread's
	defer runtime.UnlockOSThread()
	const nobody = 65534
	syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
	defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
	f()
}

// Each reason code has an explanation that says what to do.
func TestExplain(t *testing.T) {
	for _, r := range ledger.Rules {
		if advice[r.Reason] == "" {
			t.Errorf("rule %d, %s: there is no advice", r.Number, r.Reason)
		}
		var out bytes.Buffer
		if status := run([]string{"explain", r.Reason}, &out, &out); status != exitClean || !strings.Contains(out.String(), advice[r.Reason]) {
			t.Errorf("%s: exit status %d\n%s", r.Reason, status, out.String())
		}
	}
	if len(advice) != len(ledger.Rules) {
		t.Errorf("%d pieces of advice for %d rules", len(advice), len(ledger.Rules))
	}
	var out bytes.Buffer
	if status := run([]string{"explain", "--json"}, &out, &out); status != exitClean || strings.Count(out.String(), "\n") != len(ledger.Rules) ||
		strings.Count(out.String(), `"next":"`) != len(ledger.Rules) {
		t.Errorf("all as JSON: exit status %d\n%s", status, out.String())
	}
	if status := run([]string{"explain", "nonsense"}, &out, &out); status != exitUsage {
		t.Errorf("nonsense: exit status %d", status)
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 seconds", 59 * time.Second: "59 seconds", time.Minute: "1 minute", 3 * time.Hour: "3 hours", 72 * time.Hour: "3 days",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
