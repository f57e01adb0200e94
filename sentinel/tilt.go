package sentinel

// checkTilt notices that the clock jumped or this process stood still, after which no time measured means anything: for a
// while everything is watched and nothing judged or begun.
func (s *Sentinel) checkTilt() {
	now := s.now()
	if gap := now - s.previous; s.previous != 0 && (gap < 0 || gap > s.times.TiltTrigger) {
		s.tilt, s.tiltSince = true, now
		s.plainEvent(Warning, "+tilt", "#tilt mode entered")
	}
	s.previous = now
	if s.tilt && now-s.tiltSince >= s.times.TiltPeriod {
		s.tilt = false
		s.plainEvent(Warning, "-tilt", "#tilt mode exited")
	}
}
