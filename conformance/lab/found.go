package lab

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/wal"
)

// What a start, or somebody who repairs, may find: each function leaves a disk like that, and no server.

// covered is a server that stopped with a base and an increment, both covered.
func covered(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	if err := rewritten(l); err != nil {
		return err
	}
	return l.stop()
}

// eachData does something bad to each base and increment.
func (l *life) eachData(do func(name string, content []byte)) {
	tree := l.disk.Tree()
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if filepath.Dir(name) == logDir && isData(name) && tree[name] != "" {
			l.hurt = append(l.hurt, name)
			do(name, []byte(tree[name]))
		}
	}
}

// wound damages bytes of the base and of the increment, which are covered. What stands there is kept.
func wound(l *life) error {
	if err := covered(l); err != nil {
		return err
	}
	l.eachData(func(name string, p []byte) {
		at := len(p) / 2
		copy(p[at:], "wound")
		l.keep = append(l.keep, string(p[at:min(at+20, len(p))]))
		l.disk.Put(name, string(p))
	})
	return nil
}

// cutShort takes away the second half of the base and of the increment.
func cutShort(l *life) error {
	if err := covered(l); err != nil {
		return err
	}
	l.eachData(func(name string, p []byte) { l.disk.Put(name, string(p[:len(p)/2])) })
	return nil
}

// woundedAndCut is both: bytes are damaged, and the second half of each file is gone.
func woundedAndCut(l *life) error {
	if err := covered(l); err != nil {
		return err
	}
	l.eachData(func(name string, p []byte) {
		p = p[:len(p)/2]
		at := len(p) / 2
		copy(p[at:], "wound")
		l.keep = append(l.keep, string(p[at:min(at+20, len(p))]))
		l.disk.Put(name, string(p))
	})
	return nil
}

// bereft lacks the base and the increment.
func bereft(l *life) error {
	if err := covered(l); err != nil {
		return err
	}
	var err error
	l.eachData(func(name string, _ []byte) { err = errors.Join(err, l.disk.Remove(name)) })
	return errors.Join(err, l.disk.SyncDir(logDir))
}

// uncatalogued lacks the catalog of the sidecars.
func uncatalogued(l *life) error {
	if err := covered(l); err != nil {
		return err
	}
	dir := filepath.Join(dataDir, heal.Folder)
	for i := range 3 {
		if err := l.disk.Remove(filepath.Join(dir, fmt.Sprintf("catalog.%d", i))); err != nil {
			return err
		}
	}
	return l.disk.SyncDir(dir)
}

// put makes a file and syncs nothing.
func (l *life) put(name, content string) error {
	f, err := l.disk.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(content))
	return errors.Join(err, f.Close())
}

// overgrown is a covered file of no server's to which somebody has appended.
func overgrown(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	if err := putThere(l); err != nil {
		return err
	}
	if err := l.stop(); err != nil {
		return err
	}
	const more = "user somebody on allkeys allcommands"
	l.disk.Put(aclFile, l.disk.Tree()[aclFile]+more)
	l.keep, l.hurt = append(l.keep, more), append(l.hurt, aclFile)
	return nil
}

// struckOut is a line of a text that somebody has struck out.
const struckOut = "user struckout on nopass ~* +@all\n"

// edited has a covered text that was changed since the server stopped. Of one as long as this the sidecar has nothing but parity.
func edited(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	const before = "user nobody off nopass resetkeys -@all\n"
	if err := putText(l, strings.Repeat(before, 900)+struckOut+strings.Repeat(before, 900)); err != nil {
		return err
	}
	if err := l.stop(); err != nil {
		return err
	}
	l.disk.Put(aclFile, strings.Repeat(before, 1800))
	return nil
}

// strewn has sidecars and parts of them that attempts left behind when they were cut short.
func strewn(l *life) error {
	if err := covered(l); err != nil {
		return err
	}
	for _, name := range strays {
		l.disk.Put(name, "half a sidecar")
	}
	l.crashed = true
	return nil
}

// strays lie in the folder of sidecars, and no catalog names them.
var strays = []string{
	filepath.Join(dataDir, heal.Folder, "catalog.1.tmp"),
	filepath.Join(dataDir, heal.Folder, "appendonlydir%2F"+wal.BaseName(logName, 2, false)+".99.rs.tmp"),
	filepath.Join(dataDir, heal.Folder, "appendonlydir%2F"+wal.IncrName(logName, 77)+".1.rs"),
}

// unmarked is a server with a ring that was killed, whose watermark is gone.
func unmarked(l *life) error {
	if _, err := l.start(); err != nil {
		return err
	}
	l.awaitRing(5000)
	if err := l.write(4); err != nil {
		return err
	}
	l.die(-1)
	return errors.Join(l.disk.Remove(filepath.Join(logDir, wal.WatermarkName(logName))), l.disk.SyncDir(logDir))
}

// torn ends within a command, and has an increment that was never named.
func torn(l *life) error {
	if err := killed(l); err != nil {
		return err
	}
	name := filepath.Join(logDir, wal.IncrName(logName, 1))
	const end, unnamed = "*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$9\r\nend", "*3\r\n$3\r\nSET\r\n$7\r\nunnamed\r\n$1\r\nx\r\n"
	l.disk.Put(name, l.disk.Tree()[name]+end)
	l.disk.Put(filepath.Join(logDir, wal.IncrName(logName, 7)), unnamed)
	l.keep = append(l.keep, end, unnamed)
	return nil
}

