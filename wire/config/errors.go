package config

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Version is the Redis version that messages name.
const Version = "7.2.4"

// FatalError is a start that must not go on. The caller prints Text and exits with status 1.
type FatalError struct {
	// Text is the whole message. For the log it comes without stamp and last newline, one entry a line; a block comes with
	// everything.
	Text string
	// Log: Text belongs into the log (standard output, level warning); otherwise it goes to standard error as it is.
	Log bool
}

func (e *FatalError) Error() string { return strings.TrimSpace(e.Text) }

// SetError is a refused CONFIG SET. Its text is the reply, code included.
type SetError struct {
	Text string
	// Applied names the parameter whose value was fine but could not be put into effect, so that everything was taken back;
	// "" when it did not come that far.
	Applied string
}

func (e *SetError) Error() string { return e.Text }

// ErrnoText is C's strerror of the system error behind err, as log lines and replies have it; without one, err's own text.
func ErrnoText(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	s := no.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}

func fatalBlock(number int, text, reason string) *FatalError {
	var b strings.Builder
	fmt.Fprintf(&b, "\n*** FATAL CONFIG FILE ERROR (Redis %s) ***\n", Version)
	if number > 0 {
		fmt.Fprintf(&b, "Reading the configuration file, at line %d\n>>> '%s'\n", number, text)
	}
	b.WriteString(reason + "\n")
	return &FatalError{Text: b.String()}
}
