package main

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"frankenredis/kv"
	"frankenredis/recovery"
	"frankenredis/wal/disk"
	"frankenredis/wire"
	"frankenredis/wire/acl"
	"frankenredis/wire/cluster"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// lastPatience is how long the client may take nothing of its last reply.
const lastPatience = 5 * time.Second

// runDebuggee is the program as a debuggee; it returns the exit status. It ends with its session, and not before the script of a client that
// is gone: the server kills it when it ends itself.
func runDebuggee(mark uint64) int {
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGPIPE, unix.SIGUSR1) // what is sent to the server's whole group
	sink := &logSink{pid: os.Getpid()}
	sink.role.Store('C')
	logger := newLogger(sink)
	if err := debugHere(mark, sink, logger); err != nil {
		logger.Warn("The debugging session failed: " + err.Error())
		return 1
	}
	logger.Info("Lua debugging session child exiting")
	return 0
}

func debugHere(mark uint64, sink *logSink, logger hclog.Logger) error {
	in := bufio.NewReaderSize(os.NewFile(debuggeePipe, "data"), 256<<10)
	var v debugView
	if err := gob.NewDecoder(in).Decode(&v); err != nil {
		return err
	}
	if v.Mark != mark {
		return errors.New("the view is not meant for this process")
	}
	s, err := newDebuggee(&v, sink, logger)
	if err != nil {
		return err
	}
	logger.Info("Redis forked for debugging eval")
	if err := s.loadView(in); err != nil {
		return err
	}
	client, err := s.adoptClient(&v.Client)
	if err != nil {
		return err
	}
	if err := s.eng.RunApart(client, v.Client.Args, v.State); err != nil {
		return err
	}
	_ = client.Conn.(session.Talker).Say(client.W.Buf, lastPatience) // who is gone hears nothing
	return nil
}

// newDebuggee is newServer for a debuggee: what serves no client, keeps no file and follows nobody.
func newDebuggee(v *debugView, sink *logSink, logger hclog.Logger) (*server, error) {
	cfg, err := config.LoadText(v.Config, config.LoadOptions{})
	if err != nil {
		return nil, err
	}
	s := &server{cfg: cfg, fs: disk.OS(), sink: sink, logger: logger, started: time.Now(), hashSeed: v.HashSeed, runID: v.RunID}
	sink.setLevel(cfg.Enum("loglevel"))
	if path := cfg.Path("logfile"); path != "" {
		sink.setPath(path)
	}
	if cfg.Bool("syslog-enabled") {
		if err := sink.openSystem("", "", cfg.String("syslog-ident"), cfg.Enum("syslog-facility")); err != nil {
			logger.Warn("Can't reach syslog, logging goes on without it: " + err.Error())
		}
	}
	s.dir = filepath.Clean(cfg.String("dir"))
	var slotOf func([]byte) uint16
	if v.Nodes != "" {
		slotOf = cluster.KeySlot
	}
	s.ks = kv.New(kv.Options{SlotOf: slotOf, Databases: int(cfg.Int("databases")), HashSeed: v.HashSeed, RandomSeed: v.Seed})
	if s.reactor, err = wire.NewReactor(); err != nil {
		return nil, err
	}
	table := command.Table()
	for _, r := range v.Renames {
		table.Rename(r.From, r.To)
	}
	s.eng = engine.New(engine.Options{Keyspace: s.ks, Table: table, Config: cfg, Logger: logger, Poller: s.reactor, Seed: v.Seed})
	s.reactor.Bind(s.eng)
	s.eng.SetHooks(engine.Hooks{LastSave: func() int64 { return v.LastSave }, Memory: s.memoryReport})
	s.saves.last, s.saves.took, s.rewrites.took, s.room.free = time.Unix(v.LastSave, 0), -1, -1, -1
	s.registerInfo()
	if v.Nodes != "" {
		if s.cluster, _, err = cluster.Parse([]byte(v.Nodes), time.Now()); err != nil {
			return nil, err
		}
		s.cluster.OK = v.ClusterOK
		s.bus = cluster.NewBus(s.cluster, busHost{s}, logger, v.Seed) // without links: nobody is told anything
		s.eng.SetCluster(s.cluster, s.bus, func() error { return errors.New("a debugging session changes no cluster") })
	}
	s.setTitle()
	s.oom = v.OOM
	s.oom.Child = true
	_ = s.followOOMScore() // the log says what failed; no reason not to go on
	return s, nil
}

// loadView reads the data set.
func (s *server) loadView(in *bufio.Reader) error {
	here := func(work step) error {
		for {
			if more, err := work(); !more || err != nil {
				return err
			}
		}
	}
	o := s.recoveryOptions(here)
	o.Logger = hclog.NewNullLogger()
	s.eng.SetLoading(true)
	defer s.eng.SetLoading(false)
	_, _, err := recovery.LoadSnapshot(o, in, -1)
	return err
}

// adoptClient takes the connection over.
func (s *server) adoptClient(c *debugClient) (*session.Session, error) {
	client, err := s.reactor.Adopt(debuggeeConn, c.Held)
	if err != nil {
		return nil, err
	}
	client.Debug = session.DebugHere
	client.W.Buf = append(client.W.Buf, c.Replies...)
	client.DB, client.W.Proto, client.Name = c.DB, c.Proto, c.Name
	client.Addr, client.LocalAddr, client.Unix = c.Addr, c.LocalAddr, c.Unix
	client.NoTouch, client.ReadOnly, client.Asking = c.NoTouch, c.ReadOnly, c.Asking
	client.Authenticated, client.User = true, nil
	if c.Anybody {
		return client, nil
	}
	users := s.eng.Users()
	if err := users.Set(c.User, append([]string{"reset"}, strings.Fields(c.Rules)...), func(_, _ *acl.User) {}); err != nil {
		return nil, fmt.Errorf("user %s: %w", c.User, err)
	}
	client.User = users.Get(c.User)
	return client, nil
}
