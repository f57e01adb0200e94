package recovery

import (
	"encoding/binary"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"frankenredis/snapshot"
	"frankenredis/snapshot/crc64"
)

func appendSum(b []byte) []byte { return binary.LittleEndian.AppendUint64(b, crc64.Checksum(b)) }

// What redis-server does with its RDB file, whole and damaged.
func TestSnapshotOnly(t *testing.T) {
	whole := rdb("k", "v")
	reseal := func(s string) string { return string(appendSum([]byte(s[:len(s)-8]))) }
	for _, c := range []struct {
		name, file, data, last, line string
	}{
		{name: "none"},
		{name: "whole", file: whole, data: "0/k=v", last: "* DB loaded from disk: 0.", line: "* Loading RDB produced by version 7.2.4\n"},
		{name: "more behind the end", file: whole + "more", data: "0/k=v", line: "* Done loading RDB, keys loaded: 1, keys expired: 0."},
		{name: "no checksum", file: whole[:len(whole)-8] + strings.Repeat("\x00", 8), data: "0/k=v", line: "# RDB file was saved with checksum disabled: no check performed."},
		{name: "cut", file: whole[:len(whole)-3], last: "# Terminating server after rdb file reading failure.", line: "# Short read or OOM loading DB. Unrecoverable error, aborting now."},
		{name: "changed, what next", file: strings.Replace(whole, "\x01v", "\x01w", 1), last: "# Terminating server after rdb file reading failure.",
			line: "dump.rdb' shows what can be read.\n# No sidecar covers it, so that it cannot be repaired: put a copy"},
		{name: "changed", file: strings.Replace(whole, "\x01v", "\x01w", 1), last: "# Terminating server after rdb file reading failure.", line: "RDB CRC error"},
		{name: "another file", file: "hello, world", last: "# Fatal error loading the DB, check server logs. Exiting.", line: "# Wrong signature trying to load DB from file"},
		{name: "newer version", file: "REDIS0099", last: "# Fatal error loading the DB, check server logs. Exiting.", line: "# Can't handle RDB format version"},
		{name: "too many databases", file: reseal(strings.Replace(whole, "\xfe\x00", "\xfe\x10", 1)), last: "# FATAL: Data file was created with a Redis server configured to handle more than 16 databases. Exiting"},
		{name: "a module's type", file: reseal(strings.Replace(whole, "\x00\x01k\x01v", "\x07\x01k\x00", 1)), last: "# Terminating server after rdb file reading failure.", line: "no matching module type 'AAAAAAAAA'"},
		{name: "module data", file: reseal(strings.Replace(whole, "\xfe\x00", "\xf7\x81\x12\x34\x56\x78\x9a\xbc\x04\x01\x02\x02\x00\xfe\x00", 1)), last: "# The RDB file contains AUX module data I can't load: no matching module 'EjRWeJq8B'"},
		{name: "a key twice", file: rdb("k", "v", "k", "w"), last: "# Can't load the RDB file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.file != "" {
				files(t, dir, map[string]string{"dump.rdb": c.file})
			}
			o := runBoot(t, dir, func(o *Options) { o.AOF = false })
			var r *Refusal
			switch {
			case c.data == "" && c.last != "":
				if !errors.As(o.err, &r) {
					t.Fatalf("%v\n%s", o.err, o.logs.text())
				}
			case o.err != nil || o.store.String() != c.data:
				t.Fatalf("%v, data %q\n%s", o.err, o.store, o.logs.text())
			}
			if !strings.HasPrefix(o.last(), c.last) || !strings.Contains(o.logs.text(), c.line) {
				t.Errorf("log:\n%s", o.logs.text())
			}
			if len(tree(t, dir)) > 1 {
				t.Errorf("files %v", tree(t, dir))
			}
		})
	}
}

