package testbed

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// Programs that are written while others are started can be started.
func TestWriteProgram(t *testing.T) {
	var all sync.WaitGroup
	for i := range 8 {
		dir := t.TempDir()
		all.Go(func() {
			for n := range 60 {
				path := filepath.Join(dir, strconv.Itoa(i)+"-"+strconv.Itoa(n))
				WriteProgram(t, path, []byte("#!/bin/sh\nexit 0\n"))
				if err := exec.Command(path).Run(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
