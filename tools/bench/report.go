package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Report is all of a run: what was measured where, every measurement, and the tables made of them.
type Report struct {
	Time     time.Time         `json:"time"`
	Machine  string            `json:"machine"`
	Versions map[string]string `json:"versions"`
	Settings Settings          `json:"settings"`
	Samples  []Sample          `json:"samples"`
	Memory   []Memory          `json:"memory"`
}

func newReport(s Settings) *Report {
	r := &Report{Time: time.Now().UTC(), Machine: machine(), Settings: s, Versions: map[string]string{}}
	for who, path := range map[string]string{Server: s.Server, Peer: s.Peer, "load": s.Load} {
		out, err := exec.Command(path, "--version").Output()
		if err != nil {
			out = []byte(err.Error())
		}
		r.Versions[who] = strings.TrimSpace(string(out))
	}
	return r
}

// machine describes processor, cores, memory and kernel.
func machine() string {
	model, memory := "unknown processor", ""
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(b), "model name\t: "); ok {
			model, _, _ = strings.Cut(rest, "\n")
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb int64
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kb); err == nil {
			memory = fmt.Sprintf(", %d GiB", (kb+1<<19)>>20)
		}
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	return fmt.Sprintf("%s, %d cores%s, Linux %s", model, runtime.NumCPU(), memory, strings.TrimSpace(string(kernel)))
}

// WriteJSON writes the raw results, with the names of the programs and not where they lay.
func (r *Report) WriteJSON(path string) error {
	shown := *r
	for _, program := range []*string{&shown.Settings.Server, &shown.Settings.Peer, &shown.Settings.Load} {
		*program = filepath.Base(*program)
	}
	b, err := json.MarshalIndent(shown, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// spread is the median of some ratios, and the smallest and largest.
type spread struct{ median, low, high float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	mid := len(v) / 2
	m := v[mid]
	if len(v)%2 == 0 {
		m = (v[mid-1] + v[mid]) / 2
	}
	return spread{m, v[0], v[len(v)-1]}
}

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f-%.2f)", s.median, s.low, s.high) }

// ratios divides, round by round, what one contestant measured by what another did.
func (r *Report) ratios(c Case, test, num, den string, of func(Sample) float64) spread {
	var all []float64
	for _, a := range r.Samples {
		for _, b := range r.Samples {
			if a.Case == c && b.Case == c && a.Test == test && b.Test == test && a.Round == b.Round && a.Who == num && b.Who == den && of(b) != 0 {
				all = append(all, of(a)/of(b))
			}
		}
	}
	return spreadOf(all)
}

// median is the middle measurement of a contestant.
func (r *Report) median(c Case, test, who string, of func(Sample) float64) float64 {
	var all []float64
	for _, a := range r.Samples {
		if a.Case == c && a.Test == test && a.Who == who {
			all = append(all, of(a))
		}
	}
	return spreadOf(all).median
}

func perSec(s Sample) float64 { return s.PerSec }
func cpu(s Sample) float64    { return s.CPU }

// Tables renders the results as Markdown.
func (r *Report) Tables() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %s; against %s; load by %s, keys of %d, values of %d bytes; %d rounds.\n\n", r.Machine, r.Versions[Server], r.Versions[Peer],
		r.Versions["load"], r.Settings.KeySpace, r.Settings.Size, r.Settings.Rounds)
	fmt.Fprint(&b, "Ratios are ours to theirs within a round: median (lowest-highest). Itself is the noise floor: ours to ours.\n\n")
	fmt.Fprint(&b, "| fsync | clients | pipeline | command | ours /s | theirs /s | throughput | itself | CPU ours | CPU theirs | CPU a command |\n")
	fmt.Fprint(&b, "|---|---|---|---|---|---|---|---|---|---|---|\n")
	var seen []Case
	for _, s := range r.Samples {
		if slices.Contains(seen, s.Case) {
			continue
		}
		seen = append(seen, s.Case)
		var tests []string
		for _, x := range r.Samples {
			if x.Case == s.Case && !slices.Contains(tests, x.Test) {
				tests = append(tests, x.Test)
			}
		}
		for _, test := range tests {
			c := s.Case
			fmt.Fprintf(&b, "| %s | %d | %d | %s | %.0f | %.0f | **%s** | %s | %.2f us | %.2f us | %s |\n", c.Fsync, c.Clients, c.Pipeline, test,
				r.median(c, test, Server, perSec), r.median(c, test, Peer, perSec), r.ratios(c, test, Server, Peer, perSec),
				r.ratios(c, test, Again, Server, perSec), r.median(c, test, Server, cpu), r.median(c, test, Peer, cpu),
				r.ratios(c, test, Server, Peer, cpu))
		}
	}
	r.memoryTable(&b)
	return b.String()
}

// memoryTable shows the resident memory beyond an empty server's, and as a ratio also that of the whole process. The samples of a corpus
// stand side by side, ours first.
func (r *Report) memoryTable(b *strings.Builder) {
	if len(r.Memory) < 2 {
		return
	}
	fmt.Fprintf(b, "\n| memory of %d elements | ours | theirs | ratio | whole process | after changes: ours | theirs | ratio | whole process |\n|---|---|---|---|---|---|---|---|---|\n", r.Memory[0].Elements)
	line := func(name string, a, b2 Memory) {
		const mb = 1e6
		fmt.Fprintf(b, "| %s | %.1f MB | %.1f MB | **%.2f** | %.2f | %.1f MB | %.1f MB | **%.2f** | %.2f |\n", name,
			float64(a.Loaded)/mb, float64(b2.Loaded)/mb, float64(a.Loaded)/float64(b2.Loaded), float64(a.EmptyRSS+a.Loaded)/float64(b2.EmptyRSS+b2.Loaded),
			float64(a.Changed)/mb, float64(b2.Changed)/mb, float64(a.Changed)/float64(b2.Changed), float64(a.EmptyRSS+a.Changed)/float64(b2.EmptyRSS+b2.Changed))
	}
	var ours, theirs Memory
	for i := 0; i+1 < len(r.Memory); i += 2 {
		a, c := r.Memory[i], r.Memory[i+1]
		line(a.Corpus, a, c)
		ours.EmptyRSS, ours.Loaded, ours.Changed = ours.EmptyRSS+a.EmptyRSS, ours.Loaded+a.Loaded, ours.Changed+a.Changed
		theirs.EmptyRSS, theirs.Loaded, theirs.Changed = theirs.EmptyRSS+c.EmptyRSS, theirs.Loaded+c.Loaded, theirs.Changed+c.Changed
	}
	line("all", ours, theirs)
}
