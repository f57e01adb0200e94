package engine

import (
	"errors"
	"fmt"

	"frankenredis/kv"
)

// ReplyError is an error a client sees, exactly as it stands after the '-' on the wire.
type ReplyError string

// Error returns the text with its code in front.
func (e ReplyError) Error() string { return string(e) }

// The error texts of Redis 7.2.4 that more than one command gives.
const (
	ErrSyntax        = ReplyError("ERR syntax error")
	ErrNotInteger    = ReplyError("ERR value is not an integer or out of range")
	ErrNotFloat      = ReplyError("ERR value is not a valid float")
	ErrNoSuchKey     = ReplyError("ERR no such key")
	ErrOutOfRange    = ReplyError("ERR value is out of range")
	ErrMustBePos     = ReplyError("ERR value is out of range, must be positive")
	ErrDBIndex       = ReplyError("ERR DB index is out of range")
	ErrWrongType     = ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value")
	ErrOverflow      = ReplyError("ERR increment or decrement would overflow")
	ErrStringTooBig  = ReplyError("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
	ErrNoAuth        = ReplyError("NOAUTH Authentication required.")
	ErrLoading       = ReplyError("LOADING Redis is loading the dataset in memory")
	ErrOOM           = ReplyError("OOM command not allowed when used memory > 'maxmemory'.")
	ErrExecAbort     = ReplyError("EXECABORT Transaction discarded because of previous errors.")
	ErrReadOnly      = ReplyError("READONLY You can't write against a read only replica.")
	ErrMasterDown    = ReplyError("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")
	ErrNoMulti       = ReplyError("ERR Command not allowed inside a transaction")
	ErrUnblocked     = ReplyError("UNBLOCKED client unblocked via CLIENT UNBLOCK")
	ErrTimeoutNotInt = ReplyError("ERR timeout is not an integer or out of range")
	ErrTimeoutNeg    = ReplyError("ERR timeout is negative")
)

// ErrUnknown is in the chain of Apply's error when there is no such command.
var ErrUnknown = errors.New("engine: unknown command")

// Errorf makes a ReplyError; the format begins with the code.
func Errorf(format string, args ...any) error { return ReplyError(fmt.Sprintf(format, args...)) }

// ErrArity is the error for a wrong number of arguments to the named command.
func ErrArity(name string) error {
	return ReplyError("ERR wrong number of arguments for '" + name + "' command")
}

// replyText is what the client sees of an error a handler returned.
func replyText(err error) string {
	switch e := err.(type) {
	case ReplyError:
		return string(e)
	case redirection:
		return string(e)
	case *unknownError:
		return e.Error()
	default:
		if err == kv.ErrWrongType {
			return string(ErrWrongType)
		}
		return "ERR " + err.Error()
	}
}
