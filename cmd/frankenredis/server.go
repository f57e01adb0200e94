package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"frankenredis/kv"
	"frankenredis/kv/dict"
	"frankenredis/recovery/ledger"
	"frankenredis/thread"
	"frankenredis/wal"
	"frankenredis/wal/disk"
	"frankenredis/wire"
	"frankenredis/wire/cluster"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
	"frankenredis/wire/tlsconf"
)

// server is the composition root: all rooms meet here. Its methods run on the executor unless they say otherwise.
type server struct {
	cfg      *config.Store
	sink     *logSink
	logger   hclog.Logger
	ks       *kv.Keyspace
	sentinel *sentinelMode  // nil: this is no Sentinel
	cluster  *cluster.State // nil: the server is on its own
	// nodes is nodes.conf, nodesMade counts its texts, and nodesSaving says that one is being written.
	nodes       *nodesFile
	nodesMade   uint64
	nodesSaving bool
	bus         *cluster.Bus
	// busServer has the connections of bus.
	busServer *busServer
	started   time.Time
	eng       *engine.Engine
	reactor   *wire.Reactor
	fs        disk.FS
	log       *wal.Log // nil while appendonly is off
	// logHeld stands for the log while appendonly yes makes one.
	logHeld *heldLog
	// logsEnding counts the syncs that have ended the log and whose snapshot is not the data set yet: until then no log may begin.
	logsEnding int

	dir string // the data directory, absolute
	// begin is the directory the process was started in, and onceOnly says why it cannot be started a second time; "": it can.
	begin, onceOnly string
	runID           string
	// listening is where TCP clients come in at present; the parameters may already say something else.
	listening listening
	// secured is what TLS is served and asked for with, nil while no parameter wants it. Links to a primary read it.
	secured  atomic.Pointer[tlsconf.Config]
	watchdog watchdog
	// threadSys and threadUser are what INFO last showed as the executor's processor time, in nanoseconds.
	threadSys, threadUser int64
	watched               supervision
	oom                   oomScore
	// hz is how often a second the timers run: the parameter, or more for many clients (dynamic-hz).
	hz int
	// hashSeed keys the hash of the keyspace's tables; the loading goroutine hashes with it too.
	hashSeed dict.Seed
	exit     int // the process's exit status
	pidFile  string
	lost     lost
	saves    saveState
	evidence evidence
	covers   *covers // nil: none are kept
	jobs     jobs
	rewrites rewrites
	room     room
	load     loadState
	defrag   defragState
	// reclaiming says that the last reclaim had not come to an end.
	reclaiming bool
	replica    replica
	replicas   replicas
	closing    closing
	failover   failover
	debuggees  []*debuggee  // processes that debug scripts
	dbFile     atomic.Value // dbfilename, for a sync under way
	// replTimeout is repl-timeout, a time.Duration: links ask for it.
	replTimeout atomic.Int64
	// latencyFrom is latency-monitor-threshold, for the log's threads: milliseconds, 0: off.
	latencyFrom atomic.Int64
}

