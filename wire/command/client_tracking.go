package command

import (
	"strings"

	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

const trackingFlags = engine.NoScript | engine.Loading | engine.Stale

var (
	clientCachingRow = engine.Spec{Name: "caching", Arity: 3, Flags: trackingFlags, Categories: engine.CatConnection,
		Handler: clientCachingCommand}
	clientGetredirRow = engine.Spec{Name: "getredir", Arity: 2, Flags: trackingFlags, Categories: engine.CatConnection,
		Handler: clientGetredirCommand}
	clientTrackingRow = engine.Spec{Name: "tracking", Arity: -3, Flags: trackingFlags, Categories: engine.CatConnection,
		Handler: clientTrackingCommand}
	clientTrackinginfoRow = engine.Spec{Name: "trackinginfo", Arity: 2, Flags: trackingFlags, Categories: engine.CatConnection,
		Handler: clientTrackinginfoCommand}
)

// redirection is the client that is told instead of this one, 0 for itself, -1 while it does not track.
func redirection(s *session.Session) int64 {
	if !s.Tracking.On {
		return -1
	}
	return s.Tracking.Redirect
}

func clientGetredirCommand(c *engine.Call) error {
	c.W.Int(redirection(c.S))
	return nil
}

func clientTrackingCommand(c *engine.Call) error {
	o, err := parseTracking(c)
	if err != nil {
		return err
	}
	switch {
	case is(c.Args[2], "ON"):
		if err := checkTracking(&c.S.Tracking, &o); err != nil {
			return err
		}
		c.E.Track(c.S, o)
	case is(c.Args[2], "OFF"):
		c.E.Untrack(c.S)
	default:
		return engine.ErrSyntax
	}
	c.W.OK()
	return nil
}

func parseTracking(c *engine.Call) (o session.Tracking, err error) {
	for i := 3; i < len(c.Args); i++ {
		more := i+1 < len(c.Args)
		switch a := c.Args[i]; {
		case is(a, "REDIRECT") && more:
			i++
			if o.Redirect != 0 {
				return o, engine.ReplyError("ERR A client can only redirect to a single other client")
			}
			if o.Redirect, err = integer(c.Args[i]); err != nil {
				return o, err
			}
			// Not only now: when the other ends, the client is told.
			if c.E.SessionByID(o.Redirect) == nil {
				return o, engine.ReplyError("ERR The client ID you want redirect to does not exist")
			}
		case is(a, "BCAST"):
			o.Bcast = true
		case is(a, "OPTIN"):
			o.OptIn = true
		case is(a, "OPTOUT"):
			o.OptOut = true
		case is(a, "NOLOOP"):
			o.NoLoop = true
		case is(a, "PREFIX") && more:
			i++
			o.Prefixes = append(o.Prefixes, string(c.Args[i]))
		default:
			return o, engine.ErrSyntax
		}
	}
	return o, nil
}

// checkTracking says whether the options fit each other and what the client has chosen before.
func checkTracking(old, o *session.Tracking) error {
	switch {
	case !o.Bcast && len(o.Prefixes) > 0:
		return engine.ReplyError("ERR PREFIX option requires BCAST mode to be enabled")
	case old.On && old.Bcast != o.Bcast:
		return engine.ReplyError("ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then " +
			"re-enabling it with a different mode.")
	case o.Bcast && (o.OptIn || o.OptOut):
		return engine.ReplyError("ERR OPTIN and OPTOUT are not compatible with BCAST")
	case o.OptIn && o.OptOut:
		return engine.ReplyError("ERR You can't specify both OPTIN mode and OPTOUT mode")
	case (o.OptIn && old.OptOut) || (o.OptOut && old.OptIn):
		return engine.ReplyError("ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then " +
			"re-enabling it with a different mode.")
	}
	const overlap = "ERR Prefix '%s' overlaps with %s prefix '%s'. Prefixes for a single client must not overlap."
	for i, p := range o.Prefixes {
		for _, q := range old.Prefixes {
			if overlapping(p, q) {
				return engine.Errorf(overlap, shown([]byte(p)), "an existing", shown([]byte(q)))
			}
		}
		for _, q := range o.Prefixes[i+1:] {
			if overlapping(p, q) {
				return engine.Errorf(overlap, shown([]byte(p)), "another provided", shown([]byte(q)))
			}
		}
	}
	return nil
}

func overlapping(p, q string) bool { return strings.HasPrefix(p, q) || strings.HasPrefix(q, p) }

func clientCachingCommand(c *engine.Call) error {
	o := &c.S.Tracking
	if !o.On {
		return engine.ReplyError("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
	}
	switch {
	case is(c.Args[2], "YES"):
		if !o.OptIn {
			return engine.ReplyError("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
		}
	case is(c.Args[2], "NO"):
		if !o.OptOut {
			return engine.ReplyError("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
		}
	default:
		return engine.ErrSyntax
	}
	o.Caching = true
	c.W.OK()
	return nil
}

func clientTrackinginfoCommand(c *engine.Call) error {
	o := &c.S.Tracking
	flags := []string{"off"}
	if o.On {
		flags[0] = "on"
	}
	for _, f := range []struct {
		on   bool
		name string
	}{
		{o.Bcast, "bcast"}, {o.OptIn, "optin"}, {o.OptIn && o.Caching, "caching-yes"}, {o.OptOut, "optout"},
		{o.OptOut && o.Caching, "caching-no"}, {o.NoLoop, "noloop"}, {o.Broken, "broken_redirect"},
	} {
		if f.on {
			flags = append(flags, f.name)
		}
	}
	c.W.Map(3)
	c.W.BulkString("flags")
	c.W.Set(len(flags))
	for _, f := range flags {
		c.W.BulkString(f)
	}
	c.W.BulkString("redirect")
	c.W.Int(redirection(c.S))
	c.W.BulkString("prefixes")
	c.W.Array(len(o.Prefixes))
	for _, p := range o.Prefixes {
		c.W.BulkString(p)
	}
	return nil
}
