package sentinel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"frankenredis/wire/glob"
	"frankenredis/wire/resp"
)

// parameter is a row of SENTINEL CONFIG.
type parameter struct {
	name string
	get  func(s *Sentinel) string
	// set says whether value is one; it is not put into effect unless do.
	set func(s *Sentinel, value string, do bool) bool
}

var parameters = []parameter{
	{"resolve-hostnames", func(s *Sentinel) string { return word(s.resolveNames) },
		func(s *Sentinel, v string, do bool) bool { return setBool(&s.resolveNames, v, do) }},
	{"announce-hostnames", func(s *Sentinel) string { return word(s.announceNames) },
		func(s *Sentinel, v string, do bool) bool { return setBool(&s.announceNames, v, do) }},
	{"announce-ip", func(s *Sentinel) string { return s.announceIP },
		func(s *Sentinel, v string, do bool) bool { return setText(&s.announceIP, v, do) }},
	{"announce-port", func(s *Sentinel) string { return strconv.Itoa(s.announcePort) }, setAnnouncePort},
	{"sentinel-user", func(s *Sentinel) string { return s.peerUser },
		func(s *Sentinel, v string, do bool) bool { return setPeerLogin(s, &s.peerUser, v, do) }},
	{"sentinel-pass", func(s *Sentinel) string { return s.peerPass },
		func(s *Sentinel, v string, do bool) bool { return setPeerLogin(s, &s.peerPass, v, do) }},
	{"loglevel", func(s *Sentinel) string { return s.world.LogLevel() }, setLogLevel},
}

func word(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}

func setBool(to *bool, value string, do bool) bool {
	on, err := yesNo(value, "")
	if err == nil && do {
		*to = on
	}
	return err == nil
}

func setText(to *string, value string, do bool) bool {
	if do {
		*to = value
	}
	return true
}

func setAnnouncePort(s *Sentinel, value string, do bool) bool {
	n, ok := resp.ParseInt([]byte(value))
	ok = ok && n >= 0 && n <= 65535
	if ok && do {
		s.announcePort = int(n)
	}
	return ok
}

// setPeerLogin has the other Sentinels spoken to anew, with the new login.
func setPeerLogin(s *Sentinel, to *string, value string, do bool) bool {
	if do {
		*to = value
		for _, p := range s.primaries {
			for _, q := range p.peers {
				s.hangUp(&q.node)
			}
		}
	}
	return true
}

func setLogLevel(s *Sentinel, value string, do bool) bool {
	if do {
		return s.world.SetLogLevel(value)
	}
	return slices.Contains([]string{"debug", "verbose", "notice", "warning", "nothing"}, strings.ToLower(value))
}

// Config is SENTINEL CONFIG GET: the parameters that match any of the patterns, each once.
func (s *Sentinel) Config(patterns []string) []Option {
	var all []Option
	seen := make(map[string]bool)
	for _, pattern := range patterns {
		for _, p := range parameters {
			if !seen[p.name] && glob.Match([]byte(pattern), []byte(p.name), true) {
				seen[p.name] = true
				all = append(all, Option{p.name, p.get(s)})
			}
		}
	}
	return all
}

// SetConfig is SENTINEL CONFIG SET with all its words: all of them or, on an error, none.
func (s *Sentinel) SetConfig(words []string) error {
	type change struct {
		p     parameter
		value string
	}
	var changes []change
	seen := make(map[string]bool)
	for i := 0; i < len(words); i += 2 {
		name := strings.ToLower(words[i])
		at := slices.IndexFunc(parameters, func(p parameter) bool { return p.name == name })
		switch {
		case at < 0:
			return fmt.Errorf("ERR Invalid argument '%s' to SENTINEL CONFIG SET", words[i])
		case seen[name]:
			return fmt.Errorf("ERR Duplicate argument '%s' to SENTINEL CONFIG SET", words[i])
		case i+1 == len(words):
			return fmt.Errorf("ERR Missing argument '%s' value", words[i])
		case !parameters[at].set(s, words[i+1], false):
			return fmt.Errorf("ERR Invalid value '%s' to SENTINEL CONFIG SET '%s'", words[i+1], words[i])
		}
		seen[name] = true
		changes = append(changes, change{parameters[at], words[i+1]})
	}
	for _, c := range changes {
		c.p.set(s, c.value, true)
	}
	if s.save() != nil {
		return ErrUnsaved
	}
	return nil
}

// periods are the rows of SENTINEL DEBUG.
func (s *Sentinel) periods() []struct {
	name string
	at   *Millis
} {
	t := &s.times
	return []struct {
		name string
		at   *Millis
	}{
		{"INFO-PERIOD", &t.InfoPeriod}, {"PING-PERIOD", &t.PingPeriod}, {"ASK-PERIOD", &t.AskPeriod}, {"PUBLISH-PERIOD", &t.PublishPeriod},
		{"DEFAULT-DOWN-AFTER", &t.DefaultDownAfter}, {"DEFAULT-FAILOVER-TIMEOUT", &t.DefaultFailoverTimeout},
		{"TILT-TRIGGER", &t.TiltTrigger}, {"TILT-PERIOD", &t.TiltPeriod}, {"SLAVE-RECONF-TIMEOUT", &t.ReconfTimeout},
		{"MIN-LINK-RECONNECT-PERIOD", &t.ReconnectPeriod}, {"ELECTION-TIMEOUT", &t.ElectionTimeout},
		{"SCRIPT-MAX-RUNTIME", &t.ScriptMaxRuntime}, {"SCRIPT-RETRY-DELAY", &t.ScriptRetryDelay},
	}
}

// Debug is SENTINEL DEBUG without arguments: the periods in milliseconds.
func (s *Sentinel) Debug() []Option {
	var all []Option
	for _, p := range s.periods() {
		all = append(all, Option{p.name, strconv.FormatInt(int64(*p.at), 10)})
	}
	return all
}

// SetDebug is SENTINEL DEBUG with arguments. Those before a wrong one are in effect.
func (s *Sentinel) SetDebug(words []string) error {
	all := s.periods()
	for i := 0; i < len(words); i += 2 {
		at := -1
		for j, p := range all {
			if strings.EqualFold(p.name, words[i]) {
				at = j
			}
		}
		if at < 0 || i+1 == len(words) {
			return fmt.Errorf("ERR Unknown option or number of arguments for SENTINEL DEBUG '%s'", words[i])
		}
		n, ok := resp.ParseInt([]byte(words[i+1]))
		if !ok || n <= 0 {
			return fmt.Errorf("ERR Invalid argument '%s' for SENTINEL DEBUG '%s'", words[i+1], words[i])
		}
		*all[at].at = Millis(n)
	}
	return nil
}
