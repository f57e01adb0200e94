package sentinel

import "fmt"

// event tells the log, subscribers and the notification script what happened to a node; more goes behind its description.
func (s *Sentinel) event(level Level, channel string, n *node, more string) {
	s.tell(level, channel, s.describe(n)+more, n.owner)
}

// plainEvent is event for what is no node's.
func (s *Sentinel) plainEvent(level Level, channel, message string) {
	s.tell(level, channel, message, nil)
}

func (s *Sentinel) tell(level Level, channel, message string, p *Primary) {
	s.log(level, channel+" "+message)
	s.world.Publish(channel, message)
	if level == Warning && p != nil && p.notify != "" {
		s.queueScript(p.notify, channel, message)
	}
}

// traceEvent tells only the log, and only one that has everything.
func (s *Sentinel) traceEvent(channel, message string) { s.log(Debug, channel+" "+message) }

// describe names a node as events do, with its primary unless it is one.
func (s *Sentinel) describe(n *node) string {
	text := fmt.Sprintf("%s %s %s %d", n.kind, n.name, s.shown(n.addr), n.addr.Port)
	if n.kind != primaryKind {
		text += fmt.Sprintf(" @ %s %s %d", n.owner.name, s.shown(n.owner.addr), n.owner.addr.Port)
	}
	return text
}
