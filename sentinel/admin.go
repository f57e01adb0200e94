package sentinel

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"frankenredis/wire/glob"
	"frankenredis/wire/resp"
)

// Refusals of commands, with their codes.
var (
	ErrNoPrimary = errors.New("ERR No such master with that name")
	// ErrUnsaved says that what was asked for could not be made durable.
	ErrUnsaved  = errors.New("ERR Failed to save config file. Check server logs.")
	errHostname = errors.New("ERR Invalid IP address or hostname specified")
)

// Monitor is SENTINEL MONITOR.
func (s *Sentinel) Monitor(name, host string, port, quorum int64) error {
	if quorum <= 0 {
		return errors.New("ERR " + errQuorum.Error())
	}
	if port < 0 || port > 65535 {
		return errors.New("ERR " + errPort.Error())
	}
	p, err := s.monitor(name, host, int(port), int(quorum), false)
	switch {
	case errors.Is(err, errUnresolved):
		return errHostname
	case err != nil:
		return errors.New("ERR " + err.Error())
	}
	// Of what was voted for under this name before nothing is known: no vote is given in an epoch that is there already.
	p.leaderEpoch = s.epoch
	if s.save() != nil {
		return ErrUnsaved
	}
	s.event(Warning, "+monitor", &p.node, fmt.Sprintf(" quorum %d", quorum))
	return nil
}

// Remove is SENTINEL REMOVE.
func (s *Sentinel) Remove(name string) error {
	p := s.find(name)
	if p == nil {
		return ErrNoPrimary
	}
	s.event(Warning, "-monitor", &p.node, "")
	s.reset(p, true)
	s.primaries = slices.DeleteFunc(s.primaries, func(o *Primary) bool { return o == p })
	if s.save() != nil {
		return ErrUnsaved
	}
	return nil
}

// Reset is SENTINEL RESET: what was learned of the primaries whose names match is forgotten. It returns how many they are.
func (s *Sentinel) Reset(pattern string) int {
	n := 0
	for _, p := range s.primaries {
		if glob.Match([]byte(pattern), []byte(p.name), false) {
			s.reset(p, true)
			s.event(Warning, "+reset-master", &p.node, "")
			n++
		}
	}
	if n > 0 {
		_ = s.save() // tried again by Tick; nobody rests on it
	}
	return n
}

// CheckQuorum is SENTINEL CKQUORUM: how many Sentinels are usable, and an error unless they could decide on a failover and allow it.
func (s *Sentinel) CheckQuorum(name string) (string, error) {
	p := s.find(name)
	if p == nil {
		return "", ErrNoPrimary
	}
	usable := 1
	for _, q := range p.peers {
		if !q.sDown && !q.disconnected {
			usable++
		}
	}
	text := ""
	if usable < p.quorum {
		text += ". Not enough available Sentinels to reach the specified quorum for this master"
	}
	if usable < (len(p.peers)+1)/2+1 {
		text += ". Not enough available Sentinels to reach the majority and authorize a failover"
	}
	if text != "" {
		return "", fmt.Errorf("NOQUORUM %d usable Sentinels%s", usable, text)
	}
	return fmt.Sprintf("OK %d usable Sentinels. Quorum and failover authorization can be reached", usable), nil
}

// Address is SENTINEL GET-MASTER-ADDR-BY-NAME; ok: there is such a primary.
func (s *Sentinel) Address(name string) (host string, port int, ok bool) {
	p := s.find(name)
	if p == nil {
		return "", 0, false
	}
	a := p.current()
	return s.shown(a), a.Port, true
}

// SimulateFailure is SENTINEL SIMULATE-FAILURE; false: there is no such failure.
func (s *Sentinel) SimulateFailure(words []string) bool {
	elected, promoted := false, false
	for _, w := range words {
		switch strings.ToLower(w) {
		case "crash-after-election":
			elected = true
			s.log(Warning, "Failure simulation: this Sentinel will crash after being successfully elected as failover leader")
		case "crash-after-promotion":
			promoted = true
			s.log(Warning, "Failure simulation: this Sentinel will crash after promoting the selected replica to master")
		default:
			return false
		}
		s.crashElected, s.crashPromoted = elected, promoted
	}
	return true
}