// newServer builds the server in boot order: configuration, log, directory, keyspace, executor, sockets. The data set
// is loaded by run. With watching, which may be nil, it is a Sentinel's, without data; manager and complaint come from supervisor. An error was
// logged, or is a *config.FatalError; errStale comes with the server that was begun.
func newServer(cfg *config.Store, table *engine.Table, watching *sentinelMode, manager supervision, complaint string) (*server, error) {
	s := &server{cfg: cfg, sentinel: watching, fs: disk.OS(), sink: &logSink{pid: os.Getpid()}, started: time.Now()}
	s.sink.role.Store('C')
	s.sink.setLevel(cfg.Enum("loglevel"))
	s.logger = newLogger(s.sink)

	var err error
	s.dir = config.WorkingDir() // main has entered the configured dir
	if path := cfg.String("logfile"); path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.dir, path)
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return nil, s.refuse("Can't open the log file: %v", err)
		}
		f.Close()
		s.sink.setPath(path)
	}
	if cfg.Bool("syslog-enabled") {
		if err := s.sink.openSystem("", "", cfg.String("syslog-ident"), cfg.Enum("syslog-facility")); err != nil {
			s.logger.Warn("Can't reach syslog, logging goes on without it: " + err.Error())
		}
	}
	s.greet()
	for _, row := range cfg.Unserved() {
		s.logger.Info("The parameter '" + row.Name + "' is accepted but not acted on yet: see the parity ledger.")
	}
	s.sink.role.Store('M')
	if s.sentinel != nil {
		s.sink.role.Store('X')
	}

	if !cfg.LocaleKnown() {
		return nil, s.refuse("Failed to configure LOCALE for invalid locale name.")
	}
	var seed [40]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, s.refuse("Can't read random numbers: %v", err)
	}
	s.runID = hex.EncodeToString(seed[:20])
	s.hashSeed = dict.Seed(seed[20:36])
	var slotOf func([]byte) uint16
	if cfg.Bool("cluster-enabled") {
		slotOf = cluster.KeySlot
	}
	s.ks = kv.New(kv.Options{
		SlotOf:     slotOf,
		Databases:  int(cfg.Int("databases")),
		HashSeed:   s.hashSeed,
		RandomSeed: binary.LittleEndian.Uint64(seed[32:]),
	})
	if s.reactor, err = wire.NewReactor(); err != nil {
		return nil, s.refuse("Can't create the event loop: %v", err)
	}
	s.reactor.SetSocketMark(int(cfg.Int("socket-mark-id")))
	s.eng = engine.New(engine.Options{
		Sentinel: s.sentinel != nil, Keyspace: s.ks, Table: table, Config: cfg, Logger: s.logger, Poller: s.reactor,
		Seed: binary.LittleEndian.Uint64(seed[:]),
	})
	s.reactor.Bind(s.eng)
	s.eng.SetHooks(engine.Hooks{
		Shutdown: s.shutdown, AbortShutdown: s.abortShutdown, ShuttingDown: func() bool { return s.closing.on }, Save: s.saveCommand, LastSave: func() int64 { return s.saves.last.Unix() },
		Evidence: s.newestRecords, Scrub: s.scrub, RewriteConfig: s.rewriteConfig, Reload: s.reload, ReplicaOf: s.replicaOf, Role: s.role, DebugApart: s.debugApart, SyncReplica: s.syncRequest, Failover: s.failOver, ReplicaAck: s.replicaAck, Emptied: s.emptied, ClusterTLS: s.clusterTLS, Memory: s.memoryReport,
		BackgroundSave: s.backgroundSave, BackgroundRewrite: s.backgroundRewrite,
		LoadUsers: s.readUsers, SaveUsers: s.writeUsers,
		LoadLog: s.loadLog, ChangeReplicationID: s.changeReplicationID, Restart: s.restart,
		Crash: func(k engine.CrashKind) { s.crash(k, debugReasons[k]) },
	})
	s.eng.SetDenyWrites(s.denyWrites)
	s.eng.SetStandstill(s.standStill)
	s.saves.last, s.saves.took, s.rewrites.took, s.room.free = time.Now(), -1, -1, -1
	s.followConfig()
	s.registerInfo()
	if err := s.limitClients(); err != nil {
		return nil, err
	}
	s.reportTo(manager, complaint)
	if s.sentinel != nil {
		if err := s.sentinel.begin(s); err != nil {
			return nil, err
		}
	} else {
		s.startAsReplica()
		if err := s.openCovers(); err != nil {
			return nil, err
		}
		if err := s.judgeTexts(); err != nil {
			return s, err
		}
		if err := s.joinCluster(); err != nil {
			return nil, err
		}
	}
	if err := s.defineUsers(); err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	if err := s.startBus(); err != nil {
		return nil, err
	}
	path := cfg.String("pidfile")
	if path == "" && cfg.Bool("daemonize") && s.watched == "no" {
		path = defaultPidFile
	}
	if path != "" {
		if err := writePidFile(path); err != nil {
			s.logger.Warn("Failed to write PID file: " + config.ErrnoText(err))
		} else {
			s.pidFile = path
		}
	}
	s.setTitle()
	s.warnBacklog()
	s.avoidHugePages()
	_ = s.followOOMScore() // the log says what failed; no reason not to serve
	return s, nil
}

// refuse logs why the server does not start and returns that as an error.
func (s *server) refuse(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	s.logger.Warn(err.Error())
	return err
}

// greet logs what a start logs first.
func (s *server) greet() {
	s.logger.Info("oO0OoO0OoO0Oo FrankenRedis is starting oO0OoO0OoO0Oo")
	s.logger.Info(fmt.Sprintf("FrankenRedis version=%s, redis=%s, bits=64, pid=%d, just started", version, engine.RedisVersion, os.Getpid()))
	if len(os.Args) > 1 {
		s.logger.Info("Configuration loaded")
	} else {
		s.logger.Warn("Warning: no config file specified, using the default config. In order to specify a config file use " +
			os.Args[0] + " /path/to/redis.conf")
	}
}

