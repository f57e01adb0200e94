package wal

import "time"

// Step is something the log does with its files that may take long and that somebody may want to watch: Options.Took.
type Step uint8

// The steps.
const (
	StepWrite          Step = iota // bytes were written to the increment
	StepWriteUnderSync             // the same, while a background sync was under way
	StepSync                       // a sync that replies waited for: always
	StepRename                     // a file took its final name
)

// writeStep is the kind of a write that just ended. Under mu.
func (l *Log) writeStep() Step {
	if l.syncing {
		return StepWriteUnderSync
	}
	return StepWrite
}

// renamed renames a file and tells how long that took.
func (o *Options) renamed(rename func() error) error {
	began := time.Now()
	err := rename()
	o.Took(StepRename, time.Since(began))
	return err
}
