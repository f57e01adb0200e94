package disk

import "time"

// BackWriter is implemented by a file that can begin to write to its device before it is synced. Any goroutine may call WriteBack.
type BackWriter interface {
	WriteBack(off, n int64) error
}

// WriteBack has the system begin to write n bytes at off of f to the device, so that the next sync has less to do. able says whether it can. It makes
// nothing durable. An error is one of the sync to come, which need not be told of it: the file system may have dropped what it could not place. Who
// hands over much waits for WriteBackRest behind each piece of WriteBackPiece, so that others' commits do not stand behind all of it.
func WriteBack(f File, off, n int64) (able bool, err error) {
	w, able := f.(BackWriter)
	if able {
		err = w.WriteBack(off, n)
	}
	return able, err
}

// WriteBackPiece bytes are with the device in a small part of a millisecond.
const (
	WriteBackPiece = 256 << 10
	WriteBackRest  = 500 * time.Microsecond
)
