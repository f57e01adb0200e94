package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"frankenredis/wire/acl"
	"frankenredis/wire/engine"
	"frankenredis/wire/pubsub"
	"frankenredis/wire/session"
)

// registerInfo adds the fields that belong to the process and to no room.
func (s *server) registerInfo() {
	e := s.eng
	e.OnResetStats(s.resetStats)
	e.Info("server", s.infoServer)
	e.Info("clients", s.infoClients)
	e.Info("stats", s.infoStats)
	e.Info("cpu", s.infoCPU)
	if s.sentinel != nil {
		e.Info("sentinel", s.sentinel.info)
		return
	}
	e.Info("memory", s.infoMemory)
	e.Info("persistence", s.infoPersistence)
	e.Info("replication", s.infoReplication)
	e.Info("commandstats", s.infoCommands)
	e.Info("errorstats", func(w *engine.InfoWriter) {
		e.ErrorCounts(func(code string, n uint64) { w.Fieldf("errorstat_"+code, "count=%d", n) })
	})
	e.Info("latencystats", s.infoLatency)
	e.Info("cluster", func(w *engine.InfoWriter) {
		enabled := 0
		if s.cluster != nil {
			enabled = 1
		}
		w.Field("cluster_enabled", enabled)
	})
	e.Info("keyspace", s.infoKeyspace)
	e.Info("frankenredis", s.infoOwn)
	e.Info("sidecars", s.infoCovers)
}

func (s *server) infoServer(w *engine.InfoWriter) {
	now := time.Now()
	up := int64(s.eng.Uptime() / time.Second)
	w.Field("redis_version", engine.RedisVersion)
	w.Field("redis_git_sha1", "00000000")
	w.Field("redis_git_dirty", 0)
	w.Field("redis_build_id", buildID())
	w.Field("redis_mode", s.eng.Mode())
	w.Field("os", osName())
	w.Field("arch_bits", strconv.IntSize)
	w.Field("monotonic_clock", "POSIX clock_gettime")
	w.Field("multiplexing_api", "epoll")
	w.Field("atomicvar_api", "go-sync-atomic")
	w.Field("gcc_version", "0.0.0")
	w.Field("process_id", os.Getpid())
	w.Field("process_supervised", s.watched)
	w.Field("run_id", s.runID)
	w.Field("tcp_port", s.ownPort())
	w.Field("server_time_usec", now.UnixMicro())
	w.Field("uptime_in_seconds", up)
	w.Field("uptime_in_days", up/86400)
	w.Field("hz", s.hz)
	w.Field("configured_hz", s.cfg.Live.Hz)
	w.Field("lru_clock", now.Unix()&(1<<24-1))
	exe, _ := os.Executable()
	w.Field("executable", exe)
	w.Field("config_file", s.cfg.File())
	w.Field("io_threads_active", 0)
	if s.closing.on {
		w.Field("shutdown_in_milliseconds", max(time.Until(s.closing.until).Milliseconds(), 0))
	}
	s.infoListeners(w)
}

func osName() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return runtime.GOOS
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
}

func (s *server) infoClients(w *engine.InfoWriter) {
	watching, subscribed, maxIn, maxOut := 0, 0, 0, 0
	s.eng.Sessions(func(c *session.Session) {
		if len(c.Watched) > 0 {
			watching++
		}
		if c.Subs.Any() {
			subscribed++
		}
		u := c.Conn.Usage()
		maxIn, maxOut = max(maxIn, u.QueryBytes+u.ParsedBytes+u.DoneBytes+u.QueryFree), max(maxOut, u.HeldBytes)
	})
	w.Field("connected_clients", s.eng.SessionCount())
	links := 0
	if s.bus != nil {
		links = s.bus.Len()
	}
	w.Field("cluster_connections", links)
	w.Field("maxclients", s.cfg.Live.MaxClients)
	w.Field("client_recent_max_input_buffer", maxIn)
	w.Field("client_recent_max_output_buffer", maxOut)
	w.Field("blocked_clients", s.eng.BlockedCount())
	tracking, _, _, _ := s.eng.TrackingCounts()
	w.Field("tracking_clients", tracking)
	w.Field("pubsub_clients", subscribed)
	w.Field("watching_clients", watching)
	w.Field("clients_in_timeout_table", 0)
	w.Field("total_watched_keys", s.eng.WatchedKeys())
	blocking, onMissing := s.eng.BlockingKeys()
	w.Field("total_blocking_keys", blocking)
	w.Field("total_blocking_keys_on_nokey", onMissing)
}