func TestSnapshotExpiry(t *testing.T) {
	key := func(name string, ms uint64) string {
		return "\xfc" + string(binary.LittleEndian.AppendUint64(nil, ms)) + "\x00\x01" + name + "\x01v"
	}
	body := "REDIS0011\xfe\x00" + key("a", 1000) + key("b", 5000) + "\x00\x01c\x01v" + key("d", 999) + "\xff"
	file := string(appendSum([]byte(body)))
	now := func() time.Time { return time.UnixMilli(3000) }
	dir := t.TempDir()
	files(t, dir, map[string]string{"dump.rdb": file})
	var dropped []string
	o := runBoot(t, dir, func(o *Options) {
		o.AOF, o.Now = false, now
		o.DropExpired = func(items []snapshot.Item) error {
			for _, it := range items {
				dropped = append(dropped, string(it.Key))
			}
			return nil
		}
	})
	if o.err != nil || o.store.String() != "0/b=v 0/c=v" || o.res.Expired != 2 || o.res.Keys != 2 || strings.Join(dropped, "") != "ad" {
		t.Errorf("%v %q %+v %v", o.err, o.store, o.res, dropped)
	}
	if !strings.Contains(o.logs.text(), "keys loaded: 2, keys expired: 2.") {
		t.Error(o.logs.text())
	}
	if o = runBoot(t, dir, func(o *Options) { o.AOF, o.Now, o.KeepExpired = false, now, true }); len(o.store.keys) != 4 {
		t.Errorf("a replica keeps them: %q", o.store)
	}
	// I20: in the base of a log nothing expires by the clock.
	files(t, dir, map[string]string{aof + ".manifest": "file appendonly.aof.1.base.rdb seq 1 type b\n", aof + ".1.base.rdb": file})
	if o = runBoot(t, dir, func(o *Options) { o.Now = now }); len(o.store.keys) != 4 || o.res.Expired != 0 {
		t.Errorf("a base: %q", o.store)
	}
}

// A primary takes the snapshot's position as the end of its second history.
func TestSnapshotReplication(t *testing.T) {
	id := strings.Repeat("0123456789", 4)
	aux := "\xfa\x0erepl-stream-db\xc0\x00\xfa\x07repl-id\x28" + id + "\xfa\x0brepl-offset\xc1\xe8\x03"
	for _, c := range []struct {
		name, aux string
		id2       string
	}{{"position", aux, id}, {"no stream yet", strings.Replace(aux, "db\xc0\x00", "db\xc0\xff", 1), ""}, {"none", "", ""},
		{"malformed id", strings.Replace(aux, "0123", "xyz!", 1), ""}} {
		dir := t.TempDir()
		files(t, dir, map[string]string{"dump.rdb": string(appendSum([]byte("REDIS0011" + c.aux + "\xff")))})
		o := runBoot(t, dir, func(o *Options) { o.AOF = false })
		if o.err != nil || o.res.ID2.String() != c.id2 || c.id2 != "" && (o.res.End2 != 1000 || o.res.Position.LSN != 1000) {
			t.Errorf("%s: %v %+v", c.name, o.err, o.res)
		}
		if o.res.Position.ID.IsZero() || o.res.Position.ID == o.res.ID2 {
			t.Errorf("%s: id %s", c.name, o.res.Position.ID)
		}
	}
}

// A recovery that the server stops says nothing and changes nothing.
func TestStopped(t *testing.T) {
	f := stock(frame("SET", "b", "2") + "*1")
	f["dump.rdb"] = rdb("k", "v")
	stop := func([]snapshot.Item) error { return ErrStopped }
	for _, change := range []func(*Options){
		func(o *Options) { o.AOF, o.LoadItems = false, stop },
		func(o *Options) { o.LoadItems = stop },
		func(o *Options) { o.Apply = func([]Command) error { return ErrStopped } },
	} {
		dir := put(t, f)
		before := tree(t, dir)
		o := runBoot(t, dir, change)
		if !errors.Is(o.err, ErrStopped) || strings.Contains(o.logs.text(), "# ") || !maps.Equal(before, tree(t, dir)) {
			t.Errorf("%v\n%s", o.err, o.logs.text())
		}
	}
}
