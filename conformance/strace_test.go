package conformance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// What the kernel was asked, and in which order, is seen with strace: the effect of a command is written to a file under the data
// directory before any byte that tells of it goes to a socket (I2, I4), and under always it is synced in between.
func TestWriteAndSyncBeforeReply(t *testing.T) {
	for _, policy := range []string{"always", "everysec", "no", "ring"} {
		t.Run(policy, func(t *testing.T) {
			var more []string
			if policy == "always" {
				more = []string{"--fr-wal-commit", "direct"}
			}
			if policy == "ring" {
				policy, more = "always", []string{"--fr-wal-commit", "ring", "--fr-wal-ring-size", "4mb"}
			}
			trace := filepath.Join(t.TempDir(), "trace")
			s := testbed.Start(t, testbed.Options{
				Args: append([]string{"--appendonly", "yes", "--appendfsync", policy}, more...),
				Wrap: []string{testbed.Peer(t, "strace"), "-D", "-f", "-y", "-s", "200000", "-o", trace,
					"-e", "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync,sync_file_range,fallocate,io_submit,io_getevents"},
			})
			const n = 60
			effects := runTraced(t, s, n)
			if code, err := s.Stop(); err != nil || code != 0 {
				t.Fatalf("stop: exit status %d, %v", code, err)
			}
			calls := readTrace(t, trace)
			for _, e := range effects {
				if err := checkOrder(calls, s.Dir, e, policy == "always"); err != nil {
					t.Errorf("%+v: %v", e, err)
				}
			}
		})
	}
}

// effect is one change and how it shows: as text in a file of the log, and as text of the first reply that tells of it.
type effect struct {
	logged, told string
}

// runTraced makes n changes, told in every way: by the command's own reply, by a later command of the same pipeline, by EXEC, by another
// client's read.
func runTraced(t *testing.T, s *testbed.Server, n int) []effect {
	t.Helper()
	writer, reader := s.Dial(t), s.Dial(t)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // sees values as early as the server lets it
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := reader.Do("GET", "k"); err != nil {
				return
			}
		}
	}()
	var effects []effect
	sum := 0
	for i := range n {
		token := fmt.Sprintf("token-%d-%d", i, rand.Uint64())
		switch i % 4 {
		case 0:
			for _, cmd := range [][]string{{"MULTI"}, {"SET", "k", token}, {"GET", "k"}, {"EXEC"}} {
				writer.Call(t, cmd...)
			}
			effects = append(effects, effect{token, token})
		case 1:
			pipeline := testbed.AppendCommand(nil, "SET", "k", token)
			if err := writer.SendRaw(testbed.AppendCommand(pipeline, "GET", "k")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := writer.Receive(); err != nil {
					t.Fatal(err)
				}
			}
			effects = append(effects, effect{token, token})
		case 2:
			writer.Call(t, "SET", "k", token)
			writer.Call(t, "GET", "k")
			effects = append(effects, effect{token, token})
		case 3:
			amount := 100_000_000 + rand.IntN(800_000_000)
			sum += amount
			writer.Call(t, "INCRBY", "sum", strconv.Itoa(amount))
			effects = append(effects, effect{strconv.Itoa(amount), fmt.Sprintf(`:%d\r\n`, sum)})
		}
	}
	close(stop)
	<-done
	return effects
}

// call is one system call on one file or socket: where it began and ended in the order that strace saw.
type call struct {
	name       string
	fd         string // what -y printed: a path, or socket:[...], or TCP:[...]
	text       string // the whole line, with the data
	begin, end int
	ok         bool
}

var (
	wholeCall  = regexp.MustCompile(`^(\d+) +(\w+)\(\d+<(.*?)>(?:[,)]| <unfinished)(.*)$`)
	submitCall = regexp.MustCompile(`^\d+ +io_submit\((0x[0-9a-f]+), .*?aio_lio_opcode=IOCB_CMD_(\w+), aio_fildes=\d+<(.*?)>`)
	eventsCall = regexp.MustCompile(`^(\d+) +io_getevents\((0x[0-9a-f]+), (.*)$`)
	resumeCall = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
	callResult = regexp.MustCompile(`\) += (-?\d+)`)
	aioResult  = regexp.MustCompile(`\bres=(-?\d+)`)
)

