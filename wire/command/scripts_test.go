package command_test

import (
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/script"
	"frankenredis/conformance/testbed"
	"frankenredis/kv"
	"frankenredis/wire"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// scripts are the conformance suite's: one file, two judges.
const scripts = "../../conformance/testdata"

// needServer are scripts about what the server's composition root adds to the executor; the conformance suite runs them.
var needServer = map[string]string{"server/debug": "logs and crashes belong to the server", "server/debugreload": "files belong to the server",
	"server/info":    "the fields of INFO belong to the server",
	"server/latency": "the fields of INFO belong to the server", "server/rename": "the server renames commands", "cluster/nodes": clusterServer, "cluster/serving": clusterServer,
	"cluster/slots": clusterServer, "cluster/sort": clusterServer}

const clusterServer = "the file and the timer of a node belong to the server"

// The conformance scripts, run in this process: the front on a loopback port, an executor, the command table.
func TestScripts(t *testing.T) {
	err := filepath.WalkDir(scripts, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".txt") {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(path, scripts+"/"), ".txt")
		t.Run(name, func(t *testing.T) {
			if why := needServer[name]; why != "" {
				t.Skip(why)
			}
			s, err := script.Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, proto := range []int{2, 3} {
				runScript(t, s, proto)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func runScript(t *testing.T, s *script.Script, proto int) {
	t.Helper()
	addr := serve(t, s.Server)
	target := script.Target{Name: "frankenredis", Version: engine.RedisVersion, Proto: proto,
		Dial: func() (*testbed.Client, error) { return testbed.Dial("tcp", addr) }}
	if !s.Runs(target) {
		return
	}
	err := s.Run(target, false, func(b *script.Block, got string) {
		t.Errorf("%s:%d: RESP%d: %s", s.Path, b.Line, proto, b.Describe(proto, got))
	})
	if err != nil {
		t.Errorf("RESP%d: %v", proto, err)
	}
}

// serve runs an executor with a front on a loopback port for the length of a test.
func serve(t *testing.T, args []string) (addr string) {
	t.Helper()
	// The arguments before the script's are those the conformance suite gives each server.
	parsed, err := config.ParseArgs(append([]string{"frankenredis", "--bind", "127.0.0.1", "--save", ""}, args...), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(parsed, config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := wire.NewReactor()
	if err != nil {
		t.Fatal(err)
	}
	ks := kv.New(kv.Options{Databases: int(cfg.Int("databases")), RandomSeed: 1})
	e := engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: cfg, Poller: r, Seed: 1})
	followConfig(e, cfg)
	e.SetHooks(engine.Hooks{
		Shutdown:      func(engine.ShutdownRequest) error { return errors.New("not here") },
		AbortShutdown: func() error { return engine.ReplyError("ERR No shutdown in progress.") },
		Save:          func() error { return nil },
		LastSave:      func() int64 { return e.Wall().Unix() },
		RewriteConfig: func(bool) error { return engine.ReplyError("ERR The server is running without a config file") },
	})
	keepLog := func() error {
		if cfg.Bool("appendonly") {
			e.SetLog(&memoryLog{})
		} else {
			e.SetLog(nil)
		}
		return nil
	}
	_ = keepLog()
	cfg.OnApply("appendonly", keepLog)
	const tick = 100 * time.Millisecond
	e.Every(func() time.Duration { return tick }, func() { ks.ExpireCycle(tick / 4) })
	r.Bind(e)
	for {
		port := freePort(t)
		err := r.Listen(wire.TCP, []string{"127.0.0.1"}, port, 64)
		if err == nil {
			addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
			break
		}
		t.Log(err) // somebody else took it
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Run() }()
	t.Cleanup(func() {
		e.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		r.Close()
		ks.Close()
	})
	return addr
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