// human prints bytes as Redis's *_human fields do.
func human(n int64) string {
	units := []string{"B", "K", "M", "G", "T", "P"}
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	return fmt.Sprintf("%.2f%s", f, units[i])
}

func status(failed bool) string {
	if failed {
		return "err"
	}
	return "ok"
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}

func (s *server) infoPersistence(w *engine.InfoWriter) {
	w.Field("loading", bit(s.eng.Loading()))
	w.Field("async_loading", bit(s.eng.AsyncLoading()))
	s.infoJob(w)
	w.Field("rdb_changes_since_last_save", s.eng.DirtyCount())
	syncSince, syncing := s.syncing()
	w.Field("rdb_bgsave_in_progress", bit(syncing || s.busy(saveJob)))
	w.Field("rdb_last_save_time", s.saves.last.Unix())
	w.Field("rdb_last_bgsave_status", status(s.saves.failed))
	w.Field("rdb_last_bgsave_time_sec", s.saves.took)
	seconds := s.jobSeconds(saveJob)
	if syncing && seconds < 0 { // a snapshot for a replica is a background save, too
		seconds = int64(time.Since(syncSince) / time.Second)
	}
	w.Field("rdb_current_bgsave_time_sec", seconds)
	w.Field("rdb_saves", s.saves.count)
	w.Field("rdb_last_cow_size", s.jobs.lastCopied[saveJob])
	w.Field("rdb_last_load_keys_expired", s.saves.expired)
	w.Field("rdb_last_load_keys_loaded", s.saves.keys)
	s.infoLog(w)
	if s.eng.Loading() || s.eng.AsyncLoading() {
		s.infoLoading(w)
	}
}

func (s *server) infoStats(w *engine.InfoWriter) {
	st, r := s.eng.Stats(), &s.load.rates
	stale, capped := s.ks.ExpireStats()
	w.Field("total_connections_received", st.ConnectionsReceived)
	w.Field("total_commands_processed", st.Commands)
	in, out := s.netTraffic()
	w.Fieldf("instantaneous_ops_per_sec", "%.0f", r.ops.now())
	w.Field("total_net_input_bytes", st.NetInput+in)
	w.Field("total_net_output_bytes", st.NetOutput+out)
	w.Field("total_net_repl_input_bytes", in)
	w.Field("total_net_repl_output_bytes", out)
	w.Fieldf("instantaneous_input_kbps", "%.2f", r.in.now())
	w.Fieldf("instantaneous_output_kbps", "%.2f", r.out.now())
	w.Fieldf("instantaneous_input_repl_kbps", "%.2f", r.replIn.now())
	w.Fieldf("instantaneous_output_repl_kbps", "%.2f", r.replOut.now())
	w.Field("rejected_connections", st.ConnectionsRejected)
	w.Field("sync_full", s.replicas.full)
	w.Field("sync_partial_ok", s.replicas.partial)
	w.Field("sync_partial_err", s.replicas.refused)
	w.Field("expired_keys", st.ExpiredKeys)
	w.Fieldf("expired_stale_perc", "%.2f", stale)
	w.Field("expired_time_cap_reached_count", capped)
	w.Field("expire_cycle_cpu_milliseconds", s.load.expireTime.Milliseconds())
	w.Field("evicted_keys", st.EvictedKeys)
	w.Field("evicted_clients", st.EvictedClients)
	over, overNow := s.eng.EvictionExceeded()
	w.Field("total_eviction_exceeded_time", over.Milliseconds())
	w.Field("current_eviction_exceeded_time", overNow.Milliseconds())
	w.Field("keyspace_hits", st.KeyspaceHits)
	w.Field("keyspace_misses", st.KeyspaceMisses)
	w.Field("pubsub_channels", s.eng.PubSub().Len(pubsub.Channels))
	w.Field("pubsub_patterns", s.eng.PubSub().Len(pubsub.Patterns))
	w.Field("pubsubshard_channels", s.eng.PubSub().Len(pubsub.Shards))
	w.Field("latest_fork_usec", s.load.freezeUsec)
	w.Field("total_forks", 0)
	w.Field("migrate_cached_sockets", 0)
	w.Field("slave_expires_tracked_keys", s.eng.LocalExpiries())
	s.infoDefrag(w)
	_, keys, items, prefixes := s.eng.TrackingCounts()
	w.Field("tracking_total_keys", keys)
	w.Field("tracking_total_items", items)
	w.Field("tracking_total_prefixes", prefixes)
	w.Field("unexpected_error_replies", s.eng.UnexpectedErrors())
	w.Field("total_error_replies", st.ErrorReplies)
	w.Field("dump_payload_sanitizations", st.Sanitized)
	w.Field("total_reads_processed", st.Reads)
	w.Field("total_writes_processed", st.Writes)
	w.Field("io_threaded_reads_processed", 0) // of these, by further threads: there are none
	w.Field("io_threaded_writes_processed", 0)
	w.Field("client_query_buffer_limit_disconnections", st.QueryLimitCloses)
	w.Field("client_output_buffer_limit_disconnections", st.OutputLimitCloses)
	w.Field("reply_buffer_shrinks", st.ReplyShrinks)
	w.Field("reply_buffer_expands", st.ReplyExpands)
	w.Field("eventloop_cycles", st.Cycles)
	w.Field("eventloop_duration_sum", st.CycleNanos/1000)
	w.Field("eventloop_duration_cmd_sum", s.commandNanos()/1000)
	w.Fieldf("instantaneous_eventloop_cycles_per_sec", "%.0f", r.turns.now())
	w.Fieldf("instantaneous_eventloop_duration_usec", "%.0f", r.turnUsec.now())
	w.Field("acl_access_denied_auth", st.Denied[acl.DeniedAuth])
	w.Field("acl_access_denied_cmd", st.Denied[acl.DeniedCommand])
	w.Field("acl_access_denied_key", st.Denied[acl.DeniedKey])
	w.Field("acl_access_denied_channel", st.Denied[acl.DeniedChannel])
}

