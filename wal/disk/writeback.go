package disk

import "time"

// BackWriter is implemented by a file that can begin to write to its device before it is synced. Any goroutine may call WriteBack.
type BackWriter interface {
	WriteBack(off, n int64) error
}

// WriteBack has the system begin to write n bytes at off of f to the device, so that the next sync has less to do. able says whether it can. It makes
// nothing durable. An error is one of the sync to come, which need not be told of it: the file system may have dropped what it could not place. Who
// hands over much waits for WriteBackRest behind each piece (PieceOf), so that others' commits do not stand behind all of it.
func WriteBack(f File, off, n int64) (able bool, err error) {
	w, able := f.(BackWriter)
	if able {
		err = w.WriteBack(off, n)
	}
	return able, err
}

const (
	// WriteBackPiece bytes are with the device in a small part of a millisecond: a virtual disk took 0.2 to 0.3 ms.
	WriteBackPiece = 256 << 10
	// WriteBackRest is how long to leave the device to others behind each piece.
	WriteBackRest = 500 * time.Microsecond

	smallPiece = 32 << 10
	// smallPieces is what is handed over in small pieces: of more the rests would take long.
	smallPieces = 1 << 20
)

// PieceOf is how much of n bytes to hand over at a time: little, as a commit waits for as long as the device is busy with it, unless there is much.
func PieceOf(n int64) int64 {
	if n <= smallPieces {
		return smallPiece
	}
	return WriteBackPiece
}
