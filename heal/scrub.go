package heal

import (
	"errors"
	"time"
)

// KeeperStatus is how a Keeper is.
type KeeperStatus struct {
	Files, Growing int   // covered
	Bytes          int64 // of the covered files, as covered
	Behind         int64 // bytes of growing files that are durable and not covered yet
	Waiting        int   // files that wait to be covered or judged
	Adrift         error // why nobody is to wait for growing files to be covered; nil: it keeps up
	Err            error // why the folder of sidecars cannot be had; nil: it can

	Scrubbing   bool
	Current     string // path of the file being scrubbed
	Left        int    // files the scrub under way has before it
	Scrubs      int64  // that ended
	LastScrub   time.Time
	BytesRead   int64     // by scrubs
	Oldest      time.Time // when the file that was not looked at for longest was last known to be as covered
	CellsFound  int64     // damaged ones
	Repaired    int64     // files
	CoversMade  int64     // anew, because they were damaged
	Replaced    int64     // files covered anew because somebody put others there
	FilesBeyond int64     // found beyond repair
	Damaged     []Report  // what is damaged now, as far as is known; Name is the path
}

// scrubState is the scrub under way, under mu but for what is said to be the worker's.
type scrubState struct {
	asked, running, repair bool
	current                string
	left                   int
	damaged                map[string]damagedFile // by path

	// The worker's.
	queue   []string
	checked map[string]int64
	active  bool // a file is being read
	mending bool // and written: that is done whole, or it would be repaired without a word
	began   time.Time
	bytes   int64
	pos     int64 // in the file being read
}

// damagedFile is what was found damaged, and of which cover.
type damagedFile struct {
	Report
	generation uint64
}

// Scrub begins a scrub of all covered files; with repair, what is damaged within the budget is repaired. One that is under way begins again.
func (k *Keeper) Scrub(repair bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.scrub.asked, k.scrub.running, k.scrub.repair = true, false, repair || k.o.Repair
	k.ring()
}

// StopScrub ends the scrub under way; it tells whether there was one.
func (k *Keeper) StopScrub() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.scrub.running || k.scrub.asked
	k.scrub.asked, k.scrub.running = false, false
	return was
}

// Repair has the file at path judged, and repaired if it is damaged within the budget.
func (k *Keeper) Repair(path string) { k.add(path, repairTask, nil) }

// Status is how the Keeper is now.
func (k *Keeper) Status() KeeperStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	st := k.status
	st.Adrift = k.awaited.adrift
	st.Waiting = len(k.tasks) + len(k.atWork)
	for path, pos := range k.durable {
		st.Behind += max(pos-k.ends[path], 0)
	}
	st.Scrubbing = k.scrub.running || k.scrub.asked
	st.Current, st.Left = k.scrub.current, k.scrub.left
	for _, r := range k.scrub.damaged {
		st.Damaged = append(st.Damaged, r.Report)
	}
	return st
}

func (k *Keeper) scrubAsked() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.scrub.asked
}

// count takes stock of what is covered. Under mu; the worker only.
func (k *Keeper) count() {
	st := &k.status
	st.Files, st.Growing, st.Bytes, st.Oldest = 0, 0, 0, time.Time{}
	k.ends = map[string]int64{}
	if k.store == nil {
		return
	}
	for path, g := range k.grown {
		k.ends[path] = g.End()
	}
	for path, d := range k.scrub.damaged {
		if e, ok := k.store.Entry(k.store.NameOf(path)); !ok || e.Generation != d.generation {
			delete(k.scrub.damaged, path) // it was removed, or written anew
		}
	}
	for _, name := range k.store.Names() {
		e, _ := k.store.Entry(name)
		st.Files++
		st.Bytes += e.Size
		if g := k.grown[k.store.path(name)]; g != nil {
			st.Growing++
			st.Bytes += g.End()
		}
		if at := time.UnixMilli(e.Seen()); st.Oldest.IsZero() || at.Before(st.Oldest) {
			st.Oldest = at
		}
	}
}

// scrubNext scrubs one file, if one is due, and else says after what time one will be; 0: never.
func (k *Keeper) scrubNext() (left time.Duration, did bool) {
	sc := &k.scrub
	k.mu.Lock()
	if sc.asked {
		sc.asked, sc.running = false, true
		sc.queue, sc.checked = k.store.Names(), map[string]int64{}
		sc.began, sc.bytes = time.Now(), 0
	} else if !sc.running {
		var due []string
		if due, left = k.due(); len(due) > 0 {
			sc.running, sc.repair = true, k.o.Repair
			sc.queue, sc.checked = due, map[string]int64{}
			sc.began, sc.bytes = time.Now(), 0
		}
	}
	running := sc.running
	sc.left = len(sc.queue)
	k.mu.Unlock()
	if !running {
		if len(sc.checked) > 0 {
			k.endScrub(false)
		}
		return left, false
	}
	if len(sc.queue) == 0 {
		k.endScrub(true)
		return 0, true
	}
	path := k.store.path(sc.queue[0])
	sc.queue = sc.queue[1:]
	k.mu.Lock()
	sc.current = path
	k.mu.Unlock()
	sc.active, sc.pos = true, 0
	err := k.judge(path, sc.repair)
	sc.active = false
	k.mu.Lock()
	sc.current = ""
	k.mu.Unlock()
	if err != nil {
		k.fail(path, err)
	}
	return 0, true
}

// due are the files that were not looked at for too long, and else the time until the first of them will be. Under mu.
func (k *Keeper) due() (names []string, left time.Duration) {
	every := k.o.Every()
	if every <= 0 {
		return nil, 0
	}
	for _, name := range k.store.Names() {
		e, _ := k.store.Entry(name)
		wait := time.Until(time.UnixMilli(e.Seen()).Add(every))
		if wait <= 0 {
			names = append(names, name)
		} else if left == 0 || wait < left {
			left = wait
		}
	}
	return names, left
}

