package recovery

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"frankenredis/snapshot"
)

// store is a data set as the tests need it: strings by database.
type store struct {
	keys     map[string]string
	expires  map[string]int64
	commands int
}

func newStore() *store { return &store{keys: map[string]string{}, expires: map[string]int64{}} }

func (s *store) loadItems(items []snapshot.Item) error {
	for _, it := range items {
		k := fmt.Sprintf("%d/%s", it.DB, it.Key)
		if _, twice := s.keys[k]; twice {
			return errors.New("duplicate key " + k)
		}
		s.keys[k] = string(it.Value)
		if it.IsInt {
			s.keys[k] = strconv.FormatInt(it.Int, 10)
		}
		if it.ExpireMs != snapshot.NoExpiry {
			s.expires[k] = it.ExpireMs
		}
	}
	return nil
}

func (s *store) apply(batch []Command) error {
	for i, c := range batch {
		s.commands++
		name := strings.ToLower(string(c.Args[0]))
		if arity := map[string]int{"set": 3, "append": 3, "del": 2}[name]; arity > 0 && len(c.Args) != arity {
			continue // an error reply that nobody reads
		}
		switch name {
		case "set":
			s.keys[fmt.Sprintf("%d/%s", c.DB, c.Args[1])] = string(c.Args[2])
		case "append":
			s.keys[fmt.Sprintf("%d/%s", c.DB, c.Args[1])] += string(c.Args[2])
		case "del":
			delete(s.keys, fmt.Sprintf("%d/%s", c.DB, c.Args[1]))
		case "fail":
			return &CommandError{Index: i, Err: errors.New("told to fail")}
		default:
			return &CommandError{Index: i, Unknown: true}
		}
	}
	return nil
}

func (s *store) String() string {
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(s.keys)) {
		lines = append(lines, k+"="+s.keys[k])
	}
	return strings.Join(lines, " ")
}

// logLines collects what is logged.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

// Accept implements hclog.SinkAdapter.
func (l *logLines) Accept(_ string, level hclog.Level, msg string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mark := map[hclog.Level]string{hclog.Warn: "# ", hclog.Info: "* ", hclog.Debug: "- ", hclog.Trace: ". "}[level]
	l.lines = append(l.lines, mark+fmt.Sprint(append([]any{msg}, args...)...))
}

func (l *logLines) logger() hclog.Logger {
	log := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: &bytes.Buffer{}, Level: hclog.Trace})
	log.RegisterSink(l)
	return log
}

func (l *logLines) text() string { return strings.Join(l.lines, "\n") }

// outcome is one run of Boot.
type outcome struct {
	store *store
	res   *Result
	err   error
	logs  *logLines
}

// boot runs Boot over dir and lets go of the lock.
func runBoot(t testing.TB, dir string, change func(*Options)) outcome {
	t.Helper()
	s, logs := newStore(), &logLines{}
	o := Options{Dir: dir, AOF: true, LoadTruncated: true, Annotate: true, Databases: 16, LoadItems: s.loadItems, Apply: s.apply,
		Logger: logs.logger(), BootID: "boot-1", BootTime: time.Unix(1, 0)}
	if change != nil {
		change(&o)
	}
	res, err := Boot(o)
	if res != nil && res.Lock != nil {
		res.Lock.Close()
	}
	return outcome{s, res, err, logs}
}

// last is the last line logged.
func (o outcome) last() string {
	if len(o.logs.lines) == 0 {
		return ""
	}
	return o.logs.lines[len(o.logs.lines)-1]
}

// frame is a command as the log holds it.
func frame(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}

// rdb makes an RDB file of keys in database 0; keys are shorter than 64 bytes and values than 16 KiB.
func rdb(pairs ...string) string {
	b := []byte("REDIS0011\xfa\x09redis-ver\x057.2.4\xfa\x08aof-base\xc0\x01\xfe\x00")
	for i := 0; i < len(pairs); i += 2 {
		b = append(b, 0, byte(len(pairs[i])))
		b = append(b, pairs[i]...)
		if n := len(pairs[i+1]); n < 64 {
			b = append(b, byte(n))
		} else {
			b = append(b, 0x40|byte(n>>8), byte(n))
		}
		b = append(b, pairs[i+1]...)
	}
	b = append(b, 0xff)
	return string(appendSum(b))
}

// files writes files into dir, named by their path in it.
func files(t testing.TB, dir string, content map[string]string) {
	t.Helper()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tree reads all files below dir, but for the lock.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock.fr") {
			return err
		}
		raw, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const (
	aof      = "appendonlydir/appendonly.aof"
	manifest = "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
)

// stock is a directory as a stock server leaves it.
func stock(incr string) map[string]string {
	return map[string]string{
		aof + ".manifest":   manifest,
		aof + ".1.base.rdb": rdb("a", "1"),
		aof + ".1.incr.aof": incr,
	}
}
