package command

import (
	"errors"
	"math"

	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wire/engine"
)

var dumpCommands = []engine.Spec{
	{Name: "dump", Arity: 2, Flags: engine.ReadOnly, Categories: engine.CatKeyspace,
		Keys:    []engine.KeySpec{{Flags: engine.KeyRO | engine.KeyAccess, Index: 1}},
		Tips:    []string{"nondeterministic_output"},
		Handler: dumpCommand},
	{Name: "restore", Arity: -4, Flags: engine.Write | engine.DenyOOM, Categories: engine.CatKeyspace | engine.CatDangerous,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}},
		Handler: restoreCommand},
	{Name: "restore-asking", Arity: -4, Flags: engine.Write | engine.DenyOOM | engine.Asking, Categories: engine.CatKeyspace | engine.CatDangerous,
		Keys:    []engine.KeySpec{{Flags: engine.KeyOW | engine.KeyUpdate, Index: 1}},
		Handler: restoreCommand},
}

func dumpCommand(c *engine.Call) error {
	e, found := c.LookupRead(c.Args[1])
	if !found {
		c.W.Null()
		return nil
	}
	c.W.Bulk(snapshot.AppendDump(nil, e, c.E.Config().Bool("rdbcompression")))
	return nil
}

// restoreOptions are the options of RESTORE.
type restoreOptions struct {
	replace, absolute bool
	idle, freq        int64 // -1: not given
}

func parseRestoreOptions(c *engine.Call) (o restoreOptions, err error) {
	o.idle, o.freq = -1, -1
	args := c.Args
	for i := 4; i < len(args); i++ {
		next := i+1 < len(args)
		switch {
		case is(args[i], "REPLACE"):
			o.replace = true
		case is(args[i], "ABSTTL"):
			o.absolute = true
		case is(args[i], "IDLETIME") && next && o.freq == -1:
			i++
			if o.idle, err = integer(args[i]); err != nil {
				return o, err
			}
			if o.idle < 0 {
				return o, engine.ReplyError("ERR Invalid IDLETIME value, must be >= 0")
			}
		case is(args[i], "FREQ") && next && o.idle == -1:
			i++
			if o.freq, err = integer(args[i]); err != nil {
				return o, err
			}
			if o.freq < 0 || o.freq > math.MaxUint8 {
				return o, engine.ReplyError("ERR Invalid FREQ value, must be >= 0 and <= 255")
			}
		default:
			return o, engine.ErrSyntax
		}
	}
	return o, nil
}

func restoreCommand(c *engine.Call) error {
	key, payload := c.Args[1], c.Args[3]
	o, err := parseRestoreOptions(c)
	if err != nil {
		return err
	}
	_, there := c.LookupWrite(key)
	if there && !o.replace {
		return engine.ReplyError("BUSYKEY Target key name already exists.")
	}
	ttl, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	if ttl < 0 {
		return engine.ReplyError("ERR Invalid TTL value, must be >= 0")
	}
	items, err := snapshot.ParseDump(payload, snapshot.Options{
		MaxString: c.E.Config().Live.ProtoMaxBulkLen, SkipChecksum: c.E.Debug().SkipChecksums,
	})
	if errors.Is(err, snapshot.ErrDumpFooter) {
		return engine.ReplyError("ERR DUMP payload version or checksum are wrong")
	}
	if err != nil {
		c.E.Logger().Warn("Bad data format in RESTORE: " + err.Error())
		return errBadData
	}
	const firstPacked = 9 // of RDB's types: those below are written element by element
	if payload[0] >= firstPacked {
		c.E.Stats().Sanitized++
	}
	if ttl > 0 && !o.absolute {
		if ttl > math.MaxInt64-int64(c.Now) {
			return engine.ReplyError("ERR Invalid TTL value, must be >= 0")
		}
		ttl += int64(c.Now)
	}
	if ttl > 0 && alreadyExpired(c, kv.Millis(ttl)) {
		if there {
			deleteExpired(c, key)
		}
		c.W.OK()
		return nil
	}
	if there {
		c.DB.Delete(key)
	}
	if err := restore(c, key, items, o, ttl); err != nil {
		c.E.Logger().Warn("Bad data format in RESTORE: " + err.Error())
		return errBadData
	}
	if ttl > 0 && !o.absolute {
		argv := append([][]byte(nil), c.Args...)
		argv[2] = decimal(ttl)
		c.Replace(append(argv, []byte("ABSTTL"))...)
	}
	c.Dirty(1)
	c.Notify('g', "restore", key)
	c.W.OK()
	return nil
}

const errBadData = engine.ReplyError("ERR Bad data format")

// restore stores a value. What is found wrong with it only now leaves no key behind.
func restore(c *engine.Call, key []byte, items []snapshot.Item, o restoreOptions, ttl int64) error {
	if ttl == 0 {
		ttl = snapshot.NoExpiry
	}
	for i := range items {
		it := &items[i]
		if it.Coll != nil && it.Coll.Empty {
			return errBadData
		}
		if i == len(items)-1 {
			// One of the two counts: the one that the policy keeps.
			if !lfuPolicy(c) {
				it.Idle = min(o.idle, math.MaxInt64/1000)
			} else {
				it.Freq = int(o.freq)
			}
		}
		if err := it.Store(c.DB, key, ttl); err != nil {
			c.DB.Delete(key)
			return err
		}
	}
	return nil
}