// halfMended is a server whose machine died, after everything had reached the disk, while it overcame an I/O error, before it cut the increment that the error had spoiled.
func halfMended(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	name := wal.IncrName(logName, 1)
	l.shootOnce(func(e crashfs.Event) bool { return e.Op == crashfs.Truncate && filepath.Base(e.Name) == name })
	l.disk.Inject(crashfs.Fault{Op: crashfs.Write, Name: "*" + name, Err: syscall.ENOSPC, Short: 9})
	if err := l.write(1); err != nil {
		return err
	}
	shots := l.take()
	if len(shots) != 1 {
		return errors.New("nothing was mended")
	}
	l.dieAt(shots[0], 1)
	return nil
}

// spoiled has bytes again behind the place where the repair after an I/O error cut an increment.
func spoiled(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	name := wal.IncrName(logName, 1)
	l.disk.Inject(crashfs.Fault{Op: crashfs.Write, Name: "*" + name, Err: syscall.ENOSPC, Short: 9})
	if err := l.write(1); err != nil {
		return err
	}
	if err := l.stop(); err != nil {
		return err
	}
	const end = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9\r\nspoiled, \r\n"
	path := filepath.Join(logDir, name)
	l.disk.Put(path, l.disk.Tree()[path]+end)
	l.keep = append(l.keep, end)
	return nil
}

// misspelt has a manifest in which a letter was changed.
func misspelt(l *life) error {
	if err := stopped(l); err != nil {
		return err
	}
	name := filepath.Join(logDir, wal.ManifestName(logName))
	text := strings.Replace(l.disk.Tree()[name], "file", "fill", 1)
	l.disk.Put(name, text)
	l.keep = append(l.keep, text)
	return nil
}

// littered has files that an attempt left behind when it was cut short.
func littered(l *life) error {
	if err := killed(l); err != nil {
		return err
	}
	l.disk.Put(filepath.Join(logDir, wal.TempName(logName, "rewriteaof-bg-7.aof")), "half a base")
	l.disk.Put(filepath.Join(logDir, wal.FactsName(logName, 900)), "half a companion")
	l.disk.Put(filepath.Join(logDir, wal.IncrName(logName, 7)), "")
	return nil
}

// oldStyle has the file of a server before 7.0, with a torn end.
func oldStyle(l *life) error {
	text := string(appendCommand(appendCommand(nil, "SELECT", "0"), "SET", "a", "old style"))
	const end = "*3\r\n$3\r\nSET\r\n$4\r\ntorn"
	l.disk.Put(filepath.Join(dataDir, logName), text+end)
	l.keep = append(l.keep, text, end)
	d := newData()
	_ = d.apply(0, "SET", "a", "old style")
	l.ever[d.sum] = len(l.ever)
	l.begin(d, []uint64{d.sum}, []uint64{0})
	return nil
}

// overtaken has a commit ring whose last unit the increment lacks, and another server has gone on there.
func overtaken(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	l.awaitRing(5000)
	name := filepath.Join(logDir, wal.IncrName(logName, 1))
	behind := l.disk.Clone()
	if err := errors.Join(behind.Remove(filepath.Join(logDir, wal.RingName(logName))), behind.Remove(filepath.Join(logDir, recovery.LockName(logName)))); err != nil {
		return err
	}
	text := behind.Tree()[name]
	only := strings.Repeat("what only the ring has ", 20) // longer than what the other server writes
	if err := errors.Join(l.commit(unit{cmds: [][]string{{"SET", "ring", only}}}), l.eng.Settle()); err != nil {
		return err
	}
	l.keep = append(l.keep, only)
	l.die(-1)
	d, res, err := recoverOn(behind, l.boot, Config{}, true, nil)
	if err != nil {
		return err
	}
	_ = res.Lock.Close()
	l.disk.Put(name, string(appendCommand(appendCommand([]byte(text), "SELECT", "0"), "SET", "a", "another server")))
	if err := d.apply(0, "SET", "a", "another server"); err != nil {
		return err
	}
	l.floor = Promise{}
	l.ever[d.sum] = len(l.ever)
	l.begin(d, []uint64{d.sum}, []uint64{0})
	return nil
}

// plainly is a server with annotations that ended and that one without follows.
func plainly(l *life) error {
	ours := l.eng.(*real)
	ours.c.Plain = false
	defer func() { ours.c.Plain = true }()
	return killed(l)
}

// stock leaves the files of a stock server: a log without anything of ours.
func stock(l *life) error {
	var text []byte
	d := newData()
	_ = d.apply(0, "SET", "a", "stock")
	text = appendCommand(appendCommand(text, "SELECT", "0"), "SET", "a", "stock")
	l.disk.Put(filepath.Join(logDir, wal.ManifestName(logName)), "file "+wal.IncrName(logName, 1)+" seq 1 type i\n")
	l.disk.Put(filepath.Join(logDir, wal.IncrName(logName, 1)), string(text))
	// Of an attempt to go on that came to nothing: the next one makes an increment under the same temporary name.
	l.disk.Put(filepath.Join(logDir, "temp-"+wal.IncrName(logName, 2)), string(appendCommand(nil, "SET", "a", "never")))
	l.ever[d.sum] = len(l.ever)
	l.begin(d, []uint64{d.sum}, []uint64{0})
	return nil
}
