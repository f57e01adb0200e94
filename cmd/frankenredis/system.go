package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
)

// checkSystem is --check-system: what of the machine could make a server slow or lose data. It prints a line a check and returns 1 if one of
// them warns. root is where the system's files are, "/" but in tests.
func checkSystem(out io.Writer, root string) int {
	checks := []struct {
		name string
		run  func() (warning string, applies bool)
	}{
		{"slow-clocksource", func() (string, bool) { return slowClock(root) }},
		{"xen-clocksource", func() (string, bool) { return xenClock(root) }},
		// Memory for a fork is not needed, and huge pages are turned off for this process alone: neither matters here.
		{"overcommit", func() (string, bool) { return "", false }},
		{"THP", func() (string, bool) { return "", false }},
	}
	status := 0
	for _, c := range checks {
		warning, applies := c.run()
		switch {
		case !applies:
			fmt.Fprintf(out, "[%s]...skipped\n", c.name)
		case warning == "":
			fmt.Fprintf(out, "[%s]...OK\n", c.name)
		default:
			fmt.Fprintf(out, "[%s]...WARNING:\n%s\n", c.name, warning)
			status = 1
		}
	}
	return status
}

// clockSource is what the kernel takes the time from, "" if it does not say.
func clockSource(root string) string {
	text, err := os.ReadFile(root + "/sys/devices/system/clocksource/clocksource0/current_clocksource")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// slowClock warns of a clock that is asked by a system call each time: an executor asks it for each command.
func slowClock(root string) (warning string, applies bool) {
	switch source := clockSource(root); source {
	case "":
		return "", false
	case "hpet", "acpi_pm", "jiffies", "refined-jiffies":
		return fmt.Sprintf("The clock source is %s, which is slow to read: each command takes longer. See /sys/devices/system/clocksource/clocksource0/available_clocksource "+
			"for others, and write tsc to current_clocksource there if it is one of them.", source), true
	}
	return "", true
}

func xenClock(root string) (warning string, applies bool) {
	source := clockSource(root)
	if source == "xen" {
		return "The clock source is xen, which is slow to read: write tsc to /sys/devices/system/clocksource/clocksource0/current_clocksource if it is available.", true
	}
	return "", source != ""
}

// memoryPasses is how often --test-memory goes over all of the memory with each pattern.
const memoryPasses = 5

// testMemory is --test-memory: megabytes of memory are filled with patterns and read back. It returns 1 when a word did not keep what was
// written to it.
func testMemory(out io.Writer, megabytes int) int {
	words := make([]uint64, megabytes<<20/8)
	for pass := range memoryPasses {
		for i, fill := range []func(at int) uint64{
			func(at int) uint64 { return uint64(at) }, // the address: finds lines that are wired together
			random(uint64(pass)),
			func(int) uint64 { return 0 },
			func(int) uint64 { return ^uint64(0) },
			func(at int) uint64 { return 0x5555555555555555 << (at & 1) }, // a checkerboard
		} {
			if err := testPattern(words, fill); err != nil {
				fmt.Fprintf(out, "\n*** MEMORY ERROR DETECTED: %v\n", err)
				return 1
			}
			fmt.Fprintf(out, "\rTesting %d MB of memory: pass %d of %d, pattern %d of 5", megabytes, pass+1, memoryPasses, i+1)
		}
	}
	fmt.Fprint(out, "\n\nYour memory passed this test.\nIt is a short one: memtest86 and memtester, which run for hours, find more.\n")
	return 0
}

// testPattern writes a pattern and reads it back, upwards and then downwards with all bits the other way round.
func testPattern(words []uint64, fill func(at int) uint64) error {
	for i := range words {
		words[i] = fill(i)
	}
	for i := range words {
		if words[i] != fill(i) {
			return errors.New("a word changed after it was written")
		}
		words[i] = ^words[i]
	}
	for i := len(words) - 1; i >= 0; i-- {
		if words[i] != ^fill(i) {
			return errors.New("a word changed after it was written")
		}
	}
	return nil
}

// random is a pattern without order that can be asked for again.
func random(seed uint64) func(at int) uint64 {
	key := rand.New(rand.NewPCG(seed, 1)).Uint64() | 1
	return func(at int) uint64 {
		x := (uint64(at) + 1) * key
		return x ^ x>>29
	}
}
