package command

import (
	"context"
	"crypto/tls"
	"math"
	"time"

	"frankenredis/snapshot"
	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

// migrateCommands makes the row of MIGRATE with the connections it keeps.
func migrateCommands() []engine.Spec {
	m := &migrator{links: make(map[string]*migrateLink)}
	return []engine.Spec{
		{Name: "migrate", Arity: -6, Flags: engine.Write | engine.MovableKeys, Categories: engine.CatKeyspace | engine.CatDangerous,
			Keys: []engine.KeySpec{{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete, Index: 3},
				{Flags: engine.KeyRW | engine.KeyAccess | engine.KeyDelete | engine.KeyIncomplete, Keyword: "KEYS", StartFrom: -2, Last: -1}},
			GetKeys: migrateKeys,
			Tips:    []string{"nondeterministic_output"},
			Handler: m.command},
	}
}

// migrator keeps the connections to other servers, by host and port. It is the executor's; during a dialogue its link is the
// dialogue's.
type migrator struct {
	links    map[string]*migrateLink
	sweeping bool
}

const (
	maxMigrateLinks = 64               // with more, any one is closed
	migrateLinkLife = 10 * time.Second // unused
)

// migration is one call of MIGRATE.
type migration struct {
	host, port     string
	db             int64
	secured        *tls.Config   // what the target is spoken to with; nil: without TLS
	timeout        time.Duration // of each step of the dialogue
	copy, replace  bool
	auth           [][]byte // the words of AUTH; nil: none
	secrets        []int    // where they stand in the arguments
	keys           [][]byte // that exist
	restores       []byte   // a RESTORE of each
	link           *migrateLink
	acknowledged   int // the restores answered, of which those that failed:
	failed         []bool
	targetError    string // the first error the target replied, with its '-'
	connectionLost migrateFailure
}

func parseMigration(c *engine.Call) (m *migration, keys [][]byte, err error) {
	args := c.Args
	m = &migration{host: shown(args[1]), port: shown(args[2]), secured: c.E.ClusterTLS()}
	keys = args[3:4]
options:
	for i := 6; i < len(args); i++ {
		left := len(args) - 1 - i
		switch a := args[i]; {
		case is(a, "COPY"):
			m.copy = true
		case is(a, "REPLACE"):
			m.replace = true
		case is(a, "AUTH") && left >= 1:
			m.auth = [][]byte{wordAuth, args[i+1]}
			m.hide(c, i+1)
			i++
		case is(a, "AUTH2") && left >= 2:
			m.auth = [][]byte{wordAuth, args[i+1], args[i+2]}
			m.hide(c, i+1)
			m.hide(c, i+2)
			i += 2
		case is(a, "KEYS"):
			if len(args[3]) > 0 {
				return nil, nil, engine.ReplyError("ERR When using MIGRATE KEYS option, the key argument must be set to the empty string")
			}
			keys = args[i+1:]
			break options
		default:
			return nil, nil, engine.ErrSyntax
		}
	}
	ms, err := integer(args[5])
	if err != nil {
		return nil, nil, err
	}
	if m.db, err = integer(args[4]); err != nil {
		return nil, nil, err
	}
	if ms <= 0 {
		ms = 1000
	}
	m.timeout = time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
	// The arguments are good during this call only, and the words of AUTH are for the dialogue.
	for i, word := range m.auth {
		m.auth[i] = append([]byte(nil), word...)
	}
	return m, keys, nil
}

// hide keeps a password from those who are shown commands.
func (m *migration) hide(c *engine.Call, i int) {
	m.secrets = append(m.secrets, i)
	c.Redact(i)
}

var (
	wordAuth          = []byte("AUTH")
	wordSelect        = []byte("SELECT")
	wordRestore       = []byte("RESTORE")
	wordRestoreAsking = []byte("RESTORE-ASKING")
	wordReplace       = []byte("REPLACE")
)

func (mg *migrator) command(c *engine.Call) error {
	m, keys, err := parseMigration(c)
	if err != nil {
		return err
	}
	if !c.CanHold() {
		return engine.ReplyError("ERR MIGRATE cannot be called from here")
	}
	compress := c.E.Config().Bool("rdbcompression")
	word := wordRestore
	if c.E.Cluster() != nil {
		word = wordRestoreAsking // the other node is still importing the slot
	}
	for _, key := range keys {
		e, found := c.LookupRead(key)
		if !found {
			continue
		}
		ttl := int64(0)
		if at, volatile := e.Expire(); volatile {
			ttl = max(int64(at-c.Now), 1)
		}
		argv := [][]byte{word, key, decimal(ttl), snapshot.AppendDump(nil, e, compress), wordReplace}
		if !m.replace {
			argv = argv[:4]
		}
		m.restores = resp.AppendCommand(m.restores, argv...)
		m.keys = append(m.keys, append([]byte(nil), key...))
	}
	if len(m.keys) == 0 {
		c.W.Simple("NOKEY")
		return nil
	}
	m.failed = make([]bool, len(m.keys))
	name := m.host + ":" + m.port
	m.link = mg.links[name]
	delete(mg.links, name)
	c.Hold(func(ctx context.Context) { m.run(ctx) }, func(c *engine.Call) error {
		for _, i := range m.secrets {
			c.Redact(i)
		}
		if m.link != nil {
			mg.keep(c.E, name, m.link)
		}
		return m.finish(c)
	})
	return nil
}

// finish removes the keys that the target took, and answers.
func (m *migration) finish(c *engine.Call) error {
	if !m.copy {
		effect := [][]byte{wordDel}
		for i, key := range m.keys[:m.acknowledged] {
			if m.failed[i] {
				continue
			}
			c.DB.DeleteAny(key)
			c.Notify('g', "del", key)
			c.Dirty(1)
			effect = append(effect, key)
		}
		if len(effect) > 1 {
			c.Replace(effect...)
		}
	}
	switch {
	case m.targetError != "":
		return engine.ReplyError("ERR Target instance replied with error: " + shown([]byte(m.targetError[1:])))
	case m.connectionLost != "":
		return engine.ReplyError("IOERR error or timeout " + string(m.connectionLost))
	}
	c.W.OK()
	return nil
}

// keep keeps a connection for the next call.
func (mg *migrator) keep(e *engine.Engine, name string, l *migrateLink) {
	if len(mg.links) >= maxMigrateLinks {
		for other, old := range mg.links {
			old.close()
			delete(mg.links, other)
			break
		}
	}
	l.used = time.Now()
	mg.links[name] = l
	if !mg.sweeping {
		mg.sweeping = true
		mg.sweepLater(e)
	}
}

// sweepLater closes what is unused for too long, once a second as long as there is a connection.
func (mg *migrator) sweepLater(e *engine.Engine) {
	e.After(time.Second, func() {
		for name, l := range mg.links {
			if time.Since(l.used) > migrateLinkLife {
				l.close()
				delete(mg.links, name)
			}
		}
		if mg.sweeping = len(mg.links) > 0; mg.sweeping {
			mg.sweepLater(e)
		}
	})
}

// migrateKeys finds the keys behind KEYS when that is no password. With a key in the usual place besides, the command is an error
// and has no keys.
func migrateKeys(argv [][]byte) ([]engine.KeyRef, bool) {
	const flags = engine.KeyRW | engine.KeyAccess | engine.KeyDelete
	for i := 6; i < len(argv); i++ {
		switch a := argv[i]; {
		case is(a, "AUTH"):
			i++
		case is(a, "AUTH2"):
			i += 2
		case is(a, "KEYS"):
			if len(argv[3]) > 0 {
				return nil, false
			}
			var keys []engine.KeyRef
			for p := i + 1; p < len(argv); p++ {
				keys = append(keys, engine.KeyRef{Pos: p, Flags: flags})
			}
			return keys, true
		}
	}
	return []engine.KeyRef{{Pos: 3, Flags: flags}}, true
}
