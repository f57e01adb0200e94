package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// par2 measures the same with par2. Its blocks are 2 MiB, so that with an eighth of them as recovery data it takes minutes and not
// hours: its work grows with the number of recovery blocks.
func (b *bench) par2(program string) error {
	call := func(args ...string) func() error {
		return func() error {
			cmd := exec.Command(program, args...)
			cmd.Dir = b.dir
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if args[0] == "verify" && errors.As(err, &exit) && exit.ExitCode() == 1 {
				return nil // damaged, and can be repaired
			}
			if err != nil {
				return fmt.Errorf("par2 %v: %w\n%s", args, err, out)
			}
			return nil
		}
	}
	const block = "-s2097152"
	m, err := b.measure(1, call("create", "-q", "-t1", block, "-r12", "-n1", "file.par2", "file"))
	if err != nil {
		return err
	}
	over, err := b.par2Bytes()
	if err != nil {
		return err
	}
	b.print("par2: protect", m, fmt.Sprintf("%.1f %% more on the disk", 100*float64(over)/float64(b.size)))
	if m, err = b.measure(1, call("verify", "-q", "-t1", "file.par2")); err != nil {
		return err
	}
	b.print("par2: verify, cached", m, "")
	if err := b.damage(); err != nil {
		return err
	}
	if m, err = b.measure(1, call("verify", "-q", "-t1", "file.par2")); err != nil {
		return err
	}
	b.print("par2: verify, 64 KiB bad", m, "")
	if m, err = b.measure(1, call("repair", "-q", "-t1", "file.par2")); err != nil {
		return err
	}
	b.print("par2: find 64 KiB and repair it", m, "")
	return nil
}

func (b *bench) par2Bytes() (n int64, err error) {
	files, err := filepath.Glob(filepath.Join(b.dir, "*.par2"))
	for _, file := range files {
		info, serr := os.Stat(file)
		if serr != nil {
			return n, serr
		}
		n += info.Size()
	}
	return n, err
}
