package wal

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// LSN is a byte position in the effect stream; the same number is the replication offset. What lies before it is
// included: a position says "everything up to here".
type LSN uint64

// ReplID names a history of the stream: 40 lower-case hexadecimal digits, Redis's replication id.
type ReplID [40]byte

// NewReplID returns a fresh random id.
func NewReplID() ReplID {
	var random [20]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	var id ReplID
	hex.Encode(id[:], random[:])
	return id
}

// ParseReplID reads 40 hexadecimal digits in lower case.
func ParseReplID(s string) (ReplID, error) {
	var id ReplID
	if len(s) != len(id) || !isLowerHex(s) {
		return id, fmt.Errorf("replication id %q: want 40 lower-case hexadecimal digits", clip(s))
	}
	copy(id[:], s)
	return id, nil
}

// String returns the 40 digits; of the zero value nothing.
func (id ReplID) String() string {
	if id.IsZero() {
		return ""
	}
	return string(id[:])
}

// IsZero says that no id was set.
func (id ReplID) IsZero() bool { return id == ReplID{} }

// Position names one place in all streams there ever were: which history, which start of a server made it, which byte.
type Position struct {
	ID    ReplID
	Epoch uint64 // counts starts; grows with each (I6)
	LSN   LSN
}

// String shows a position for a person.
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.ID, p.Epoch, p.LSN) }

func isLowerHex(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// clip shortens text from outside for an error message.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
