package lab

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
	"frankenredis/recovery"
	"frankenredis/snapshot"
	"frankenredis/wal"
)

// protocol is something that a server does with the disk, stopped or failed at each of its calls in turn.
type protocol struct {
	name  string
	setUp func(l *life) error
	run   func(l *life) error
	with  Config // Ring, Second, Covers and Plain count; a Ring goes with always only. Starts after a death are never Plain
	// scarred says that setUp damages a covered file, which a start in hardened mode repairs.
	scarred bool
	// deaths are those that end it, as seeds (-1: killed), and it is only stopped, never failed; nil: all, and faults.
	deaths []int
}

// begun is a server with something in its log.
func begun(l *life) error {
	if _, err := l.start(); err != nil {
		return err
	}
	for range 3 {
		if err := l.write(1); err != nil {
			return err
		}
	}
	return nil
}

// ringStart waits for the ring, which is made behind the start.
func ringStart(l *life) error {
	if err := startOnly(l); err != nil {
		return err
	}
	l.awaitRing(20)
	return nil
}

// awaitRing waits so many milliseconds for the ring.
func (l *life) awaitRing(most int) {
	for range most {
		if _, err := l.disk.Stat(filepath.Join(logDir, wal.RingName(logName))); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func startOnly(l *life) error { _, err := l.start(); return err }

func stopped(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	return l.stop()
}

func killed(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	l.die(-1)
	return nil
}

func switched(l *life) error {
	if err := l.eng.Switch(); err != nil {
		return err
	}
	return l.write(1)
}

func rewritten(l *life) error {
	if err := l.eng.Rewrite(l.data); err != nil {
		return err
	}
	return l.write(1)
}

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

// eachData does something to each base and increment.
func (l *life) eachData(do func(name string, content []byte)) {
	for name, content := range l.disk.Tree() {
		if filepath.Dir(name) == logDir && isData(name) && content != "" {
			do(name, []byte(content))
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

// reserved takes room and gives it back.
func reserved(l *life) error {
	r := wal.NewReserve(l.over(), logDir, logName)
	if err := r.Resize(64<<10, 0); err != nil {
		return err
	}
	if err := l.write(1); err != nil {
		return err
	}
	if err := r.Resize(32<<10, 0); err != nil {
		return err
	}
	if _, err := r.Release(); err != nil {
		return err
	}
	if _, err := l.disk.Stat(filepath.Join(logDir, wal.ReserveName(logName))); err == nil {
		return errors.New("the reserve was not given back")
	}
	return l.write(1)
}

// setAside saves a snapshot and keeps the one before under another name.
func setAside(l *life) error {
	if err := begun(l); err != nil {
		return err
	}
	if err := l.save(); err != nil {
		return err
	}
	l.keep = append(l.keep, l.disk.Tree()[filepath.Join(dataDir, dumpRDB)])
	l.saved.Store(-1) // one that was never loaded
	return l.write(1)
}

var (
	ring      = Config{Ring: true}
	twoRings  = Config{Ring: true, Second: true}
	withCover = Config{Covers: true}
	plain     = Config{Plain: true}
)

var protocols = []protocol{
	{name: "first start", setUp: func(*life) error { return nil }, run: startOnly},
	{name: "append", setUp: begun, run: func(l *life) error { return l.write(1) }},
	{name: "group commit", setUp: begun, run: func(l *life) error { return l.write(5) }},
	{name: "seal and switch", setUp: begun, run: switched},
	{name: "rewrite", setUp: begun, run: rewritten},
	{name: "log begun anew", setUp: begun, run: func(l *life) error {
		if err := l.eng.(*real).Relog(l.data); err != nil {
			return err
		}
		return l.write(1)
	}},
	{name: "ring: first start", with: ring, setUp: func(*life) error { return nil }, run: ringStart},
	{name: "ring: group commit", with: ring, setUp: begun, run: func(l *life) error { return l.write(5) }},
	{name: "ring: wrap", with: ring, setUp: begun, run: func(l *life) error {
		for range 12 { // it has eight places
			if err := l.write(1); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "ring: seal and switch", with: ring, setUp: begun, run: switched},
	{name: "ring: rewrite", with: ring, setUp: begun, run: rewritten},
	{name: "ring: shutdown", with: ring, setUp: begun, run: func(l *life) error { return l.stop() }},
	{name: "ring: start after a kill", with: ring, setUp: killed, run: startOnly},
	{name: "ring: start after a power loss", with: ring, setUp: func(l *life) error {
		if _, err := l.start(); err != nil {
			return err
		}
		l.awaitRing(5000)
		for range 4 {
			if err := l.write(1); err != nil {
				return err
			}
		}
		l.die(0)
		return nil
	}, run: startOnly},
	{name: "second ring: the first fails", with: twoRings, setUp: begun, run: func(l *life) error {
		l.disk.Inject(crashfs.Fault{Op: crashfs.SyncData, Name: wal.RingName(logName), Err: syscall.EIO})
		for range 3 {
			if err := l.write(1); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "sidecars: append, switch, rewrite", with: withCover, setUp: begun, run: func(l *life) error {
		if err := switched(l); err != nil {
			return err
		}
		return rewritten(l)
	}},
	{name: "sidecars: shutdown", with: withCover, setUp: begun, run: func(l *life) error { return l.stop() }},
	{name: "sidecars: start after a kill", with: withCover, setUp: killed, run: startOnly},
	{name: "sidecars: repair", with: withCover, scarred: true, setUp: wound, run: startOnly},
	{name: "sidecars: repair of files cut short", with: withCover, scarred: true, setUp: cutShort, run: startOnly},
	{name: "sidecars: repair of lost files", with: withCover, scarred: true, setUp: bereft, run: startOnly},
	{name: "sidecars: lost catalog", with: withCover, setUp: uncatalogued, run: startOnly},
	{name: "start over a torn end", setUp: torn, run: startOnly},
	{name: "start over litter", setUp: littered, run: startOnly},
	// A log without annotations proves nothing: deaths that tear nothing only.
	{name: "start without annotations", with: plain, deaths: []int{-1, 0, 1}, setUp: plainly, run: func(l *life) error {
		if err := startOnly(l); err != nil {
			return err
		}
		return l.write(1)
	}},
	{name: "old-style file", setUp: oldStyle, run: startOnly},
	// After a power loss such bytes are not told from damage, and the ring has better.
	{name: "ring: overtaken by another server", with: ring, deaths: []int{-1}, setUp: overtaken, run: startOnly},
	{name: "reserve", setUp: begun, run: reserved},
	{name: "snapshot beside one set aside", setUp: setAside, run: func(l *life) error {
		return l.saveWith(func(o *snapshot.SaveOptions) { o.Aside, o.SyncEvery = dumpRDB+".aside", 64 })
	}},
	{name: "snapshot", setUp: begun, run: func(l *life) error { return l.save() }},
	{name: "snapshot over one", setUp: func(l *life) error {
		if err := begun(l); err != nil {
			return err
		}
		if err := l.save(); err != nil {
			return err
		}
		return l.write(1)
	}, run: func(l *life) error { return l.save() }},
	{name: "shutdown", setUp: begun, run: func(l *life) error { return l.stop() }},
	{name: "start after a stop", setUp: stopped, run: startOnly},
	{name: "start after a power loss", setUp: func(l *life) error {
		if err := begun(l); err != nil {
			return err
		}
		if err := l.write(4); err != nil {
			return err
		}
		if err := l.commit(l.unit()); err != nil {
			return err
		}
		l.die(5)
		return nil
	}, run: startOnly},
	{name: "start after a kill", setUp: killed, run: startOnly},
	{name: "upgrade from a stock server", setUp: stock, run: func(l *life) error {
		if err := startOnly(l); err != nil {
			return err
		}
		return l.write(1)
	}},
	{name: "repair of a failed log", setUp: begun, run: func(l *life) error {
		l.disk.Inject(crashfs.Fault{Op: crashfs.SyncData, Err: syscall.EIO}, crashfs.Fault{Op: crashfs.Write, Err: syscall.ENOSPC, Short: 9})
		for range 2 {
			if err := l.write(1); err != nil {
				return err
			}
		}
		return nil
	}},
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
