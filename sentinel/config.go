package sentinel

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// early are the directives that are taken before those that name primaries, wherever they stand; those about a primary come last.
var early = []string{"announce-ip", "announce-port", "deny-scripts-reconfig", "sentinel-user", "sentinel-pass", "current-epoch", "myid",
	"resolve-hostnames", "announce-hostnames"}

// Load takes directives of the configuration file, each as its words without the leading sentinel, before Begin. An error
// comes with the index of the directive it is about; its text is the one of the configuration's error.
func (s *Sentinel) Load(directives [][]string) (wrong int, err error) {
	phase := func(d []string) int {
		switch name := strings.ToLower(d[0]); {
		case slices.Contains(early, name):
			return 0
		case name == "monitor":
			return 1
		}
		return 2
	}
	for turn := range 3 {
		for i, d := range directives {
			if len(d) == 0 || phase(d) != turn {
				continue
			}
			if err := s.directive(strings.ToLower(d[0]), d[1:]); err != nil {
				return i, err
			}
		}
	}
	return 0, nil
}

// What is said of directives.
var (
	errDirective  = errors.New("Unrecognized sentinel configuration statement.")
	errNoSuchName = errors.New("No such master with specified name.")
	errQuorum     = errors.New("Quorum must be 1 or greater.")
	errDuplicate  = errors.New("Duplicate master name.")
	errTime       = errors.New("negative or zero time parameter.")
)

func (s *Sentinel) directive(name string, args []string) error {
	switch {
	case name == "monitor" && len(args) == 4:
		quorum := int(leading(args[3]))
		if quorum <= 0 {
			return errQuorum
		}
		_, err := s.monitor(args[0], args[1], int(leading(args[2])), quorum, true)
		return err
	case len(args) == 1:
		return s.ownDirective(name, args[0])
	case len(args) < 2:
		return errDirective
	}
	if want, ok := primaryDirectives[name]; !ok || !slices.Contains(want, len(args)) {
		return errDirective
	}
	p := s.find(args[0])
	if p == nil {
		return errNoSuchName
	}
	return s.primaryDirective(p, name, args[1:])
}

// ownDirective is one about this Sentinel itself.
func (s *Sentinel) ownDirective(name, value string) error {
	var err error
	switch name {
	case "myid":
		if len(value) != 40 {
			return errors.New("Malformed Sentinel id in myid option.")
		}
		s.id = value
	case "current-epoch":
		s.epoch = max(s.epoch, leadingUnsigned(value))
	case "announce-ip":
		s.announceIP = value
	case "announce-port":
		s.announcePort = int(leading(value))
	case "deny-scripts-reconfig":
		s.denyScripts, err = yesNo(value, "Please specify yes or no for the deny-scripts-reconfig options.")
	case "resolve-hostnames":
		s.resolveNames, err = yesNo(value, "Please specify yes or no for the resolve-hostnames option.")
	case "announce-hostnames":
		s.announceNames, err = yesNo(value, "Please specify yes or no for the announce-hostnames option.")
	case "sentinel-user":
		s.peerUser = value
	case "sentinel-pass":
		s.peerPass = value
	default:
		return errDirective
	}
	return err
}

// primaryDirectives says how many arguments, the name included, the directives about a primary have.
var primaryDirectives = map[string][]int{"down-after-milliseconds": {2}, "failover-timeout": {2}, "parallel-syncs": {2},
	"notification-script": {2}, "client-reconfig-script": {2}, "auth-pass": {2}, "auth-user": {2}, "config-epoch": {2},
	"leader-epoch": {2}, "master-reboot-down-after-period": {2}, "known-slave": {3}, "known-replica": {3}, "known-sentinel": {3, 4},
	"rename-command": {3}}

func (s *Sentinel) primaryDirective(p *Primary, name string, args []string) error {
	number := Millis(leading(args[0]))
	switch name {
	case "down-after-milliseconds":
		if p.downAfter = number; number <= 0 {
			return errTime
		}
	case "failover-timeout":
		if p.timeout = number; number <= 0 {
			return errTime
		}
	case "master-reboot-down-after-period":
		if p.rebootAfter = number; number < 0 {
			return errors.New("negative time parameter.")
		}
	case "parallel-syncs":
		p.parallelSyncs = int(number)
	case "notification-script":
		if !s.world.Runnable(args[0]) {
			return errors.New("Notification script seems non existing or non executable.")
		}
		p.notify = args[0]
	case "client-reconfig-script":
		if !s.world.Runnable(args[0]) {
			return errors.New("Client reconfiguration script seems non existing or non executable.")
		}
		p.reconfigure = args[0]
	case "auth-pass":
		p.pass = args[0]
	case "auth-user":
		p.user = args[0]
	case "config-epoch":
		p.configEpoch = leadingUnsigned(args[0])
		// An epoch that is in use was opened by somebody.
		s.epoch = max(s.epoch, p.configEpoch)
	case "leader-epoch":
		p.leaderEpoch = leadingUnsigned(args[0])
	case "known-slave", "known-replica":
		a, err := s.address(args[0], int(leading(args[1])), true)
		if err != nil {
			return err
		}
		if s.replicaAt(p, a) != nil {
			return errors.New("Duplicate hostname and port for replica.")
		}
		s.addReplica(p, a)
	case "known-sentinel":
		if len(args) == 2 {
			return nil // as very old versions wrote them, without an id: they make themselves known
		}
		a, err := s.address(args[0], int(leading(args[1])), true)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(p.peers, func(q *Peer) bool { return q.runID == args[2] }) {
			return errors.New("Duplicate runid for sentinel.")
		}
		s.addPeer(p, args[2], a)
	case "rename-command":
		for _, r := range p.renames {
			if strings.EqualFold(r.from, args[0]) {
				return errors.New("Same command renamed multiple times with rename-command.")
			}
		}
		p.renames = append(p.renames, rename{args[0], args[1]})
	}
	return nil
}

// monitor adds a primary.
func (s *Sentinel) monitor(name, host string, port, quorum int, later bool) (*Primary, error) {
	a, err := s.address(host, port, later)
	if err != nil {
		return nil, err
	}
	if s.find(name) != nil {
		return nil, errDuplicate
	}
	return s.addPrimary(name, a, quorum), nil
}

func yesNo(value, otherwise string) (bool, error) {
	switch {
	case strings.EqualFold(value, "yes"):
		return true, nil
	case strings.EqualFold(value, "no"):
		return false, nil
	}
	return false, errors.New(otherwise)
}

// leading is the number that text begins with, as C reads it; 0: none.
func leading(text string) int64 {
	end := 0
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		end = 1
	}
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, _ := strconv.ParseInt(text[:end], 10, 64) // out of range: the nearest one
	return n
}

// leadingUnsigned is leading for epochs; what is negative is none.
func leadingUnsigned(text string) uint64 {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, _ := strconv.ParseUint(text[:end], 10, 64) // out of range: the nearest one
	return n
}
