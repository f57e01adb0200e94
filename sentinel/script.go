package sentinel

import (
	"fmt"
	"slices"
	"strconv"
)

// Bounds of what is run for events.
const (
	maxScripts       = 256 // waiting and running
	maxRunning       = 16
	maxScriptRetries = 10
)

// script is a program to run, once or, when it fails with status 1 or is killed, again and again.
type script struct {
	argv    []string
	pid     int // 0: not running
	kill    func()
	startAt Millis // when it began, or not to be begun before
	retries int
}

// queueScript has a program run soon. The oldest that waits makes room.
func (s *Sentinel) queueScript(argv ...string) {
	s.scripts = append(s.scripts, &script{argv: argv})
	if len(s.scripts) > maxScripts {
		if i := slices.IndexFunc(s.scripts, func(j *script) bool { return j.pid == 0 }); i >= 0 {
			s.scripts = slices.Delete(s.scripts, i, i+1)
		}
	}
}

// tendScripts starts what waits and kills what runs for too long.
func (s *Sentinel) tendScripts() {
	now := s.now()
	for _, j := range slices.Clone(s.scripts) {
		switch {
		case j.pid != 0 && now-j.startAt > s.times.ScriptMaxRuntime && j.kill != nil:
			s.plainEvent(Warning, "-script-timeout", fmt.Sprintf("%s %d", j.argv[0], j.pid))
			j.kill()
			j.kill = nil
		case j.pid == 0 && s.running() < maxRunning && now >= j.startAt:
			s.startScript(j)
		}
	}
}

func (s *Sentinel) running() int {
	n := 0
	for _, j := range s.scripts {
		if j.pid != 0 {
			n++
		}
	}
	return n
}

func (s *Sentinel) startScript(j *script) {
	j.startAt = s.now()
	j.retries++
	pid, kill, err := s.world.Start(j.argv, func(status, signal int) { s.scriptEnded(j, status, signal) })
	if err != nil {
		s.plainEvent(Warning, "-script-error", fmt.Sprintf("%s 0 %d", j.argv[0], 2))
		s.dropScript(j)
		return
	}
	j.pid, j.kill = pid, kill
	s.traceEvent("+script-child", strconv.Itoa(pid))
}

func (s *Sentinel) scriptEnded(j *script, status, signal int) {
	s.traceEvent("-script-child", fmt.Sprintf("%d %d %d", j.pid, status, signal))
	switch {
	case (signal != 0 || status == 1) && j.retries != maxScriptRetries:
		j.pid, j.kill = 0, nil
		delay := s.times.ScriptRetryDelay
		for range j.retries - 1 {
			delay *= 2
		}
		j.startAt = s.now() + delay
		return
	case signal != 0 || status != 0:
		s.plainEvent(Warning, "-script-error", fmt.Sprintf("%s %d %d", j.argv[0], signal, status))
	}
	s.dropScript(j)
}

func (s *Sentinel) dropScript(j *script) {
	s.scripts = slices.DeleteFunc(s.scripts, func(o *script) bool { return o == j })
}

// PendingScript is a program that waits or runs.
type PendingScript struct {
	Argv    []string
	Running bool
	PID     int
	Since   Millis // how long it runs
	Delay   Millis // how long until it is begun
	Retries int
}

// PendingScripts is SENTINEL PENDING-SCRIPTS.
func (s *Sentinel) PendingScripts() []PendingScript {
	now := s.now()
	var all []PendingScript
	for _, j := range s.scripts {
		p := PendingScript{Argv: j.argv, Running: j.pid != 0, PID: j.pid, Retries: j.retries}
		if p.Running {
			p.Since = now - j.startAt
		} else {
			p.Delay = max(j.startAt-now, 0)
		}
		all = append(all, p)
	}
	return all
}