// endScrub notes in the catalog what was found clean.
func (k *Keeper) endScrub(whole bool) {
	sc := &k.scrub
	checked := sc.checked
	sc.checked = nil
	if len(checked) > 0 && k.store != nil {
		if err := k.store.Checked(checked); err != nil {
			k.fail(k.o.Store.Root, err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if whole {
		sc.running = false
		k.status.Scrubs++
		k.status.LastScrub = time.Now()
	}
	k.count()
}

// pause keeps a scrub, which has come to pos in a file, to its pace.
func (k *Keeper) pause(pos int64) {
	sc := &k.scrub
	if !sc.active {
		return
	}
	n := max(pos-sc.pos, 0)
	sc.pos = pos
	sc.bytes += n
	k.mu.Lock()
	k.status.BytesRead += n
	k.mu.Unlock()
	rate := k.o.Rate()
	if rate <= 0 {
		return
	}
	due := sc.began.Add(time.Duration(float64(sc.bytes) / float64(rate) * float64(time.Second)))
	const slice = 20 * time.Millisecond
	for time.Until(due) > 0 {
		k.mu.Lock()
		busy := len(k.tasks) > 0 || k.closing || k.awaited.hurried || !sc.running
		k.mu.Unlock()
		if busy {
			return // who waits for the worker comes first
		}
		time.Sleep(min(time.Until(due), slice))
	}
}

// stop ends the reading of a scrub that nobody wants any more.
func (k *Keeper) stop() error {
	if !k.scrub.active {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closing || !k.scrub.running && !k.scrub.mending {
		return errGivenUp
	}
	return nil
}

// judge looks at a covered file and does what is to be done about what it finds.
func (k *Keeper) judge(path string, repair bool) error {
	s := k.store
	name := s.NameOf(path)
	before, _ := s.Entry(name)
	s.o.Uncached = true
	r, err := s.Verify(name)
	s.o.Uncached = false
	if errors.Is(err, ErrUncovered) {
		return nil
	}
	if err != nil {
		return err
	}
	if now, _ := s.Entry(name); now.Generation != before.Generation {
		return nil // it was covered anew meanwhile
	}
	switch {
	case r.State == Clean:
		k.found(path, nil)
		if k.scrub.checked != nil {
			k.scrub.checked[name] = s.o.Now().UnixMilli()
		}
		return k.coverRest(path, r)
	case r.State == Sidecar:
		return k.mendCover(path, r)
	case k.isWaiting(path):
		return nil // the server has just written it
	case r.Found >= 0 && k.o.Genuine(s, path):
		if err := k.protect(path, nil); err != nil {
			return err
		}
		k.found(path, nil)
		k.tell(KeeperEvent{Kind: NewFile, Path: path, Report: r}, func(st *KeeperStatus) { st.Replaced++ })
		return nil
	}
	k.found(path, &r)
	if r.State == Beyond {
		k.tell(KeeperEvent{Kind: FoundLoss, Path: path, Report: r}, func(st *KeeperStatus) {
			st.FilesBeyond++
			st.CellsFound += int64(r.Cells)
		})
		return nil
	}
	k.tell(KeeperEvent{Kind: FoundDamage, Path: path, Report: r}, func(st *KeeperStatus) { st.CellsFound += int64(r.Cells) })
	if !repair || r.State != Damaged {
		return nil
	}
	k.scrub.mending = true
	r, err = s.RepairFound(r, false)
	k.scrub.mending = false
	if err != nil {
		return err
	}
	if r.Growing && !r.Sidecar {
		k.dropGrowing(path) // its sidecar was made anew: it is followed in another
	}
	k.found(path, nil)
	k.tell(KeeperEvent{Kind: MendedFile, Path: path, Report: r}, func(st *KeeperStatus) { st.Repaired++ })
	return k.coverRest(path, r)
}

// mendCover makes a sidecar anew from its file, which is clean.
func (k *Keeper) mendCover(path string, r Report) error {
	if k.grown[path] != nil {
		k.dropGrowing(path)
		k.follow()
	} else if r.Growing && k.follows(path) {
		k.follow()
	} else if _, err := k.store.RepairFound(r, false); err != nil {
		return err
	}
	k.found(path, nil)
	k.tell(KeeperEvent{Kind: MendedCover, Path: path, Report: r}, func(st *KeeperStatus) { st.CoversMade++ })
	return k.coverRest(path, r)
}

// coverRest covers a file as a whole that does not grow any more, and whose last bytes have no cover: a crash came between its end and that.
func (k *Keeper) coverRest(path string, r Report) error {
	if !r.Growing || r.Found <= r.Size || k.follows(path) || k.isWaiting(path) {
		return nil
	}
	return k.protect(path, nil)
}

func (k *Keeper) follows(path string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.durable[path]
	return ok
}

func (k *Keeper) isWaiting(path string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.tasks[path]
	return ok
}

// found notes what is damaged of a file; nil: nothing.
func (k *Keeper) found(path string, r *Report) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r == nil {
		delete(k.scrub.damaged, path)
		return
	}
	if k.scrub.damaged == nil {
		k.scrub.damaged = map[string]damagedFile{}
	}
	e, _ := k.store.Entry(k.store.NameOf(path))
	d := damagedFile{*r, e.Generation}
	d.Name = path
	k.scrub.damaged[path] = d
}

func (k *Keeper) tell(e KeeperEvent, count func(*KeeperStatus)) {
	k.mu.Lock()
	count(&k.status)
	k.mu.Unlock()
	k.o.Told(e)
}
