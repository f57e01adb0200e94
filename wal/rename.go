package wal

import "fmt"

// Rename gives the stream another name from End on: id is the history it belongs to now, and id2 the one before, valid up to end2 (zero:
// none). Positions go on. A primary's end makes a new history of a replica's stream, and a replica's stream takes its primary's name.
//
// It waits for the disk, on any goroutine but the executor, which meanwhile commits nothing: the new name is durable before the first byte
// that bears it, so that after a crash no byte is taken for another history's (I6). After an error the old name stays.
//
// Renames come one after the other. still, unless nil, is asked when it is this one's turn: whoever wanted it may have been overtaken by
// another, and what it returns is Rename's error then. A log that has the name already is left as it is; a closed one answers ErrClosed.
func (l *Log) Rename(id, id2 ReplID, end2 LSN, still func() error) error {
	l.renames.Lock()
	defer l.renames.Unlock()
	if still != nil {
		if err := still(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return ErrClosed
	}
	if l.at.ID == id {
		l.mu.Unlock()
		return nil
	}
	at := l.at
	l.mu.Unlock()
	at.ID = id
	if l.o.Annotate {
		epoch := Epoch{Epoch: at.Epoch, ID: id, ID2: id2, End2: end2, BootID: l.o.BootID}
		if err := WriteEpoch(l.o.FS, l.o.Dir, l.o.Name, epoch); err != nil {
			return fmt.Errorf("wal: rename the history in %s: %w", l.o.Dir, err)
		}
	}
	l.man.mu.Lock()
	l.man.position.ID = id // in the next companion; the epoch file decides
	l.man.mu.Unlock()
	l.mu.Lock()
	l.at = at
	l.live.at.Store(&at)
	l.mu.Unlock()
	l.keeper.nudge()
	return nil
}
