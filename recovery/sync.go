package recovery

import (
	"errors"
	"io"

	"frankenredis/snapshot"
)

// LoadSnapshot loads a snapshot that comes from elsewhere, as a primary sends it to its replica: of size bytes, or with -1 of an unknown
// number of them. It logs what Redis logs of a snapshot, and what is wrong with one. Keys that have expired are loaded: their end is an
// event in the stream behind it (I20). Of the options it uses those that are about loading; it calls them as [Boot] does.
func LoadSnapshot(o Options, r io.Reader, size int64) (*Result, *snapshot.Info, error) {
	o.setDefaults()
	o.KeepExpired = true
	b := &boot{o: o, res: &Result{Source: Snapshot}}
	b.ev = &Evidence{Time: o.Now(), Mode: o.mode(), Dir: o.Dir, BootID: o.BootID}
	b.res.Evidence = b.ev
	b.prog.Total = max(size, 0)
	info, end, err := b.loadSnapshot(r, size, false)
	b.res.Bytes = end
	if err == nil {
		return b.res, info, nil
	}
	var bad *snapshot.Error
	var sum *snapshot.ChecksumError
	var module *moduleError
	switch {
	case errors.Is(err, ErrStopped):
	case errors.As(err, &module):
		b.warn(msgRDBModule, module.name)
	case errors.As(err, &sum):
		b.warn(msgRDBChecksum, sum.Computed, sum.Recorded)
	case errors.As(err, &bad):
		b.warn(msgRDBInternal, bad.Pos, bad.Error())
	default:
		b.warn("Can't load the snapshot: %v", err)
	}
	return nil, info, err
}

// CheckSnapshot reads a snapshot to its end and proves it, loading nothing, and returns how many keys it has: what would replace a whole data set is known to be whole first.
func CheckSnapshot(o Options, r io.Reader) (keys int64, err error) {
	o.setDefaults()
	rd := snapshot.NewReader(r, snapshot.Options{MaxString: o.MaxString, SkipChecksum: o.SkipChecksum, Databases: o.Databases})
	defer rd.Close()
	var batch snapshot.Batch
	for {
		if err := rd.Next(&batch); err == io.EOF {
			break
		} else if err != nil {
			return 0, err
		}
	}
	if m := rd.Info().Modules; len(m) > 0 {
		return 0, &moduleError{m[0]}
	}
	return rd.Info().Keys, nil
}
