package conformance

import (
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// Replicas that begin together are one transfer in the log, as in Redis: it says how many are left at the end, or that the last one went
// before. While the snapshot is made for them INFO shows a background save and replicas that wait for it.
func TestTransferInLog(t *testing.T) {
	for _, c := range []struct {
		name, delay string
		drop        int
		want        string
	}{
		{"none is dropped", "1000", 0, "Diskless rdb transfer, done reading from pipe, 2 replicas still up."},
		{"one is dropped", "50000", 1, "Diskless rdb transfer, done reading from pipe, 1 replicas still up."},
		{"all are dropped", "100000000", 2, "Diskless rdb transfer, last replica dropped, killing fork child."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := testbed.Start(t, testbed.Options{Args: []string{"--enable-debug-command", "yes", "--repl-diskless-sync-delay", "600",
				"--repl-diskless-sync-max-replicas", "2", "--rdb-key-save-delay", c.delay}})
			primary := p.Dial(t)
			primary.Call(t, "DEBUG", "POPULATE", "100")
			var rs []*testbed.Server
			for range 2 {
				rs = append(rs, testbed.Start(t, testbed.Options{Args: replicaArgs(p, "--repl-diskless-load", "swapdb")}))
			}
			waitForText(t, p.LogText, "Background RDB transfer started")
			if c.drop > 0 { // else it may be over
				got := infoFields(primary.Call(t, "INFO", "replication").Str)
				if n := infoInt(t, primary, "persistence", "rdb_bgsave_in_progress"); n != 1 || !strings.Contains(got["slave0"], "state=wait_bgsave") ||
					!strings.Contains(got["slave1"], "state=wait_bgsave") {
					t.Errorf("a save in progress: %d, replicas %s and %s", n, got["slave0"], got["slave1"])
				}
			}
			for _, r := range rs[:c.drop] {
				waitForText(t, r.LogText, "Loading DB in memory") // it begins before all is there
				r.Kill()
			}
			waitForText(t, p.LogText, c.want)
			for _, r := range rs[c.drop:] {
				waitForText(t, r.LogText, "Finished with success")
			}
			waitFor(t, "the end of the save", func() bool { return infoInt(t, primary, "persistence", "rdb_bgsave_in_progress") == 0 })
			if n := strings.Count(p.LogText(), "Background RDB transfer started by pid"); n != 1 {
				t.Errorf("%d transfers began\n%s", n, p.LogTail(30))
			}
		})
	}
}
