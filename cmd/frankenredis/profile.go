package main

import (
	"fmt"
	"os"
	"runtime/pprof"
)

// profileVar names a file for a processor profile of the whole run, for go tool pprof and for default.pgo (make profile).
const profileVar = "FR_CPU_PROFILE"

// startProfile begins the profile if one is asked for; stop ends it.
func startProfile() (stop func(), err error) {
	path := os.Getenv(profileVar)
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", profileVar, err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", profileVar, err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
