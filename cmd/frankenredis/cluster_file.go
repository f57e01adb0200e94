package main

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"frankenredis/wal/disk"
	"frankenredis/wire/config"
)

// nodesFile writes nodes.conf, whole or not at all, and keeps it this process's own.
type nodesFile struct {
	fs    disk.FS
	path  string
	shown string // as the configuration calls it

	mu      sync.Mutex
	written uint64    // under mu: number of the newest text that was written
	lock    io.Closer // under mu
}

// takeLock makes the file this process's as long as it lives, so that no two nodes take themselves for the same one. A lock belongs to the
// file, not to the name: it is taken anew for each file that takes the name over. Under mu, or before anybody else knows of f.
func (f *nodesFile) takeLock() error {
	lock, err := f.fs.Lock(f.path)
	switch {
	case errors.Is(err, disk.ErrLocked):
		return fmt.Errorf("Sorry, the cluster configuration file %s is already used by a different Redis Cluster node. Please make sure that "+
			"different nodes use different cluster configuration files.", f.shown)
	case err != nil:
		return fmt.Errorf("Can't open %s in order to acquire a lock: %w", f.path, err)
	}
	if f.lock != nil {
		_ = f.lock.Close() // of a file without a name by now
	}
	f.lock = lock
	return nil
}

// write makes text number n the file's, unless a newer one is there. Any goroutine.
func (f *nodesFile) write(n uint64, text string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n <= f.written {
		return nil
	}
	if err := config.ReplaceText(f.fs, f.path, text); err != nil {
		return err
	}
	f.written = n
	return f.takeLock()
}

// nextNodes is the file's next text and its number.
func (s *server) nextNodes() (n uint64, text string) {
	s.nodesMade++
	s.cluster.Changed = false
	return s.nodesMade, string(s.cluster.AppendFile(nil))
}

// saveCluster writes nodes.conf within the turn: an administrator waits for it. When that fails the server ends, as Redis does.
func (s *server) saveCluster() error { return s.nodesSaved(s.nodes.write(s.nextNodes())) }

// nodesSaved is told how a write of nodes.conf ended.
func (s *server) nodesSaved(err error) error {
	if err != nil {
		s.logger.Warn("Fatal: can't update cluster config file: " + err.Error())
		s.exit = 1
		s.eng.Stop()
		return fmt.Errorf("error saving the cluster node config: %w", err)
	}
	s.covers.wrote(s.nodes.path)
	return nil
}

// busDone ends what the bus did. Where something changed the file is written first, beside the executor, and nothing is sent until it is
// there: what a message rests on must survive a crash, a vote above all.
func (s *server) busDone() {
	if s.nodesSaving {
		return // its end comes here again
	}
	if !s.cluster.Changed {
		s.bus.Flush()
		return
	}
	s.nodesSaving = true
	s.bus.Hold(true)
	n, text := s.nextNodes()
	s.busServer.wg.Go(func() {
		err := s.nodes.write(n, text)
		s.eng.Post(func() {
			s.nodesSaving = false
			s.bus.Hold(false)
			if s.nodesSaved(err) == nil {
				s.busDone()
			}
		})
	})
}
