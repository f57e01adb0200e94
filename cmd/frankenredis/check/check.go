// Package check answers as redis-check-aof and redis-check-rdb of Redis 7.2 do: the same arguments, lines, prompt and exit
// status. The server becomes them when it is started under one of these names.
//
// One thing is ours: what a repair cuts off is copied to a folder named quarantine beside the file, and is durable there, before
// the file is cut; a line of its own says where.
package check

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"syscall"

	"frankenredis/wal/disk"
)

// Tool is one run of either tool, for one goroutine. All fields must be set.
type Tool struct {
	FS       disk.FS
	In       io.Reader
	Out, Err io.Writer
	// Log writes a line of the server's log, in which Redis reports some findings. It writes to where Out does.
	Log func(text string)
	// Version is what --version prints behind the tool's name.
	Version string
	// NowMs is the clock, Unix milliseconds; expiries are compared with it.
	NowMs func() int64

	out *bufio.Writer
}

// errFailed ends a run with status 1 once what there was to say has been printed.
var errFailed = errors.New("the check failed")

// run calls a tool's main part and returns the exit status.
func (t *Tool) run(main func() error) int {
	t.out = bufio.NewWriter(t.Out)
	err := main()
	if ferr := t.out.Flush(); err != nil || ferr != nil {
		return 1
	}
	return 0
}

// printf prints without a newline of its own.
func (t *Tool) printf(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }

// fail prints a last line and returns the error that ends the run.
func (t *Tool) fail(format string, args ...any) error {
	t.printf(format+"\n", args...)
	return errFailed
}

// log writes a line of the server's log behind what was printed so far.
func (t *Tool) log(text string) {
	t.out.Flush() // an error stays, and is found at the end
	t.Log(text)
}

// reason words the cause of an error of the disk as C's strerror does.
func reason(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	s := []byte(errno.Error())
	if len(s) > 0 && s[0] >= 'a' && s[0] <= 'z' {
		s[0] -= 'a' - 'A'
	}
	return string(s)
}
