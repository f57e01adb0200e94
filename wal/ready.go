package wal

import (
	"errors"
	"maps"
)

// readySwitch is what a switch needs that does not depend on where it takes place: the next increment, empty and durable under its name,
// and the manifest that names it, ready but for the facts of its companion. No manifest has any of it; a start clears it away.
type readySwitch struct {
	next     *increment
	manifest *prepared
}

// makeReady makes what a switch needs. After an error nothing is left of it. Under manifests.mu.
func (l *Log) makeReady() (*readySwitch, error) {
	if l.man.repairing {
		return nil, errors.New("an I/O error is being overcome")
	}
	m, files := l.man.manifest.Clone(), maps.Clone(l.man.files)
	ref, err := m.addIncr(l.o.Name)
	if err != nil {
		return nil, err
	}
	r := &readySwitch{}
	if r.next, err = createIncrement(l.o.FS, l.o.Dir, ref, 0, 0, l.keeper.takeSpare()); err != nil {
		return nil, err
	}
	if r.manifest, err = l.man.layOut(m, files); err != nil {
		r.next.drop(l.o.FS)
		return nil, err
	}
	return r, nil
}

// takeReady hands out what lies ready; nil: nothing does. Under mu.
func (ms *manifests) takeReady() *readySwitch {
	r := ms.ready
	ms.ready = nil
	return r
}

// drop takes back what was made ready.
func (r *readySwitch) drop(ms *manifests) {
	r.manifest.close()
	ms.drop(r.manifest)
	r.next.drop(ms.o.FS)
}

// dropReady takes back what lies ready, because the manifest becomes another or the log ends. Under mu.
func (ms *manifests) dropReady() {
	if r := ms.takeReady(); r != nil {
		r.drop(ms)
	}
}

// layOut is the first half of persist for a switch: what is yet to be known goes into the companion, whose two files lie there empty, under
// their final names. An empty one, or half of one, counts for nothing.
func (ms *manifests) layOut(m *Manifest, files map[string]FileFacts) (*prepared, error) {
	return ms.stage(m, files, func(p *prepared, name string) error {
		f, err := ms.o.FS.Create(ms.path(name))
		if err == nil {
			p.made, p.open = append(p.made, f.Name()), append(p.open, f)
		}
		return err
	})
}

// fill writes the companion's two files and makes them durable, and has also run beside their syncs: a file system's journal takes all that
// is there at once. It returns also's error apart.
func (ms *manifests) fill(p *prepared, also func() error) (err, alsoErr error) {
	text := ms.factsOf(p, "")
	failed := make(chan error, len(p.open)) // each goroutine sends once
	for _, f := range p.open {
		go func() {
			_, err := f.Write(text)
			if err == nil {
				err = f.Sync()
			}
			failed <- errors.Join(err, f.Close())
		}()
	}
	alsoErr = also()
	for range p.open {
		err = errors.Join(err, <-failed)
	}
	p.open = nil
	return err, alsoErr
}

// close lets go of files that were not filled.
func (p *prepared) close() {
	for _, f := range p.open {
		_ = f.Close()
	}
	p.open = nil
}
