package wire

// ReapIdle is what a timer does once a second.
func (r *Reactor) ReapIdle() { r.reapIdle() }