// Option is a name and a value.
type Option struct{ Name, Value string }

// Set is SENTINEL SET with the words behind the primary's name. Those before a wrong one are in effect.
func (s *Sentinel) Set(name string, words []string) error {
	p := s.find(name)
	if p == nil {
		return ErrNoPrimary
	}
	changed := false
	var wrong error
	for i := 0; i < len(words) && wrong == nil; {
		option := strings.ToLower(words[i])
		count := 1
		if option == "rename-command" {
			count = 2
		}
		if i+count >= len(words) || !slices.Contains(settable, option) {
			wrong = fmt.Errorf("ERR Unknown option or number of arguments for SENTINEL SET '%s'", words[i])
			break
		}
		args := words[i+1 : i+1+count]
		if wrong = s.set(p, words[i], option, args); wrong == nil {
			changed = true
			shown := strings.Join(args, " ")
			if option == "auth-pass" {
				shown = "******"
			}
			s.event(Warning, "+set", &p.node, " "+words[i]+" "+shown)
		}
		i += 1 + count
	}
	if changed && s.save() != nil && wrong == nil {
		return ErrUnsaved
	}
	return wrong
}

var settable = []string{"down-after-milliseconds", "failover-timeout", "parallel-syncs", "notification-script", "client-reconfig-script",
	"auth-pass", "auth-user", "quorum", "master-reboot-down-after-period", "rename-command"}

func (s *Sentinel) set(p *Primary, written, option string, args []string) error {
	number, isNumber := resp.ParseInt([]byte(args[0]))
	badly := func(arg string) error {
		return fmt.Errorf("ERR Invalid argument '%s' for SENTINEL SET '%s'", arg, written)
	}
	bad := badly(args[0])
	positive := func(to *Millis) error {
		if !isNumber || number <= 0 {
			return bad
		}
		*to = Millis(number)
		return nil
	}
	count := func(to *int) error {
		if !isNumber || number <= 0 || number > 1<<31-1 {
			return bad
		}
		*to = int(number)
		return nil
	}
	switch option {
	case "down-after-milliseconds":
		return positive(&p.downAfter)
	case "failover-timeout":
		return positive(&p.timeout)
	case "parallel-syncs":
		return count(&p.parallelSyncs)
	case "quorum":
		return count(&p.quorum)
	case "master-reboot-down-after-period":
		if !isNumber || number < 0 {
			return bad
		}
		p.rebootAfter = Millis(number)
	case "notification-script":
		return s.setScript(&p.notify, args[0], "Notification script")
	case "client-reconfig-script":
		return s.setScript(&p.reconfigure, args[0], "Client reconfiguration script")
	case "auth-pass":
		p.pass = args[0]
		s.hangUpServers(p)
	case "auth-user":
		p.user = args[0]
		s.hangUpServers(p)
	case "rename-command":
		if args[0] == "" || args[1] == "" {
			return badly("")
		}
		p.renames = slices.DeleteFunc(p.renames, func(r rename) bool { return strings.EqualFold(r.from, args[0]) })
		if !strings.EqualFold(args[0], args[1]) {
			p.renames = append(p.renames, rename{args[0], args[1]})
		}
	}
	return nil
}

func (s *Sentinel) setScript(to *string, path, what string) error {
	if s.denyScripts {
		return errors.New("ERR Reconfiguration of scripts path is denied for security reasons. Check the deny-scripts-reconfig " +
			"configuration directive in your Sentinel configuration")
	}
	if path != "" && !s.world.Runnable(path) {
		return errors.New("ERR " + what + " seems non existing or non executable")
	}
	*to = path
	return nil
}