// limitClients fits maxclients and the limit of open files to each other; the error is that there is no room for a single client.
func (s *server) limitClients() error {
	want := s.cfg.Live.MaxClients
	got, limit, err := fitDescriptors(want)
	switch {
	case got == 0:
		return s.refuse("Your current 'ulimit -n' of %d is not enough for the server to start. Please increase your open file limit to at least %d. Exiting.",
			limit, want+reservedDescriptors)
	case got < want:
		s.tellFewDescriptors(want, got, limit, err)
		s.cfg.LowerMaxClients(got)
	case err != nil:
		s.logger.Warn("Unable to read the limit of open files: " + err.Error())
	}
	return nil
}

// tellFewDescriptors logs that there are files for fewer clients than wanted, and why.
func (s *server) tellFewDescriptors(want, got int, limit uint64, why error) {
	files := want + reservedDescriptors
	s.logger.Warn(fmt.Sprintf("You requested maxclients of %d requiring at least %d max file descriptors.", want, files))
	s.logger.Warn(fmt.Sprintf("Server can't set maximum open files to %d because of OS error: %s.", files, config.ErrnoText(why)))
	s.logger.Warn(fmt.Sprintf("Current maximum open files is %d. maxclients has been reduced to %d to compensate for low ulimit. "+
		"If you need higher maxclients increase 'ulimit -n'.", limit, got))
}

// followConfig acts on changes of parameters at run time.
func (s *server) followConfig() {
	on := s.cfg.OnApply
	on("loglevel", func() error {
		s.sink.setLevel(s.cfg.Enum("loglevel"))
		return nil
	})
	on("port", func() error { return s.relisten("Unable to listen on this port. Check server logs.", wire.TCP) })
	on("bind", func() error { return s.relisten("Failed to bind to specified addresses.", wire.TCP, wire.TLS) })
	s.followTLS()
	on("oom-score-adj", s.followOOMScore, "oom-score-adj-values")
	on("watchdog-period", s.followWatchdog)
	_ = s.followWatchdog() // it has no errors
	on("proc-title-template", func() error {
		s.setTitle()
		return nil
	})
	on("maxclients", func() error {
		want := s.cfg.Live.MaxClients
		if got, limit, err := fitDescriptors(want); got < want {
			s.tellFewDescriptors(want, got, limit, err)
			return fmt.Errorf("The operating system is not able to handle the specified number of clients, try with %d", got)
		}
		return nil
	})
	policy := func() error {
		lfu := s.cfg.Enum("maxmemory-policy")
		s.ks.SetPolicy(lfu == "allkeys-lfu" || lfu == "volatile-lfu", int(s.cfg.Int("lfu-log-factor")), int(s.cfg.Int("lfu-decay-time")))
		return nil
	}
	on("maxmemory-policy", policy, "lfu-log-factor", "lfu-decay-time")
	_ = policy()
	effort := func() error {
		s.ks.SetExpireEffort(s.cfg.Live.ActiveExpireEffort)
		return nil
	}
	on("active-expire-effort", effort)
	_ = effort()
	on("dir", func() error {
		if err := os.Chdir(s.cfg.String("dir")); err != nil {
			return err
		}
		s.dir = config.WorkingDir()
		s.covers.move()
		return nil
	})
	timeout := func() error {
		s.replTimeout.Store(int64(time.Duration(s.cfg.Int("repl-timeout")) * time.Second))
		return nil
	}
	on("repl-timeout", timeout)
	on("repl-backlog-size", func() error {
		s.replicas.resizeBacklog(s.cfg.Bytes("repl-backlog-size"))
		return nil
	})
	_ = timeout()
	latency := func() error {
		s.latencyFrom.Store(s.cfg.Int("latency-monitor-threshold"))
		return nil
	}
	on("latency-monitor-threshold", latency)
	_ = latency()
	on("appendfsync", s.followPolicy)
	on("aof-timestamp-enabled", s.followLogOptions, "fr-log-pending-limit", "aof-disable-auto-gc", "fr-aof-keep-generations", "fr-wal-commit")
	on("appendonly", s.followAppendonly)
	on("key-load-delay", func() error {
		s.load.delay.Store(s.cfg.Int("key-load-delay"))
		return nil
	})
}