// traceReader puts the lines of strace's output together to calls. Asynchronous ones end where the kernel reports that it has done them.
type traceReader struct {
	calls   []call
	open    map[string]int    // thread to its unfinished call
	waiting map[string]string // thread to the context whose events it waits for
	flying  map[string]*aio   // context to what was submitted
}

// aio is an asynchronous request of one or more parts.
type aio struct {
	call, parts int
	sync, bad   bool
}

// readTrace parses strace's output file.
func readTrace(t *testing.T, path string) []call {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := traceReader{open: map[string]int{}, waiting: map[string]string{}, flying: map[string]*aio{}}
	for i, line := range strings.Split(string(text), "\n") {
		r.line(i, line)
	}
	if len(r.calls) == 0 {
		t.Fatalf("strace saw nothing; it printed:\n%.2000s", text)
	}
	return r.calls
}

func (r *traceReader) line(i int, line string) {
	unfinished := strings.HasSuffix(line, "<unfinished ...>")
	if m := resumeCall.FindStringSubmatch(line); m != nil {
		if m[2] == "io_getevents" {
			r.events(i, r.waiting[m[1]], m[3])
		} else if j, ok := r.open[m[1]]; ok {
			r.calls[j].end, r.calls[j].ok = i, succeeded(line)
			delete(r.open, m[1])
		}
	} else if m := eventsCall.FindStringSubmatch(line); m != nil {
		r.waiting[m[1]] = m[2]
		r.events(i, m[2], m[3])
	} else if m := submitCall.FindStringSubmatch(line); m != nil {
		c := call{name: "pwrite64", fd: m[3], text: line, begin: i, end: 1 << 62}
		if m[2] == "FDSYNC" {
			c.name = "fdatasync"
		}
		r.flying[m[1]] = &aio{call: len(r.calls), parts: strings.Count(line, "aio_lio_opcode="), sync: m[2] == "FDSYNC"}
		r.calls = append(r.calls, c)
	} else if m := wholeCall.FindStringSubmatch(line); m != nil {
		c := call{name: m[2], fd: m[3], text: line, begin: i, end: i, ok: succeeded(line)}
		if unfinished {
			c.end, c.ok = 1<<62, false
			r.open[m[1]] = len(r.calls)
		}
		r.calls = append(r.calls, c)
	}
}

// events takes note of what ended in a context.
func (r *traceReader) events(i int, ctx, line string) {
	a := r.flying[ctx]
	if a == nil {
		return
	}
	for _, m := range aioResult.FindAllStringSubmatch(line, -1) {
		a.parts--
		a.bad = a.bad || strings.HasPrefix(m[1], "-") || (m[1] == "0") != a.sync
	}
	if a.parts == 0 {
		r.calls[a.call].end, r.calls[a.call].ok = i, !a.bad
		delete(r.flying, ctx)
	}
}

// succeeded says whether the call on this line, whose result it holds, did not fail.
func succeeded(line string) bool {
	m := callResult.FindAllStringSubmatch(line, -1)
	return len(m) > 0 && !strings.HasPrefix(m[len(m)-1][1], "-")
}

// checkOrder finds the first socket write that tells of the effect and wants it written to a file before, and with sync set
// that file synced between the two.
func checkOrder(calls []call, dir string, e effect, sync bool) error {
	told := slices.IndexFunc(calls, func(c call) bool { return isSocket(c.fd) && strings.Contains(c.text, e.told) })
	if told < 0 {
		return errors.New("no socket write tells of it: the test saw nothing")
	}
	reply := calls[told]
	written := false
	for _, w := range calls {
		if !strings.HasPrefix(w.fd, dir) || !strings.Contains(w.text, e.logged) || !w.ok || w.end > reply.begin {
			continue
		}
		written = true
		if !sync {
			return nil
		}
		for _, s := range calls {
			if (s.name == "fsync" || s.name == "fdatasync") && s.fd == w.fd && s.ok && s.begin > w.end && s.end < reply.begin {
				return nil
			}
		}
	}
	if !written {
		return fmt.Errorf("the reply (line %d) left before any file under the data directory held it", reply.begin+1)
	}
	return fmt.Errorf("the reply (line %d) left before the file that holds it was synced", reply.begin+1)
}

func isSocket(fd string) bool {
	return strings.HasPrefix(fd, "TCP") || strings.HasPrefix(fd, "socket:") || strings.HasPrefix(fd, "UNIX")
}
