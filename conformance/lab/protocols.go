package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"frankenredis/conformance/crashfs"
	"frankenredis/heal"
	"frankenredis/snapshot"
	"frankenredis/wal"
)

// protocol is something that a server does with the disk, stopped or failed at each of its calls in turn.
type protocol struct {
	name  string
	setUp func(l *life) error
	run   func(l *life) error
	with  Config // Ring, Second, Covers, Keyed and Plain count; a Ring goes with always only. Starts after a death are never Plain
	// scarred says that setUp damages a file that a start in hardened mode repairs.
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

// switchedReady is switched, with a commit between what is made ready and the switch.
func switchedReady(l *life) error {
	r := l.eng.(*real)
	made := make(chan struct{})
	r.log.PrepareSwitch(func() { close(made) })
	<-made
	if err := l.write(1); err != nil {
		return err
	}
	return switched(l)
}

// readyInVain has a switch made ready that never comes, and stops.
func readyInVain(l *life) error {
	made := make(chan struct{})
	l.eng.(*real).log.PrepareSwitch(func() { close(made) })
	<-made
	return l.stop()
}

func rewritten(l *life) error {
	if err := l.eng.Rewrite(l.data); err != nil {
		return err
	}
	return l.write(1)
}

// givenUp says that a base is not wanted any more.
func givenUp() bool { return true }

// rewriteGivenUp makes a base, gives it up while it is covered, and goes on.
func rewriteGivenUp(l *life) error {
	if err := l.eng.(*real).rewrite(l.data, givenUp); err == nil {
		return errors.New("the rewrite was not given up")
	}
	if left, err := unnamed(l.disk); err != nil || len(left) > 0 {
		return fmt.Errorf("given up and still there: %v %v", left, err)
	}
	return l.write(1)
}

// beginGivenUp ends the log, begins another and gives it up while its base is covered, and then begins one after all.
func beginGivenUp(l *life) error {
	r := l.eng.(*real)
	if err := r.log.Close(true); err != nil {
		return err
	}
	if err := r.begin(l.data, givenUp); err == nil {
		return errors.New("the log was not given up")
	}
	if left, err := unnamed(l.disk); err != nil || len(left) > 0 {
		return fmt.Errorf("given up and still there: %v %v", left, err)
	}
	if err := r.begin(l.data, nil); err != nil {
		return err
	}
	return l.write(1)
}

// heldOver ends the log and begins another, in which stands what was committed meanwhile.
func heldOver(l *life) error {
	units := func() error {
		for range 3 {
			if err := l.commit(l.unit()); err != nil {
				return err
			}
		}
		return nil
	}
	if err := l.eng.(*real).RelogHeld(l.data, nil, units); err != nil {
		return err
	}
	if err := l.eng.Settle(); err != nil {
		return err
	}
	return l.write(1)
}

// holdNowhere commits to a log that will not be.
func (r *real) holdNowhere() error {
	r.held.Commit(appendCommand(nil, "SET", "a", "nowhere"), r.db)
	return nil
}

// heldGivenUp gives up a log that is begun anew, and what was held of it; then one begins after all.
func heldGivenUp(l *life) error {
	r, data := l.eng.(*real), l.data
	err := r.RelogHeld(data, givenUp, r.holdNowhere)
	if err == nil {
		return errors.New("the log was not given up")
	}
	if err := nothingHeld(l); err != nil {
		return err
	}
	if err := r.begin(data, nil); err != nil {
		return err
	}
	return l.write(1)
}

// heldInVain begins a log anew where the disk does not take what is held, or not its name; then it does.
func heldInVain(l *life) error {
	r, data := l.eng.(*real), l.data
	if err := r.log.Close(true); err != nil {
		return err
	}
	for _, op := range []crashfs.Op{crashfs.Write, crashfs.Rename} {
		l.disk.Inject(crashfs.Fault{Op: op, Name: "temp-*.held", Err: syscall.ENOSPC})
		err := r.beginHeld(data, nil, r.holdNowhere)
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("held on a disk without room: %w", err)
		}
		if err := nothingHeld(l); err != nil {
			return err
		}
	}
	if err := r.begin(data, nil); err != nil {
		return err
	}
	return l.write(1)
}

