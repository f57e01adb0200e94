package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"frankenredis/wal/disk"
)

// Past is the stream as far back as the increments hold it without a gap, for replicas that ask for more than a backlog in memory has
// (I9). It is what one manifest says and does not follow later ones. Any goroutine may use it.
type Past struct {
	fs    disk.FS
	dir   string
	parts []pastPart // in the stream's order, never empty
}

// pastPart is one increment.
type pastPart struct {
	name   string
	start  LSN
	end    LSN // sealed ones only
	sealed bool
	inDB   bool // it begins with a SELECT that is no part of the stream
}

// ErrPast says that the files do not hold, or do not prove, what was asked of a Past.
var ErrPast = errors.New("wal: the increments do not hold that part of the stream")

// Past is where the stream's earlier bytes lie; nil if that is not known, which without annotations it never is. Any goroutine.
func (l *Log) Past() *Past {
	parts := l.man.past.Load()
	if parts == nil || len(*parts) == 0 {
		return nil
	}
	return &Past{fs: l.o.FS, dir: l.o.Dir, parts: *parts}
}

// InFiles is the position up to which the increments have the stream; with a commit ring they are a little behind Written. Any goroutine.
func (l *Log) InFiles() LSN {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrote.lsn
}

// publishPast tells where the stream lies, now that the manifest has changed. Under mu.
func (ms *manifests) publishPast() {
	if ms.o.Annotate { // without lines nothing could be proven
		parts := pastOf(ms.manifest, ms.files)
		ms.past.Store(&parts)
	}
}

// pastOf goes back from the last increment for as long as each begins where the one before ends. What a rewrite has replaced counts while
// it is kept.
func pastOf(m *Manifest, files map[string]FileFacts) []pastPart {
	var parts []pastPart
	add := func(ref FileRef) bool {
		f, ok := files[ref.Name]
		p := pastPart{name: ref.Name, start: f.Start, end: f.End, sealed: f.Sealed, inDB: f.DB > 0}
		if !ok || len(parts) > 0 && (!p.sealed || p.end != parts[len(parts)-1].start) {
			return false
		}
		parts = append(parts, p)
		return true
	}
	for _, ref := range slices.Backward(m.Incrs) {
		if !add(ref) {
			break
		}
	}
	if len(parts) == len(m.Incrs) {
		for len(parts) > 0 {
			oldest := parts[len(parts)-1].start
			i := slices.IndexFunc(m.History, func(ref FileRef) bool {
				f := files[ref.Name]
				return f.Sealed && f.End == oldest && f.Start < oldest
			})
			if i < 0 || !add(m.History[i]) {
				break
			}
		}
	}
	slices.Reverse(parts)
	return parts
}

// First is the position from which on the files hold the stream.
func (p *Past) First() LSN { return p.parts[0].start }

// Copy writes the stream's bytes [from, to) to w. All of them must be in the increments ([Log.InFiles] tells). Bytes leave when a line of ours
// behind them has proven them and known has said that the history it names is the one asked for; only behind the last line of the file that
// grows they leave without, at most what is written between two lines. What cannot be had or proven is ErrPast or a *CorruptError; then
// w may have got a part.
func (p *Past) Copy(w io.Writer, from, to LSN, known func(id ReplID, at LSN) bool) error {
	if from < p.First() || from > to {
		return ErrPast
	}
	for _, part := range p.parts {
		if part.sealed && part.end <= from || from == to {
			continue
		}
		if err := p.copyPart(w, part, from, to, known); err != nil {
			return err
		}
		if !part.sealed || part.end >= to {
			return nil
		}
		from = part.end
	}
	if from < to {
		return ErrPast
	}
	return nil
}

// copyPart writes what one increment has of [from, to).
func (p *Past) copyPart(w io.Writer, part pastPart, from, to LSN, known func(ReplID, LSN) bool) error {
	path := filepath.Join(p.dir, part.name)
	file, err := p.fs.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return err
	}
	r := NewReader(file, size, ReaderOptions{Path: path, Start: part.start, Prologue: part.inDB, Verify: true})
	var held []byte // read, and not yet proven
	at := part.start
	for at < to || len(held) > 0 {
		f, err := r.Next()
		switch {
		case err == nil:
		case at >= to && !part.sealed, err == io.EOF && part.sealed && at == part.end:
			_, err = w.Write(held) // a sealed file ends with a line; of one that grows the end is this process's own
			return err
		case err == io.EOF:
			return fmt.Errorf("%w: %s ends at %d", ErrPast, path, at)
		default:
			return err
		}
		switch f.Kind {
		case CommandFrame:
			at = f.End
			if low, high := max(f.LSN, from), min(f.End, to); low < high {
				held = append(held, f.Raw[low-f.LSN:high-f.LSN]...)
			}
		case LineFrame:
			if at > from && !known(f.Line.ID, f.Line.LSN) {
				return fmt.Errorf("%w: at %d it is another history's", ErrPast, at)
			}
			if _, err := w.Write(held); err != nil {
				return err
			}
			held = held[:0]
		}
	}
	return nil
}
