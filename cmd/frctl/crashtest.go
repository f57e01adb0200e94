package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

type crashOptions struct {
	policy  string
	clients int
	rounds  int
	damage  int
	seed    uint64
	dir     string
	json    bool
	args    []string
	log     io.Writer
}

func newCrashtest() *cobra.Command {
	o := &crashOptions{}
	cmd := &cobra.Command{
		Use:   "crashtest SERVER [-- SERVER-OPTIONS]",
		Short: "Kill a server under load again and again, damage its files, and see what it gives back",
		Long: `crashtest starts a server binary (frankenredis, redis-server, valkey-server) with an append-only file, in an empty folder of
its own, and lets clients write numbered steps: appends to a list, and transactions over three keys. It kills the server with
SIGKILL at random moments, also while it is stopped by SIGSTOP, while it rewrites its log and while it starts; after each
restart every step that was acknowledged must be there, in order, whole, with its very bytes.

Then the server is stopped in order and its files are copied; each copy is damaged in one way at one random place, and the
server is started on it. It may give back everything (whole), refuse to start (refused), serve a beginning of what was
written (short), or serve what never was (wrong): lists with holes, changed values, half transactions.

A kill leaves the page cache to the system. What a power loss takes, this test cannot see.

Exit status: 0 no acknowledged step was lost and no copy was served short or wrong; 2 copies were served short; 3 acknowledged
steps were lost, a transaction was halved, a copy was served wrong, or a restart failed; 4 wrong command line, or the server did
not start in the first place.`,
		Example: `  frctl crashtest bin/frankenredis
  frctl crashtest --policy everysec --rounds 50 --json $(which redis-server)
  frctl crashtest bin/frankenredis -- --fr-mode hardened`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.clients < 1 || o.rounds < 0 || o.damage < 0 {
				return fmt.Errorf("--clients, --rounds and --damage count")
			}
			o.args, o.log = args[1:], cmd.ErrOrStderr()
			return crashtest(cmd, args[0], o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.policy, "policy", "always", "appendfsync: always, everysec or no")
	f.IntVar(&o.clients, "clients", 8, "clients that write at the same time")
	f.IntVar(&o.rounds, "rounds", 20, "kills")
	f.IntVar(&o.damage, "damage", 20, "damaged copies of each kind; 0: none")
	f.Uint64Var(&o.seed, "seed", 0, "repeat the choices of an earlier run; 0: a new seed")
	f.StringVar(&o.dir, "dir", "", "keep the servers' folders in this folder; default: a temporary one, removed at the end")
	f.BoolVar(&o.json, "json", false, "print the report as one JSON object")
	return cmd
}

// crashReport is what a run found. Steps count over all clients.
type crashReport struct {
	Server  string         `json:"server"`
	Version string         `json:"version"`
	Options []string       `json:"options,omitempty"`
	Policy  string         `json:"policy"`
	Seed    uint64         `json:"seed"`
	Clients int            `json:"clients"`
	Kills   int            `json:"kills"`
	Early   int            `json:"kills_while_starting"`
	Acked   int            `json:"acknowledged"`
	Lost    int            `json:"lost"`
	Wrong   int            `json:"wrong"`
	Failed  int            `json:"failed_starts"`
	Notes   []string       `json:"notes,omitempty"`
	Damage  []damageResult `json:"damage,omitempty"`
	Verdict string         `json:"verdict"`
}

// damageResult counts what one kind of damage led to.
type damageResult struct {
	Kind    string   `json:"kind"`
	Copies  int      `json:"copies"`
	Whole   int      `json:"whole"`
	Refused int      `json:"refused"`
	Short   int      `json:"short"`
	Wrong   int      `json:"wrong"`
	Lost    int      `json:"steps_lost"` // in copies served short
	Seeds   []uint64 `json:"seeds,omitempty"`
}

func crashtest(cmd *cobra.Command, binary string, o *crashOptions) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64() >> 11 // every JSON reader keeps 53 bits
	}
	root := o.dir
	if root == "" {
		if root, err = os.MkdirTemp("", "frctl-crashtest-"); err != nil {
			return err
		}
		defer os.RemoveAll(root)
	}
	r := &crashReport{Server: binary, Options: o.args, Policy: o.policy, Seed: o.seed, Clients: o.clients}
	dir := filepath.Join(root, "killed")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		return fmt.Errorf("%s is not empty: the data of an earlier run would count as wrong", dir)
	}
	t := &crashTest{o: o, r: r, rng: rand.New(rand.NewPCG(o.seed, 0x63726173)), s: &testServer{binary: binary, dir: dir, policy: o.policy, args: o.args}}
	for i := range o.clients {
		t.clients = append(t.clients, &testClient{number: i, seed: o.seed})
	}
	defer func() { t.s.kill() }()
	if err := t.s.start(); err != nil {
		return err
	}
	if r.Version, err = t.s.version(); err != nil {
		return err
	}
	if ok := t.kills(); ok && o.damage > 0 {
		if err := t.damages(root); err != nil {
			return err
		}
	}
	return r.tell(cmd.OutOrStdout(), o.json)
}