// nothingHeld says whether anything is left of a log that was begun in vain.
func nothingHeld(l *life) error {
	if left, err := unnamed(l.disk); err != nil || len(left) > 0 {
		return fmt.Errorf("given up and still there: %v %v", left, err)
	}
	if _, err := l.disk.Stat(l.eng.(*real).log.TempName("held")); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("given up and still held: %v", err)
	}
	return nil
}

// spareless is begun where no spare increment can be made.
func spareless(l *life) error {
	l.disk.Inject(crashfs.Fault{Op: crashfs.Create, Name: "temp-*.spare", Err: syscall.EIO, Times: -1})
	return begun(l)
}

// aclFile is a file beside the log that somebody else writes, and that is covered.
const aclFile = dataDir + "/users.acl"

// putThere has the server cover a file that somebody puts there without syncing it.
func putThere(l *life) error {
	return putText(l, strings.Repeat("user nobody off nopass resetkeys -@all\n", 300))
}

func putText(l *life, text string) error {
	if err := l.put(aclFile, text); err != nil {
		return err
	}
	if err := l.disk.SyncDir(dataDir); err != nil {
		return err
	}
	k := l.eng.(*real).covers.k
	k.Protect(aclFile, nil)
	k.Await(aclFile, 0, nil)
	return nil
}

// takeEdit covers a text as it is, as a server does that takes it for edited, and keeps what it was.
func takeEdit(l *life) error {
	store, err := heal.Open(l.config().coverOptions(l.over()), true)
	if err != nil {
		return err
	}
	name := store.NameOf(aclFile)
	was, err := store.Was(name, 1<<20)
	if err == nil {
		_, err = store.Keep(name, was)
	}
	if err == nil {
		l.mu.Lock()
		l.keep = append(l.keep, struckOut)
		l.mu.Unlock()
		_, err = store.Protect(name)
	}
	return errors.Join(err, store.Close())
}

// switchOverStuck switches on a server that cannot remove what lies where it makes its spare increment.
func switchOverStuck(l *life) error {
	l.disk.Put(filepath.Join(logDir, wal.TempName(logName, "spare")), string(appendCommand(nil, "SET", "a", "never")))
	l.disk.Inject(crashfs.Fault{Op: crashfs.Remove, Name: "temp-*.spare", Err: syscall.EIO, Times: -1})
	if err := startOnly(l); err != nil {
		return err
	}
	return switched(l)
}

