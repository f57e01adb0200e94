package heal

import "time"

// behind tells whether a growing file has more that is durable than is covered, and after what time to see to it.
func (k *Keeper) behind() (left time.Duration, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for path, pos := range k.durable {
		g := k.grown[path]
		if pos == 0 && !k.awaited.has(path) || g != nil && g.End() >= pos {
			continue
		}
		if wait := max(k.o.Pace-time.Since(k.advanced), time.Until(k.retryAt[path])); !ok || wait < left {
			left, ok = wait, true
		}
	}
	return left, ok
}

// follow covers what growing files have become.
func (k *Keeper) follow() {
	if k.inside {
		return
	}
	k.inside = true
	defer func() { k.inside = false }()
	k.mu.Lock()
	targets := make(map[string]int64, len(k.durable))
	for path, pos := range k.durable {
		targets[path] = pos
	}
	hurried := k.awaited.hurried
	k.awaited.hurried = false
	k.mu.Unlock()
	k.advanced = time.Now()
	for path, g := range k.grown {
		if _, ok := targets[path]; !ok { // it was sealed or removed
			_ = g.Close()
			delete(k.grown, path)
			delete(k.speeds, path)
		}
	}
	for path, pos := range targets {
		g := k.grown[path]
		if pos == 0 {
			k.settle(path, 0) // there is nothing to cover
			continue
		}
		if g != nil && g.End() >= pos || time.Now().Before(k.retryAt[path]) {
			continue
		}
		var err error
		if g == nil {
			name := k.store.NameOf(path)
			if g, err = k.store.Resume(name, pos); g == nil && err == nil {
				g, err = k.store.Grow(name)
			}
			if err == nil {
				k.grown[path] = g
			}
		}
		if err == nil && k.fillsSoon(path, g, pos) && !hurried {
			err = g.AdvanceStripes(pos)
		} else if err == nil {
			err = g.Advance(pos)
		}
		if err != nil {
			k.dropGrowing(path)
			k.retryAt[path] = time.Now().Add(k.o.regrow)
			k.fail(path, err)
			if k.waits(path) {
				k.drift(err)
			}
			if k.lost {
				break
			}
			continue
		}
		delete(k.retryAt, path)
		k.settle(path, g.End())
	}
	k.mu.Lock()
	k.count()
	k.mu.Unlock()
}

// fillsSoon tells whether a growing file, durable up to pos, grows so fast that its open stripe will be complete within soon: then the
// stripe waits for its parity, which costs an eighth of the copies.
func (k *Keeper) fillsSoon(path string, g *Growing, pos int64) bool {
	const soon = 3 * time.Second
	now := time.Now()
	last := k.speeds[path]
	k.speeds[path] = speed{pos, now}
	k.mu.Lock()
	closing := k.closing
	k.mu.Unlock()
	if closing || !g.published || last.at.IsZero() || pos <= last.pos {
		return false
	}
	left := (int64(g.stripes)+1)*stripeCells*cellSize - pos
	return float64(left)/float64(pos-last.pos)*float64(now.Sub(last.at)) < float64(soon)
}

// speed is where a growing file was at some time.
type speed struct {
	pos int64
	at  time.Time
}

// endGrowing covers what a file has become that does not grow any more: whoever waits for it does not wait until it is covered as a whole.
func (k *Keeper) endGrowing(path string) {
	k.mu.Lock()
	pos, ok := k.durable[path]
	delete(k.durable, path)
	k.mu.Unlock()
	if g := k.grown[path]; ok && g != nil && g.Advance(pos) == nil {
		k.settle(path, pos)
	}
	k.dropGrowing(path)
	delete(k.speeds, path)
}

func (k *Keeper) dropGrowing(path string) {
	if g := k.grown[path]; g != nil {
		_ = g.Close() // a new one is begun
		delete(k.grown, path)
	}
}
