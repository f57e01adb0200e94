package kv

import (
	"time"

	"frankenredis/kv/arena"
)

// Random deletions leave pages with little in them. Defrag moves what is left together, in passes of three parts: the arena
// says which slabs it would like to be rid of (Arena.Survey), a walk over everything moves what lies in them, and the arena takes
// back what is left. A pass goes on in slices between commands, and its place in the walk survives whatever these do. It
// rests while a view is open, for which every move would cost a copy.
//
// The walk comes past each entry through its database's table. A collection of many elements, or a long string, is put
// aside and walked piece by piece before the next entries.

// defragStage is a part of a pass.
type defragStage uint8

const (
	defragIdle defragStage = iota
	defragSurvey
	defragKeys     // the entries of a database, and its table
	defragVolatile // its table of volatile keys
	defragSlots    // its tree of slots
	defragSettle
)

const (
	// defragPages is how many pages' records the arena looks at in one step.
	defragPages = 1024
	// defragStep is how many elements of a large collection are walked in one step, or chunks of a long string.
	defragStep = 64
)

// defrag is how far a pass has come.
type defrag struct {
	stage  defragStage
	db     int
	cursor uint64
	tree   tablePlace // in the tree of slots
	fields int        // the most elements that are walked along with their key

	later []string   // keys of the database whose values are still to be walked
	at    tablePlace // in the value of the first of them
	moved int64      // of that value, blocks

	keyHits, keyMisses int64
}

// DefragStats are INFO's active_defrag_hits and its like: blocks that were moved and that were looked at and left, and keys of
// which something was moved and of which nothing was.
type DefragStats struct{ Hits, Misses, KeyHits, KeyMisses int64 }

// DefragStats are the counts since the last ResetDefragStats.
func (ks *Keyspace) DefragStats() DefragStats {
	hits, misses := ks.a.Moves()
	return DefragStats{hits, misses, ks.defrag.keyHits, ks.defrag.keyMisses}
}

// ResetDefragStats sets DefragStats back to zero, for CONFIG RESETSTAT.
func (ks *Keyspace) ResetDefragStats() {
	ks.a.ResetMoves()
	ks.defrag.keyHits, ks.defrag.keyMisses = 0, 0
}

// Defrag begins a pass or goes on with one, for about the given time, and reports whether there is more of it. Collections of more
// than fields elements are walked piece by piece. It must not be called within a command.
func (ks *Keyspace) Defrag(budget time.Duration, fields int) (more bool) {
	if ks.editing {
		panic("kv: Defrag within an edit")
	}
	if ks.a.Views() > 0 {
		return true
	}
	ks.defrag.fields = fields
	for start := time.Now(); ; {
		if ks.defragNext() {
			return false
		}
		if time.Since(start) >= budget {
			return true
		}
	}
}

// StopDefrag makes a pass that is under way end with the next calls of Defrag.
func (ks *Keyspace) StopDefrag() {
	if d := &ks.defrag; d.stage != defragIdle {
		d.enter(defragSettle)
	}
}

func (d *defrag) enter(s defragStage) {
	d.stage, d.cursor, d.later, d.at, d.moved, d.tree = s, 0, nil, tablePlace{}, 0, tablePlace{}
}

// defragNext does one step and reports whether that was the last of the pass.
func (ks *Keyspace) defragNext() (done bool) {
	d := &ks.defrag
	db := ks.dbs[d.db%len(ks.dbs)]
	switch d.stage {
	case defragIdle:
		d.db = 0
		d.enter(defragSurvey)
	case defragSurvey:
		if pages, done := ks.a.Survey(defragPages); done && pages == 0 {
			d.enter(defragIdle)
			return true
		} else if done {
			d.enter(defragKeys)
		}
	case defragKeys:
		if len(d.later) > 0 {
			db.moveLater()
			return false
		}
		if d.cursor = db.keys.Move(d.cursor, db.moveEntry); d.cursor == 0 && len(d.later) == 0 {
			d.enter(defragVolatile)
		} else if d.cursor == 0 {
			d.cursor = lastPlace
		}
	case defragVolatile:
		if d.cursor = db.volatile.Move(d.cursor, stay); d.cursor == 0 {
			d.enter(defragSlots)
		}
	case defragSlots:
		if db.slots != 0 && !moveTree(db.slotTree(), &d.tree, defragStep, stayItem) {
			return false
		}
		if d.db++; d.db < len(ks.dbs) {
			d.enter(defragKeys)
		} else {
			d.enter(defragSettle)
		}
	case defragSettle:
		if ks.a.Settle(defragPages) {
			d.enter(defragIdle)
			return true
		}
	}
	return false
}

// lastPlace is a cursor at the end of a table: the walk is over but for what was put aside.
const lastPlace = 1<<48 - 1

// moveEntry moves an entry and what hangs on it, or puts that aside when it is much, and returns the entry's place.
func (db *DB) moveEntry(r arena.Ref) arena.Ref {
	ks := db.ks
	d := &ks.defrag
	c := cell{r, head(ks.a.Load64(r))}
	before, _ := ks.a.Moves()
	if c.h.bigKey() {
		ks.moveBlob(word(r, c.h.keyWord()), lazyThreshold)
	}
	aside := false
	switch {
	case c.h.bigValue():
		aside = !ks.moveBlob(word(r, c.h.valueWord()), lazyThreshold)
	case c.h.isTable():
		t := c.table(ks.a)
		if aside = tableKinds[c.h.typ()].effort(ks, t) > d.fields; !aside {
			for at := (tablePlace{}); !db.moveTable(c, &at); {
			}
		}
	}
	n := ks.a.Move(r)
	if n != r {
		if c.h.volatile() {
			db.volatile.Replace(ks.hashEntry(ks.a, n), r, n)
		}
		db.slotMoved(r, cell{n, c.h})
	}
	if aside {
		d.later = append(d.later, string(cell{n, c.h}.key(ks.a)))
	} else {
		d.count(ks, before)
	}
	return n
}

// count counts a key of which all blocks have been looked at.
func (d *defrag) count(ks *Keyspace, before int64) {
	if hits, _ := ks.a.Moves(); hits > before {
		d.keyHits++
	} else {
		d.keyMisses++
	}
}

// moveTable moves a part of an entry's table and reports whether that was the last.
func (db *DB) moveTable(c cell, at *tablePlace) (done bool) {
	a := db.ks.a
	was := c.table(a)
	t := was
	done = tableKinds[c.h.typ()].move(db.ks, &t, at, defragStep)
	if t != was {
		b := a.Mut(word(c.ref, c.h.valueWord()), 8*tableWords)
		for i, w := range t.words() {
			putWord(b, i, w)
		}
	}
	return done
}

// moveLater goes on with the first value that was put aside.
func (db *DB) moveLater() {
	ks := db.ks
	d := &ks.defrag
	before, _ := ks.a.Moves()
	done := true
	if _, r, h := db.find([]byte(d.later[0])); r != 0 {
		c := cell{r, h}
		switch {
		case h.isTable():
			done = db.moveTable(c, &d.at)
		case h.bigValue():
			n := chunks(c.blob(ks.a).size)
			from := min(int(d.at.pos), n)
			ks.moveChunks(word(r, h.valueWord()), from, from+defragStep)
			d.at.pos += defragStep
			done = from+defragStep >= n
		}
	}
	hits, _ := ks.a.Moves()
	d.moved += hits - before
	if done {
		d.count(ks, hits-d.moved)
		d.later, d.at, d.moved = d.later[1:], tablePlace{}, 0
	}
}