// sweptUp starts a server and waits until it has swept the folder of its sidecars.
func sweptUp(l *life) error {
	if err := startOnly(l); err != nil {
		return err
	}
	there := func(name string) bool { _, err := l.disk.Clone().Stat(name); return err == nil }
	for range 200 {
		if !slices.ContainsFunc(strays, there) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("what is left in the folder of sidecars is not swept away")
}

// repairByHand is frctl repair of each file that was damaged, with or without a cut.
func repairByHand(cut bool) func(l *life) error {
	return func(l *life) error {
		store, err := heal.Open(l.config().coverOptions(l.over()), true)
		if err != nil {
			return err
		}
		for _, name := range l.hurt {
			if _, err = store.Repair(store.NameOf(name), cut); err != nil {
				break
			}
			l.mu.Lock()
			l.mended = append(l.mended, name)
			l.mu.Unlock()
		}
		return errors.Join(err, store.Close())
	}
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
	withKey   = Config{Covers: true, Keyed: true}
	plain     = Config{Plain: true}
)

var protocols = []protocol{
	{name: "first start", setUp: func(*life) error { return nil }, run: startOnly},
	{name: "append", setUp: begun, run: func(l *life) error { return l.write(1) }},
	{name: "group commit", setUp: begun, run: func(l *life) error { return l.write(5) }},
	{name: "seal and switch", setUp: begun, run: switched},
	{name: "switch made ready", setUp: begun, run: switchedReady},
	{name: "switch made ready in vain", setUp: begun, run: readyInVain},
	{name: "rewrite", setUp: begun, run: rewritten},
	{name: "log begun anew", setUp: begun, run: func(l *life) error {
		if err := l.eng.(*real).Relog(l.data); err != nil {
			return err
		}
		return l.write(1)
	}},
	{name: "log begun anew, given up", setUp: begun, run: beginGivenUp},
	{name: "log begun anew, held", setUp: begun, run: heldOver},
	{name: "log begun anew, held and given up", setUp: begun, run: heldGivenUp},
	{name: "log begun anew, held in vain", setUp: begun, run: heldInVain},
	{name: "ring: log begun anew, held", with: ring, setUp: begun, run: heldOver},
	{name: "sidecars: log begun anew, held", with: withCover, setUp: begun, run: heldOver},
	{name: "rewrite given up", setUp: begun, run: rewriteGivenUp},
	{name: "switch without a spare", setUp: spareless, run: switched},
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
	{name: "ring: switch made ready", with: ring, setUp: begun, run: switchedReady},
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
	{name: "ring: start after a kill without a watermark", with: ring, setUp: unmarked, run: startOnly},
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
	{name: "sidecars with a key: the first cover", with: withKey, setUp: func(*life) error { return nil }, run: begun},
	{name: "sidecars: shutdown", with: withCover, setUp: begun, run: func(l *life) error { return l.stop() }},
	{name: "sidecars: start after a kill", with: withCover, setUp: killed, run: startOnly},
	{name: "sidecars: repair", with: withCover, scarred: true, setUp: wound, run: startOnly},
	{name: "sidecars: repair of files cut short", with: withCover, scarred: true, setUp: cutShort, run: startOnly},
	{name: "sidecars: repair of files cut short and damaged", with: withCover, scarred: true, setUp: woundedAndCut, run: startOnly},
	{name: "sidecars: repair of lost files", with: withCover, scarred: true, setUp: bereft, run: startOnly},
	{name: "sidecars: lost catalog", with: withCover, setUp: uncatalogued, run: startOnly},
	{name: "sidecars: start over litter", with: withCover, setUp: strewn, run: sweptUp},
	{name: "sidecars: a file put there", with: withCover, setUp: begun, run: putThere},
	{name: "sidecars: an edited text", with: withCover, scarred: true, setUp: edited, run: takeEdit},
	{name: "repair by hand", with: withCover, scarred: true, setUp: wound, run: repairByHand(false)},
	{name: "repair by hand of files cut short", with: withCover, scarred: true, setUp: cutShort, run: repairByHand(false)},
	{name: "repair by hand of lost files", with: withCover, scarred: true, setUp: bereft, run: repairByHand(false)},
	{name: "repair by hand without room", with: withCover, scarred: true, setUp: overgrown, run: func(l *life) error {
		l.disk.Inject(crashfs.Fault{Op: crashfs.Write, Name: "*.heal.tmp", Err: syscall.ENOSPC, Times: -1})
		return repairByHand(true)(l)
	}},
	{name: "sidecars: large commits", with: withCover, setUp: begun, run: func(l *life) error {
		for range 3 {
			u := unit{cmds: [][]string{{"SET", "large", fmt.Sprint(l.unitNo, len(l.history), strings.Repeat("large", 2500))}}}
			if err := errors.Join(l.commit(u), l.eng.Settle()); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "start over a torn end", setUp: torn, run: startOnly},
	{name: "start over half a repair", setUp: halfMended, run: startOnly},
	{name: "start over a spoiled end", setUp: spoiled, run: startOnly},
	{name: "start over a damaged manifest", scarred: true, setUp: misspelt, run: startOnly},
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
	{name: "switch without annotations over litter that stays", with: plain, deaths: []int{-1, 0, 1}, setUp: stock, run: switchOverStuck},
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
