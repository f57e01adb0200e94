package sentinel

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
)

// HelloChannel is where Sentinels tell of themselves, at each server they watch.
const HelloChannel = "__sentinel__:hello"

// Times are the periods that SENTINEL DEBUG shows and sets, in milliseconds.
type Times struct {
	InfoPeriod, PingPeriod, AskPeriod, PublishPeriod Millis
	DefaultDownAfter, DefaultFailoverTimeout         Millis
	TiltTrigger, TiltPeriod                          Millis
	ReconfTimeout, ReconnectPeriod, ElectionTimeout  Millis
	ScriptMaxRuntime, ScriptRetryDelay               Millis
}

func defaultTimes() Times {
	return Times{InfoPeriod: 10000, PingPeriod: 1000, AskPeriod: 1000, PublishPeriod: 2000,
		DefaultDownAfter: 30000, DefaultFailoverTimeout: 180000, TiltTrigger: 2000, TiltPeriod: 30000,
		ReconfTimeout: 10000, ReconnectPeriod: 15000, ElectionTimeout: 10000, ScriptMaxRuntime: 60000, ScriptRetryDelay: 30000}
}

// maxDesync bounds the random delay, in milliseconds, that keeps Sentinels from being candidates at the same time.
const maxDesync = 1000

// Sentinel is the state machine. Executor only.
type Sentinel struct {
	world World
	times Times

	// id is 40 hexadecimal digits; it is this Sentinel's name to the others and its name as a leader.
	id    string
	epoch uint64
	// unsaved says that the last save failed: what changed since is not durable, so nothing may rest on it.
	unsaved bool
	savedAt Millis // when a save was last tried

	primaries []*Primary // in order of being named

	announceIP    string
	announcePort  int // 0: the port it listens on
	resolveNames  bool
	announceNames bool
	denyScripts   bool   // SENTINEL SET changes no scripts
	peerUser      string // how this Sentinel logs in at others
	peerPass      string

	previous  Millis // of the last Tick; 0: none
	tilt      bool
	tiltSince Millis

	crashElected, crashPromoted bool // SENTINEL SIMULATE-FAILURE
	scripts                     []*script
}

// New returns a Sentinel that watches nothing yet. Load fills it, Begin lets it act.
func New(w World) *Sentinel {
	return &Sentinel{world: w, times: defaultTimes(), denyScripts: true}
}

// ID is this Sentinel's id, "" before Begin if the configuration named none.
func (s *Sentinel) ID() string { return s.id }

// Begin takes up work after Load: an id is made if there is none, and the state saved. The error is Save's: without a
// durable id nothing can begin.
func (s *Sentinel) Begin() error {
	if s.id == "" {
		var b [20]byte
		_, _ = rand.Read(b[:]) // it never fails
		s.id = hex.EncodeToString(b[:])
		if err := s.save(); err != nil {
			return err
		}
	}
	s.log(Notice, "Sentinel ID is "+s.id)
	for _, p := range s.primaries {
		s.event(Warning, "+monitor", &p.node, " quorum "+strconv.Itoa(p.quorum))
	}
	return nil
}

// Tick does what is due. It is to be called about ten times a second, at intervals that differ a little from Sentinel to
// Sentinel.
func (s *Sentinel) Tick() {
	s.checkTilt()
	if s.unsaved && s.now()-s.savedAt >= 1000 {
		_ = s.save() // tried again until it succeeds; the log says that it failed
	}
	// A primary may be switched, not removed, while it is looked at.
	for _, p := range s.primaries {
		s.tendNode(&p.node)
		s.tendPrimary(p)
		for _, r := range p.replicas {
			s.tendNode(&r.node)
		}
		for _, q := range p.peers {
			s.tendNode(&q.node)
		}
		if p.state == stateUpdateConfig {
			s.switchToPromoted(p)
		}
	}
	s.tendScripts()
}

func (s *Sentinel) tendNode(n *node) {
	s.reconnect(n)
	s.sendPeriodic(n)
	if !s.tilt {
		s.checkSubjectivelyDown(n)
	}
}

func (s *Sentinel) tendPrimary(p *Primary) {
	if s.tilt {
		return
	}
	s.checkObjectivelyDown(p)
	if s.startFailoverIfNeeded(p) {
		s.askOthers(p, true)
	}
	s.failoverStep(p)
	s.askOthers(p, false)
}

// save makes the present state durable.
func (s *Sentinel) save() error {
	s.savedAt = s.now()
	err := s.world.Save(s.Lines(), s.UsualLines())
	s.unsaved = err != nil
	if err != nil {
		s.log(Warning, "WARNING: Sentinel was not able to save the new configuration on disk!!!: "+err.Error())
		return err
	}
	s.log(Notice, "Sentinel new configuration saved on disk")
	return nil
}

// Flush is SENTINEL FLUSHCONFIG.
func (s *Sentinel) Flush() error { return s.save() }

func (s *Sentinel) now() Millis { return s.world.Now() }

func (s *Sentinel) log(level Level, text string) { s.world.Log(level, text) }

// find returns the primary of that name, or nil.
func (s *Sentinel) find(name string) *Primary {
	for _, p := range s.primaries {
		if p.name == name {
			return p
		}
	}
	return nil
}

// adoptEpoch takes over a larger epoch that was heard of in matters of p. It says whether anything changed; saving is the caller's.
func (s *Sentinel) adoptEpoch(p *Primary, epoch uint64) bool {
	if epoch <= s.epoch {
		return false
	}
	s.epoch = epoch
	s.tell(Warning, "+new-epoch", fmt.Sprint(epoch), p)
	return true
}
