package lab

import (
	"os"
	"runtime"
	"time"
)

// patience is how long somebody is waited for who may be stuck for good. Time counts a look at a time, however long the look took: a laboratory
// that was stopped itself, or had no processor, comes to itself with every timer run out, and those it waits for had none of that time either.
type patience time.Duration

// look is the longest pause between two looks, and the most that one of them counts.
const look = 5 * time.Millisecond

// defaultPatience is for an engine that is not expected to be stuck.
const defaultPatience = 30 * time.Second

// wait returns at the next wake-up, or after a look; false: the patience is used up.
func (p *patience) wait(woken <-chan struct{}) bool {
	began := time.Now()
	select {
	case <-woken:
	case <-time.After(look):
	}
	return p.spend(began)
}

// spend takes off what has passed since began; false: the patience is used up.
func (p *patience) spend(began time.Time) bool {
	*p -= patience(min(time.Since(began), look))
	return *p > 0
}

// writeStacks writes what all goroutines are doing to a file, and says which.
func writeStacks() string {
	f, err := os.CreateTemp("", "lab-stuck-*.txt")
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	p := make([]byte, 16<<20)
	if _, err = f.Write(p[:runtime.Stack(p, true)]); err != nil {
		return err.Error()
	}
	return f.Name()
}