// crashTest is one run.
type crashTest struct {
	o       *crashOptions
	r       *crashReport
	rng     *rand.Rand
	s       *testServer
	clients []*testClient
}

func (t *crashTest) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintln(t.o.log, text)
	if len(t.r.Notes) < 20 {
		t.r.Notes = append(t.r.Notes, text)
	}
}

// kills runs all rounds; false: it could not go on.
func (t *crashTest) kills() bool {
	for round := range t.o.rounds {
		load := startLoad(t.s.addr, t.clients)
		if t.rng.IntN(3) == 0 {
			time.Sleep(time.Duration(5+t.rng.IntN(50)) * time.Millisecond)
			t.s.ask("BGREWRITEAOF")
		}
		time.Sleep(time.Duration(20+t.rng.IntN(250)) * time.Millisecond)
		if t.rng.IntN(4) == 0 {
			t.s.pause()
			time.Sleep(time.Duration(t.rng.IntN(40)) * time.Millisecond)
		}
		t.s.kill()
		load.wait()
		t.r.Kills++
		for t.rng.IntN(3) == 0 {
			if err := t.s.launch(); err == nil {
				time.Sleep(time.Duration(t.rng.IntN(60)) * time.Millisecond)
				t.s.kill()
				t.r.Early++
			}
		}
		if err := t.s.start(); err != nil {
			t.r.Failed++
			t.note("kill %d: the server does not start any more: %v", round+1, err)
			return false
		}
		if !t.compare(fmt.Sprintf("kill %d", round+1)) {
			return false
		}
	}
	t.r.Acked = 0
	for _, c := range t.clients {
		t.r.Acked += c.acked
	}
	return true
}

// compare holds what the server has against what the clients know, and has them go on from there.
func (t *crashTest) compare(when string) bool {
	for _, c := range t.clients {
		found, err := c.look(t.s.addr)
		switch {
		case err != nil:
			t.r.Wrong++
			t.note("%s: client %d: %v", when, c.number, err)
			return false
		case found > c.sent:
			t.r.Wrong++
			t.note("%s: client %d: %d steps are there, and %d were sent", when, c.number, found, c.sent)
			return false
		case found < c.acked:
			t.r.Lost += c.acked - found
			t.note("%s: client %d: %d steps were acknowledged, and %d are there", when, c.number, c.acked, found)
		}
		c.acked, c.sent = found, found
	}
	return true
}

// tell prints the report, and gives the status.
func (r *crashReport) tell(w io.Writer, asJSON bool) error {
	short, wrong := 0, 0
	for _, d := range r.Damage {
		short, wrong = short+d.Short, wrong+d.Wrong
	}
	status := statusError(exitClean)
	switch {
	case r.Failed > 0 || r.Wrong > 0 || r.Lost > 0:
		r.Verdict, status = "kills lose what was acknowledged", exitCorrupt
	case wrong > 0:
		r.Verdict, status = "kills lose nothing; damage is served as data", exitCorrupt
	case short > 0:
		r.Verdict, status = "kills lose nothing; damage loses what was acknowledged", exitDamaged
	default:
		r.Verdict = "kills lose nothing; damage is found"
	}
	if asJSON {
		p, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n", p)
	} else {
		r.print(w)
	}
	if status != exitClean {
		return status
	}
	return nil
}

func (r *crashReport) print(w io.Writer) {
	fmt.Fprintf(w, "%s (%s), appendfsync %s, seed %d\n\n", filepath.Base(r.Server), r.Version, r.Policy, r.Seed)
	fmt.Fprintf(w, "%d kills under load, %d more while starting: %d steps acknowledged, %d lost, %d wrong, %d failed starts\n", r.Kills, r.Early, r.Acked,
		r.Lost, r.Wrong, r.Failed)
	if len(r.Damage) > 0 {
		fmt.Fprintf(w, "\n%-34s %7s %7s %7s %7s %7s %11s\n", "damage to a copy, after a stop", "copies", "whole", "refused", "short", "wrong", "steps lost")
		for _, d := range r.Damage {
			fmt.Fprintf(w, "%-34s %7d %7d %7d %7d %7d %11d\n", d.Kind, d.Copies, d.Whole, d.Refused, d.Short, d.Wrong, d.Lost)
		}
	}
	fmt.Fprintf(w, "\n%s\n", r.Verdict)
}