// run serves until the server is told to stop, and returns the exit status.
func (s *server) run() int {
	port := s.ownPort()
	s.logger.Info(fmt.Sprintf("Running mode=%s, port=%d.", s.eng.Mode(), port))
	if s.cfg.Bool("always-show-logo") {
		s.sink.write(banner(s.eng.Mode(), port))
	}
	s.logger.Info("Server initialized")
	s.openLedger()
	s.recordEarly()
	s.watchSignals()
	s.startTimers()
	s.startLoading()
	defer s.guard()
	processors := s.cfg.String("server_cpulist")
	s.eng.SetRelief(func(run func()) {
		defer s.guard()
		s.pin("server_cpulist", processors)
		run()
	})
	s.pin("server_cpulist", processors)
	if set, ok := cpuSet(processors); ok && set.Count() == 1 {
		thread.NeverSpin() // what the executor waits for may need that one
	}
	s.eng.OnEnd(s.reactor.Close)
	if err := s.eng.Run(); err != nil {
		s.logger.Warn("Event loop failed: " + err.Error())
		s.exit = 1
	}
	if s.busServer != nil {
		s.busServer.close()
	}
	s.closeRecords(&ledger.Entry{Rule: ledger.Stopped, Decision: ledger.Note, Artifact: s.dir, Kind: "directory", Detail: fmt.Sprintf("exit status %d", s.exit)})
	return s.exit
}

// startTimers starts what runs hz times a second.
func (s *server) startTimers() {
	tick := func() time.Duration { return time.Second / time.Duration(s.tempo()) }
	s.eng.Every(everySecond, func() {
		s.tendPrimary()
		s.tendReplicas()
		s.covers.tend()
		s.tellProgress()
		s.tendRoom()
	})
	s.eng.Every(s.defragPause, s.defragment)
	s.eng.Every(s.reclaimPause, s.reclaim)
	s.eng.Every(tick, func() {
		if !s.eng.Loading() && s.eng.ActiveExpire() && !s.salvaging() {
			// A quarter of the time at effort 1, as Redis bounds its slow cycle; the budget is what may be used, not what is.
			began := time.Now()
			s.ks.ExpireCycle(tick() / 100 * time.Duration(25+2*(s.cfg.Live.ActiveExpireEffort-1)))
			took := time.Since(began)
			s.load.expireTime += took
			s.eng.SampleLatency("expire-cycle", took)
		}
		s.eng.ExpireLocal()
		s.tendShutdown()
		s.tendFailover()
		s.watchLog()
		s.watchDoors(time.Now())
		s.tendSaves()
		s.memory() // for the peak
		s.sampleRates()
	})
}

// everySecond is the interval of what runs once a second.
func everySecond() time.Duration { return time.Second }

// tempo is how often a second the timers run now. With dynamic-hz many clients make it more, so that each is looked at
// often enough.
func (s *server) tempo() int {
	const (
		clientsPerTick = 200
		fastest        = 500
	)
	s.hz = max(s.cfg.Live.Hz, 1)
	if s.cfg.Live.DynamicHz {
		for s.eng.SessionCount()/s.hz > clientsPerTick && s.hz < fastest {
			s.hz = min(2*s.hz, fastest)
		}
	}
	return s.hz
}

// defaultPidFile is where a daemon without a pidfile directive writes its process id, as Redis does.
const defaultPidFile = "/var/run/redis.pid"

// Empty pages go back to the system reclaimPages at a time, for about reclaimBudget, which is a few steps: a page takes 1 to 4 us.
const (
	reclaimPages  = 32
	reclaimBudget = 300 * time.Microsecond
)

func (s *server) reclaim() {
	s.reclaiming = false
	for began := time.Now(); s.ks.Arena().Reclaim(reclaimPages) > 0; {
		if time.Since(began) >= reclaimBudget {
			s.reclaiming = true
			return
		}
	}
}

// reclaimPause is the time until reclaim is called next.
func (s *server) reclaimPause() time.Duration {
	if s.reclaiming {
		return 5 * time.Millisecond
	}
	return time.Second / time.Duration(s.tempo())
}

// ready says that the data set is loaded.
func (s *server) ready() {
	s.eng.SetLoading(false)
	s.reactor.HoldListeners(false)
	s.notify("STATUS=Ready to accept connections\nREADY=1\n")
	for kind := wire.TCP; kind < wire.Kinds; kind++ {
		if s.listening.port[kind] != 0 || kind == wire.Unix && s.cfg.String("unixsocket") != "" {
			s.logger.Info("Ready to accept connections " + kind.String())
		}
	}
}

// banner is what always-show-logo prints: other tools look for the PID in it.
func banner(mode string, port int) []byte {
	return fmt.Appendf(nil, `
     .-------.
     |  o o  |     FrankenRedis %s (Redis %s) 64 bit
   --|   ^   |--   Running in %s mode
     |  ===  |     Port: %d
     '-------'     PID: %d

`, version, engine.RedisVersion, mode, port, os.Getpid())
}
