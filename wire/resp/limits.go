package resp

import (
	"errors"
	"math"
)

const (
	// maxLine is the longest header or inline line in bytes, terminator not counted (Redis: PROTO_INLINE_MAX_SIZE).
	maxLine = 64 << 10
	// bigArg is the bulk length from which an argument gets a block of its own (Redis: PROTO_MBULK_BIG_ARG).
	bigArg = 32 << 10
	// maxCount is the largest argument count of a multibulk header (Redis: INT_MAX).
	maxCount = math.MaxInt32

	defaultMaxBulk = 512 << 20
	// addressable is far above any bulk that could ever arrive and far enough below 2^63 that a length plus its
	// terminator cannot overflow.
	addressable = 1 << 46

	// What a client that has not authenticated may send.
	unauthenticatedArgs = 10
	unauthenticatedBulk = 16 << 10
)

// Limits bounds what one connection may send. The zero value (and a nil *Limits) means Redis's defaults for an
// authenticated client.
type Limits struct {
	// MaxBulk is the longest argument in bytes (proto-max-bulk-len). 0 means 512 MiB. For the link to a primary,
	// which Redis does not limit, hand in math.MaxInt64.
	MaxBulk int64
	// MaxQuery is the most bytes a connection may have waiting, the command that is still arriving included
	// (client-query-buffer-limit). 0 means no limit.
	MaxQuery int64
	// MaxArgs is the most arguments of a command. 0 means as many as Redis takes, 2^31-1.
	MaxArgs int64
	// Unauthenticated restricts commands to 10 arguments of at most 16384 bytes.
	Unauthenticated bool
}

var noLimits Limits

func (l *Limits) maxBulk() int64 {
	switch {
	case l.MaxBulk <= 0:
		return defaultMaxBulk
	case l.MaxBulk > addressable:
		return addressable
	}
	return l.MaxBulk
}

// ErrQueryLimit ends a connection without a reply: it has more than [Limits.MaxQuery] bytes waiting.
var ErrQueryLimit = errors.New("resp: query buffer limit reached")

// ProtocolError ends a connection: what follows its position cannot be understood. The client is told
// "-ERR Protocol error: " + Text, in Redis's words.
type ProtocolError struct{ Text string }

func (e *ProtocolError) Error() string { return "Protocol error: " + e.Text }

// The texts are fixed, so that refusing hostile input allocates nothing.
var (
	errInlineTooBig   = &ProtocolError{"too big inline request"}
	errUnbalanced     = &ProtocolError{"unbalanced quotes in request"}
	errCountTooBig    = &ProtocolError{"too big mbulk count string"}
	errCount          = &ProtocolError{"invalid multibulk length"}
	errCountUnauth    = &ProtocolError{"unauthenticated multibulk length"}
	errCountOver      = &ProtocolError{"multibulk length over the limit"}
	errBulkLineTooBig = &ProtocolError{"too big bulk count string"}
	errBulk           = &ProtocolError{"invalid bulk length"}
	errBulkUnauth     = &ProtocolError{"unauthenticated bulk length"}
)

// ErrCountOver is the error for more arguments than [Limits.MaxArgs].
var ErrCountOver error = errCountOver

// errNotBulk shows the byte as it is, save that an error reply cannot hold a line end.
func errNotBulk(c byte) *ProtocolError {
	if c == '\r' || c == '\n' {
		c = ' '
	}
	return &ProtocolError{"expected '$', got '" + string([]byte{c}) + "'"}
}