// commandNanos is the time spent in commands since the counters began.
func (s *server) commandNanos() (sum uint64) {
	for _, c := range s.eng.Commands().All() {
		sum += uint64(c.Stats().Nanos)
		for i := range c.Sub {
			sum += uint64(c.Sub[i].Stats().Nanos)
		}
	}
	return sum
}

func (s *server) infoReplication(w *engine.InfoWriter) {
	id, offset := s.position()
	if s.eng.Following() {
		w.Field("role", "slave")
		s.infoReplica(w)
	} else {
		w.Field("role", "master")
	}
	s.infoReplicas(w)
	w.Field("master_failover_state", s.failover.phase.String())
	w.Field("master_replid", id)
	id2, end2 := s.secondPosition()
	w.Field("master_replid2", id2)
	w.Field("master_repl_offset", uint64(offset))
	w.Field("second_repl_offset", end2)
	s.infoBacklog(w)
}

func (s *server) infoCPU(w *engine.InfoWriter) {
	show := func(name string, t unix.Timeval) { w.Fieldf(name, "%d.%06d", t.Sec, t.Usec) }
	usage := func(who int, which string) {
		var r unix.Rusage
		if unix.Getrusage(who, &r) != nil {
			return
		}
		if who == unix.RUSAGE_THREAD {
			for _, tid := range s.eng.Threads() {
				if tid != 0 && tid != unix.Gettid() {
					user, sys := threadTimes(tid)
					r.Utime = unix.NsecToTimeval(r.Utime.Nano() + int64(user))
					r.Stime = unix.NsecToTimeval(r.Stime.Nano() + int64(sys))
				}
			}
			// The other one is known to a hundredth of a second only, and a counter does not fall.
			s.threadSys, s.threadUser = max(s.threadSys, r.Stime.Nano()), max(s.threadUser, r.Utime.Nano())
			r.Stime, r.Utime = unix.NsecToTimeval(s.threadSys), unix.NsecToTimeval(s.threadUser)
		}
		show("used_cpu_sys"+which, r.Stime)
		show("used_cpu_user"+which, r.Utime)
	}
	usage(unix.RUSAGE_SELF, "")
	usage(unix.RUSAGE_CHILDREN, "_children")
	usage(unix.RUSAGE_THREAD, "_main_thread")
}

