package main

import (
	"time"

	"frankenredis/repl"
	"frankenredis/wire/cluster"
	"frankenredis/wire/engine"
)

// busHost is the server as the cluster's bus sees it. Executor only.
type busHost struct{ s *server }

var _ cluster.Host = busHost{}

// Settings implements cluster.Host.
func (h busHost) Settings() cluster.Settings {
	cfg := h.s.cfg
	return cluster.Settings{
		NodeTimeout:    time.Duration(cfg.Int("cluster-node-timeout")) * time.Millisecond,
		FullCoverage:   cfg.Bool("cluster-require-full-coverage"),
		TLS:            cfg.Bool("tls-cluster"),
		ReplicateTLS:   cfg.Bool("tls-replication"),
		AnnounceIP:     cfg.String("cluster-announce-ip"),
		LinkLimit:      cfg.Bytes("cluster-link-sendbuf-limit"),
		ValidityFactor: cfg.Int("cluster-replica-validity-factor"),
		NoFailover:     cfg.Bool("cluster-replica-no-failover"),
		Barrier:        cfg.Int("cluster-migration-barrier"),
		Migration:      cfg.Bool("cluster-allow-replica-migration"),
		PingEvery:      time.Duration(cfg.Int("cluster-ping-interval")) * time.Millisecond,
		PingReplicas:   time.Duration(cfg.Int("repl-ping-replica-period")) * time.Second,
	}
}

// Dial implements cluster.Host.
func (h busHost) Dial(l *cluster.Link, ip string, port int) { h.s.busServer.dial(l, ip, port) }

// End implements cluster.Host.
func (h busHost) End() uint64 { return uint64(h.s.eng.StreamEnd()) }

// Heard implements cluster.Host.
func (h busHost) Heard() (ago time.Duration, up bool) {
	r := &h.s.replica
	if f := r.follower; f != nil && f.reached == repl.PhaseConnected {
		return time.Since(f.link.Heard()), true
	}
	return time.Since(r.downSince), false // for ever, if the link never was up: nobody knows how old the data is
}

// Following implements cluster.Host.
func (h busHost) Following() (host string, port int) { return h.s.replica.host, h.s.replica.port }

// Follow implements cluster.Host.
func (h busHost) Follow(host string, port int) {
	if r := &h.s.replica; r.host != host || r.port != port {
		h.s.follow(host, port)
	}
}

// Promote implements cluster.Host.
func (h busHost) Promote() {
	if h.s.replica.host != "" {
		_ = h.s.promote(nil, func(*engine.Call) error { return nil }) // a failure ends the server
	}
}

// KeysIn implements cluster.Host.
func (h busHost) KeysIn(slot uint16) int { return h.s.ks.DB(0).SlotLen(slot) }

// Drop implements cluster.Host.
func (h busHost) Drop(slot uint16) { h.s.eng.DropSlot(slot) }

// SlotsLost implements cluster.Host.
func (h busHost) SlotsLost() { h.s.eng.DropShardChannels() }

// Publish implements cluster.Host.
func (h busHost) Publish(channel, payload []byte, shard bool) {
	if shard {
		h.s.eng.PubSub().PublishShard(channel, payload)
	} else {
		h.s.eng.PubSub().Publish(channel, payload)
	}
}

// PauseWrites implements cluster.Host.
func (h busHost) PauseWrites(until time.Time) {
	if until.IsZero() {
		h.s.eng.Unpause()
	} else {
		h.s.eng.Pause(until, false)
	}
}
