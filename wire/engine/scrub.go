package engine

// ScrubRequest is one of FR.SCRUB.
type ScrubRequest struct {
	What ScrubKind
	Path string // of ScrubRepair; "": all that is damaged
}

// ScrubKind is what FR.SCRUB is to do.
type ScrubKind uint8

// The kinds.
const (
	ScrubStatus ScrubKind = iota
	ScrubStart
	ScrubStop
	ScrubRepair
)

// Scrub is FR.SCRUB. It replies.
func (e *Engine) Scrub(c *Call, q ScrubRequest) error {
	if e.hooks.Scrub == nil {
		return ReplyError("ERR This server keeps no sidecars")
	}
	return e.hooks.Scrub(c, q)
}
