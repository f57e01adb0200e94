package lab

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	iofs "io/fs"
	"path/filepath"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"frankenredis/snapshot"
	"frankenredis/wal/disk"
)

// habit is something that an engine does wrong. Most are Redis's, each of which costs it a line in the table that this project
// began with.
type habit int

const (
	good          habit = iota
	earlyReply          // the reply leaves before the sync that it promised
	retriedSync         // a sync that failed is called again, and its success believed
	swallowedSync       // a sync that failed counts as done
	believes            // loads what it reads: no digest is looked at
	cutsDamage          // takes damage for a torn end, and cuts the log there, wherever that is
	inPlace             // rewrites its log in place
	unsyncedBase        // renames a new log into place that was not synced
	unsyncedName        // goes on in a new log whose name was not synced
	halves              // logs the commands of a transaction one by one
	boasts              // calls durable what was only written
	unsyncedSave        // renames a snapshot into place that was not synced
	habits
)

var habitNames = [habits]string{"good", "reply before sync", "failed sync retried", "failed sync swallowed", "no digests", "damage cut as a torn end",
	"rewrite in place", "base renamed unsynced", "rename without a synced folder", "transaction in pieces", "durable without a sync", "snapshot renamed unsynced"}

// book is a small engine of one file, to try the laboratory on: records of length, digest and a step, behind a header with the
// position of the first. A rewrite makes a new file of one record that holds everything.
type book struct {
	habit  habit
	always bool

	fs      disk.FS
	file    disk.File
	pos     int64 // bytes of the file
	base    int64 // position in the stream of the file's byte 0
	waiting []byte
	settled Promise // as published
	lock    io.Closer

	released, durable atomic.Uint64
}

const bookName = dataDir + "/book"

// page is what one record says.
type page struct {
	All  map[string]string `json:",omitempty"` // a whole state: keys as db/key
	DB   int               `json:",omitempty"`
	Cmds [][]string        `json:",omitempty"`
}

func appendPage(p []byte, q page) []byte {
	text, err := json.Marshal(q)
	if err != nil {
		panic(err) // strings only
	}
	p = binary.LittleEndian.AppendUint32(p, uint32(len(text)))
	p = binary.LittleEndian.AppendUint64(p, xxh3.Hash(text))
	return append(p, text...)
}

const pageHead = 12

var errPage = errors.New("lab: the book is damaged")

// read turns pages until one does not fit; it returns where that is.
func (b *book) read(p []byte, d *data) (end int64, err error) {
	at := 8
	for at+pageHead <= len(p) {
		n := int(binary.LittleEndian.Uint32(p[at:]))
		sum := binary.LittleEndian.Uint64(p[at+4:])
		if n > len(p)-at-pageHead {
			return int64(at), errPage
		}
		text := p[at+pageHead : at+pageHead+n]
		if b.habit != believes && xxh3.Hash(text) != sum {
			return int64(at), errPage
		}
		var q page
		if err := json.Unmarshal(text, &q); err != nil {
			return int64(at), errPage
		}
		for key, value := range q.All {
			d.set(place{int(key[0] - '0'), key[2:]}, value)
		}
		for _, c := range q.Cmds {
			if err := d.apply(q.DB, c...); err != nil {
				return int64(at), err
			}
		}
		at += pageHead + n
	}
	if at < len(p) {
		return int64(at), errPage
	}
	return int64(at), nil
}

func (b *book) Start(fs disk.FS, _ string) (*data, error) {
	b.fs, b.waiting = fs, nil
	d := newData()
	var err error
	if b.lock, err = fs.Lock(dataDir + "/lock"); err != nil {
		return nil, err
	}
	p, err := disk.ReadFile(fs, bookName, 1<<30)
	if errors.Is(err, iofs.ErrNotExist) {
		if err = b.newBook(0, nil); err != nil {
			return nil, err
		}
		b.publish(true)
		return d, nil
	}
	if err != nil || len(p) < 8 {
		return nil, errors.Join(errPage, err)
	}
	b.base = int64(binary.LittleEndian.Uint64(p))
	end, err := b.read(p, d)
	if err != nil && b.habit != cutsDamage && b.clean(p) {
		return nil, err
	}
	if b.file, err = fs.OpenReadWrite(bookName); err != nil {
		return nil, err
	}
	// What it read may be in the page cache only, and marked clean there: it is written once more.
	if err = b.file.Truncate(end); err == nil {
		_, err = b.file.WriteAt(p[:end], 0)
	}
	if err = errors.Join(err, b.file.Sync()); err != nil {
		return nil, err
	}
	b.pos = end
	b.publish(true)
	return d, errors.Join(fs.SyncDir(dataDir), b.mark(false))
}

// clean says that the server before stopped in order, with as many bytes: then there is no torn end. mark says so.
func (b *book) clean([]byte) bool {
	_, err := b.fs.Stat(bookName + ".clean")
	return err == nil
}

