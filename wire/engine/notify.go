package engine

import (
	"strconv"

	"frankenredis/kv"
)

// followEvents makes the keyspace tell of new keys while somebody wants to hear of them.
func (e *Engine) followEvents() {
	e.ks.Hooks.Added = func(db *kv.DB, key []byte) {
		if !e.loading {
			e.Notify('n', "new", db.ID(), key)
		}
	}
	apply := func() error {
		e.ks.Announce = e.cfg.Live.Events.Has('n')
		return nil
	}
	e.cfg.OnApply("notify-keyspace-events", apply)
	_ = apply()
}

// Notify publishes a keyspace event of the given class, a letter of notify-keyspace-events, when that asks for it.
func (e *Engine) Notify(class byte, event string, db int, key []byte) {
	if e.cfg.Live.Events != 0 {
		e.notify(class, event, db, key)
	}
}

func (e *Engine) notify(class byte, event string, db int, key []byte) {
	asked := e.cfg.Live.Events
	if !asked.Has(class) || !e.hub.Listening() {
		return
	}
	if asked.Has('K') {
		name := appendEventPrefix(e.eventName[:0], "__keyspace@", db)
		e.eventName = append(name, key...)
		e.hub.Publish(e.eventName, []byte(event))
	}
	if asked.Has('E') {
		name := appendEventPrefix(e.eventName[:0], "__keyevent@", db)
		e.eventName = append(name, event...)
		e.hub.Publish(e.eventName, key)
	}
	if cap(e.eventName) > maxIdleUnit {
		e.eventName = nil
	}
}

func appendEventPrefix(dst []byte, kind string, db int) []byte {
	dst = append(dst, kind...)
	dst = strconv.AppendInt(dst, int64(db), 10)
	return append(dst, "__:"...)
}
