package lab

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/zeebo/xxh3"

	"frankenredis/kv"
	"frankenredis/recovery"
	"frankenredis/snapshot"
)

// place is where a key lies.
type place struct {
	db  int
	key string
}

// data is a data set of strings. Its sum is a fingerprint that is kept up with each change: the sum over all keys of the
// digest of place and value.
type data struct {
	keys map[place]string
	sum  uint64
}

func newData() *data { return &data{keys: make(map[place]string)} }

func (d *data) clone() *data { return &data{maps.Clone(d.keys), d.sum} }

func fingerprint(p place, value string) uint64 {
	return xxh3.HashString(strconv.Itoa(p.db) + "/" + strconv.Itoa(len(p.key)) + "/" + p.key + value)
}

func (d *data) set(p place, value string) {
	d.del(p)
	d.keys[p] = value
	d.sum += fingerprint(p, value)
}

func (d *data) del(p place) {
	if old, ok := d.keys[p]; ok {
		d.sum -= fingerprint(p, old)
		delete(d.keys, p)
	}
}

// apply runs one command.
func (d *data) apply(db int, args ...string) error {
	if len(args) < 2 {
		return fmt.Errorf("lab: command %q", args)
	}
	p := place{db, args[1]}
	switch {
	case args[0] == "SET" && len(args) == 3:
		d.set(p, args[2])
	case args[0] == "APPEND" && len(args) == 3:
		d.set(p, d.keys[p]+args[2])
	case args[0] == "DEL" && len(args) == 2:
		d.del(p)
	default:
		return fmt.Errorf("lab: command %q", args[0])
	}
	return nil
}

// load takes keys of a snapshot.
func (d *data) load(items []snapshot.Item) error {
	for _, it := range items {
		p, value := place{it.DB, string(it.Key)}, string(it.Value)
		if it.IsInt {
			value = strconv.FormatInt(it.Int, 10)
		}
		if _, twice := d.keys[p]; twice {
			return fmt.Errorf("lab: key %s occurs twice", it.Key)
		}
		d.set(p, value)
	}
	return nil
}

// replay takes commands of a log.
func (d *data) replay(batch []recovery.Command) error {
	for i, c := range batch {
		args := make([]string, len(c.Args))
		for j, a := range c.Args {
			args[j] = string(a)
		}
		if err := d.apply(c.DB, args...); err != nil {
			return &recovery.CommandError{Index: i, Err: err}
		}
	}
	return nil
}

// keyspace is the same data as the server holds it; close it.
func (d *data) keyspace() *kv.Keyspace {
	ks := kv.New(kv.Options{})
	for p, value := range d.keys {
		ks.DB(p.db).SetString([]byte(p.key), []byte(value), false)
	}
	return ks
}

// unit is what happens all or not at all: one command, or a transaction.
type unit struct {
	db   int
	cmds [][]string
}