func (b *book) mark(clean bool) error {
	if !clean {
		if err := b.fs.Remove(bookName + ".clean"); err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
	} else if f, err := b.fs.Create(bookName + ".clean"); err != nil {
		return err
	} else if err := f.Close(); err != nil {
		return err
	}
	return b.fs.SyncDir(dataDir)
}

// newBook makes a file that begins at a position with what it holds, and goes on in it.
func (b *book) newBook(at int64, first []byte) error {
	p := append(binary.LittleEndian.AppendUint64(nil, uint64(at-8-int64(len(first)))), first...)
	temp := bookName + ".new"
	if b.habit == inPlace && b.file != nil {
		temp = bookName
	}
	f, err := b.fs.Create(temp)
	if err != nil {
		return err
	}
	if _, err = f.Write(p); err == nil && b.habit != unsyncedBase {
		err = f.Sync()
	}
	if err == nil && temp != bookName {
		err = b.fs.Rename(temp, bookName)
	}
	if err == nil && b.habit != unsyncedName {
		err = b.fs.SyncDir(dataDir)
	}
	if err != nil {
		return err
	}
	b.file, b.pos, b.base = f, int64(len(p)), at-8-int64(len(first))
	return nil
}

func (b *book) Commit(u unit) {
	if b.habit == halves {
		for _, c := range u.cmds {
			b.waiting = appendPage(b.waiting, page{DB: u.db, Cmds: [][]string{c}})
		}
		return
	}
	b.waiting = appendPage(b.waiting, page{DB: u.db, Cmds: u.cmds})
}

func (b *book) Settle() error {
	if b.habit == earlyReply {
		b.released.Store(b.End())
	}
	if len(b.waiting) > 0 {
		n, err := b.file.WriteAt(b.waiting, b.pos)
		if err != nil {
			return err
		}
		b.pos += int64(n)
		b.waiting = b.waiting[:0]
	}
	if b.habit == boasts {
		b.publish(true)
	}
	if !b.always {
		b.publish(false)
		return nil
	}
	err := b.file.SyncData()
	switch {
	case err != nil && b.habit == retriedSync:
		err = b.file.SyncData()
	case b.habit == swallowedSync:
		err = nil
	}
	if err == nil {
		b.publish(true)
	}
	return err
}

// publish releases everything; durable says that it is.
func (b *book) publish(durable bool) {
	if durable {
		b.durable.Store(b.End())
	}
	b.released.Store(b.End())
}

func (b *book) Rewrite(d *data) error {
	if err := b.Settle(); err != nil {
		return err
	}
	all := make(map[string]string)
	for p, value := range d.keys {
		all[string(rune('0'+p.db))+"/"+p.key] = value
	}
	old := b.file
	err := b.newBook(int64(b.End()), appendPage(nil, page{All: all}))
	if err == nil {
		b.publish(true)
		err = old.Close()
	}
	return err
}

func (b *book) Switch() error { return nil }

func (b *book) Save(d *data) error {
	fs := b.fs
	if b.habit == unsyncedSave {
		fs = unsynced{fs}
	}
	return save(fs, d, b.Settle, nil)
}

func (b *book) End() uint64 { return uint64(b.base + b.pos + int64(len(b.waiting))) }

func (b *book) Always() bool { return b.always }

func (b *book) Promised() Promise {
	durable := b.durable.Load()
	return Promise{Released: b.released.Load(), Durable: durable}
}

func (b *book) Stop() error {
	if b.file == nil || b.lock == nil {
		return nil
	}
	lock := b.lock
	b.lock = nil
	err := b.Settle()
	if err == nil {
		err = b.file.Sync()
	}
	if err == nil {
		b.publish(true)
		err = b.mark(true)
	}
	return errors.Join(err, b.file.Close(), lock.Close())
}

// unsynced is a disk whose files do not sync.
type unsynced struct{ disk.FS }

type unsyncedFile struct{ disk.File }

func (f unsyncedFile) Sync() error     { return nil }
func (f unsyncedFile) SyncData() error { return nil }

func (u unsynced) Create(name string) (disk.File, error) {
	f, err := u.FS.Create(name)
	return unsyncedFile{f}, err
}

// save writes the snapshot of d that lies beside the log. change, unless it is nil, changes how.
func save(fs disk.FS, d *data, publish func() error, change func(o *snapshot.SaveOptions)) error {
	ks := d.keyspace()
	defer ks.Close()
	frozen := ks.Freeze()
	defer frozen.Close()
	o := snapshot.SaveOptions{FS: fs, Dir: dataDir, Name: filepath.Base(dumpRDB), Publish: publish}
	if change != nil {
		change(&o)
	}
	_, err := snapshot.WriteFile(o, frozen, snapshot.Meta{})
	return err
}
