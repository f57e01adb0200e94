package wal

import "fmt"

// Policy says when bytes of the log become durable: Redis's appendfsync.
type Policy int

// The policies.
const (
	EverySec Policy = iota // a sync starts at the latest one second after the first unsynced byte
	Always                 // replies wait for the sync that covers them
	No                     // the operating system decides; synced at a switch and at close only
)

// String returns Redis's word.
func (p Policy) String() string {
	switch p {
	case EverySec:
		return "everysec"
	case Always:
		return "always"
	case No:
		return "no"
	}
	return fmt.Sprintf("Policy(%d)", int(p))
}

// ParsePolicy reads Redis's word.
func ParsePolicy(s string) (Policy, error) {
	for _, p := range []Policy{EverySec, Always, No} {
		if s == p.String() {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown fsync policy %q", clip(s))
}