// threadTimes is the processor time of a thread of this process, to a hundredth of a second; 0 if it is not known.
func threadTimes(tid int) (user, sys time.Duration) {
	const tick = 10 * time.Millisecond // the kernel's unit for programs (USER_HZ)
	line, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:])) // from the third field of proc_pid_stat(5) on
	if len(fields) < 13 {
		return 0, 0
	}
	u, _ := strconv.ParseInt(fields[11], 10, 64)
	k, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(u) * tick, time.Duration(k) * tick
}

func (s *server) infoCommands(w *engine.InfoWriter) {
	show := func(c *engine.Spec) {
		st := c.Stats()
		if st.Calls == 0 && st.Rejected == 0 && st.Failed == 0 {
			return
		}
		usec := st.Nanos / 1000
		w.Fieldf("cmdstat_"+c.FullName(), "calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			st.Calls, usec, float64(st.Nanos)/1000/float64(max(st.Calls, 1)), st.Rejected, st.Failed)
	}
	for _, c := range s.eng.Commands().All() {
		show(c)
		for i := range c.Sub {
			show(&c.Sub[i])
		}
	}
}

// infoLatency shows percentiles of how long commands took, in microseconds.
func (s *server) infoLatency(w *engine.InfoWriter) {
	if !s.cfg.Live.LatencyTracking {
		return
	}
	percentiles := s.cfg.Strings("latency-tracking-info-percentiles")
	show := func(c *engine.Spec) {
		h := c.Histogram()
		if h == nil {
			return
		}
		fields := make([]string, len(percentiles))
		for i, p := range percentiles {
			f, _ := strconv.ParseFloat(p, 64)
			fields[i] = fmt.Sprintf("p%s=%.3f", p, float64(h.Percentile(f))/1000)
		}
		w.Field("latency_percentiles_usec_"+c.FullName(), strings.Join(fields, ","))
	}
	for _, c := range s.eng.Commands().All() {
		show(c)
		for i := range c.Sub {
			show(&c.Sub[i])
		}
	}
}

func (s *server) infoKeyspace(w *engine.InfoWriter) {
	for i := range s.ks.Len() {
		if db := s.ks.DB(i); db.Len() > 0 {
			w.Fieldf("db"+strconv.Itoa(i), "keys=%d,expires=%d,avg_ttl=%d", db.Len(), db.Volatile(), db.AvgTTL())
		}
	}
}

// infoOwn shows what Redis has no field for.
func (s *server) infoOwn(w *engine.InfoWriter) {
	w.Field("frankenredis_version", version)
	w.Field("go_version", strings.TrimPrefix(runtime.Version(), "go"))
	w.Field("fr_goroutines", runtime.NumGoroutine())
	for p := range engine.Phase(engine.PhaseCount) {
		ps := s.eng.Phases(p)
		w.Fieldf("fr_phase_"+p.String(), "usec=%d,max_usec=%d", ps.Total/1000, ps.Max/1000)
	}
	infoTurns(w, s.eng.Turns())
	w.Field("fr_executor_reliefs", s.eng.Reliefs())
	st := s.ks.Arena().Stats()
	w.Field("fr_arena_pages", st.Pages)
	w.Field("fr_arena_blocks", st.Blocks)
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	w.Field("fr_gc_cycles", gc.NumGC)
	w.Field("fr_gc_pause_usec_total", gc.PauseTotal.Microseconds())
	s.infoReadiness(w)
	s.infoRoom(w)
	s.infoSalvage(w)
	s.infoLogOwn(w)
	s.infoLedger(w)
}

// infoTurns shows how long the executor's turns took: in fr_turn some percentiles, in fr_turn_histogram how many took no longer than so many
// microseconds, doubling from one to the next. max_own_usec is the most processor time of one, while the latency monitor is on.
func infoTurns(w *engine.InfoWriter, t *engine.TurnStats) {
	usec := func(p float64) float64 { return float64(min(t.Percentile(p), t.Max)) / 1000 }
	w.Fieldf("fr_turn", "count=%d,p50_usec=%.1f,p99_usec=%.1f,p99.9_usec=%.1f,p99.99_usec=%.1f,max_usec=%.1f,max_own_usec=%.1f",
		t.Total(), usec(50), usec(99), usec(99.9), usec(99.99), float64(t.Max)/1000, float64(t.MaxOwn)/1000)
	var levels []string
	t.Cumulative(func(nanos int64, count uint64) {
		levels = append(levels, fmt.Sprintf("%d=%d", (nanos+500)/1000, count))
	})
	w.Field("fr_turn_histogram", strings.Join(levels, ","))
}
