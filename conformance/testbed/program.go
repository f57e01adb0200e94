package testbed

import (
	"os"
	"syscall"
	"testing"
)

// WriteProgram makes a file that can be run. A process that is started elsewhere at that moment would inherit the open file until it becomes another
// program, and the system runs no file that somebody can write to: none is started meanwhile.
func WriteProgram(t testing.TB, path string, text []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Error(err)
	}
}
