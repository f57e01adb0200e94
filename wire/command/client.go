package command

import (
	"math"
	"strings"
	"time"

	"frankenredis/wire/acl"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

var clientRow = engine.Spec{Name: "client", Arity: -2,
	Sub: []engine.Spec{
		clientCachingRow, clientGetredirRow,
		{Name: "getname", Arity: 2, Flags: engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientGetnameCommand},
		{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientHelpCommand},
		{Name: "id", Arity: 2, Flags: engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientIdCommand},
		{Name: "info", Arity: 2, Flags: engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Tips:    []string{"nondeterministic_output"},
			Handler: clientInfoCommand},
		{Name: "kill", Arity: -3, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientKillCommand},
		{Name: "list", Arity: -2, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Tips:    []string{"nondeterministic_output"},
			Handler: clientListCommand},
		{Name: "no-evict", Arity: 3, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientNoEvictCommand},
		{Name: "no-touch", Arity: 3, Flags: engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientNoTouchCommand},
		{Name: "pause", Arity: -3, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientPauseCommand},
		{Name: "reply", Arity: 3, Flags: engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientReplyCommand},
		{Name: "setinfo", Arity: 4, Flags: engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			Handler: clientSetinfoCommand},
		{Name: "setname", Arity: 3, Flags: engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			Handler: clientSetnameCommand},
		clientTrackingRow, clientTrackinginfoRow,
		{Name: "unblock", Arity: -3, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientUnblockCommand},
		{Name: "unpause", Arity: 2, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale, Categories: engine.CatConnection,
			Handler: clientUnpauseCommand},
	}}

// printable says whether a text may stand in CLIENT LIST: no space, no control character. It ends at a NUL, as CLIENT LIST
// shows it.
func printable(text []byte) bool {
	for _, ch := range shown(text) {
		if ch < '!' || ch > '~' {
			return false
		}
	}
	return true
}

func checkName(name []byte) error {
	if !printable(name) {
		return engine.ReplyError("ERR Client names cannot contain spaces, newlines or special characters.")
	}
	return nil
}

func clientIdCommand(c *engine.Call) error {
	c.W.Int(c.S.ID)
	return nil
}

func clientGetnameCommand(c *engine.Call) error {
	if c.S.Name == "" {
		c.W.Null()
	} else {
		c.W.BulkString(c.S.Name)
	}
	return nil
}

func clientSetnameCommand(c *engine.Call) error {
	if err := checkName(c.Args[2]); err != nil {
		return err
	}
	c.S.Name = string(c.Args[2])
	c.W.OK()
	return nil
}

func clientSetinfoCommand(c *engine.Call) error {
	var field *string
	switch {
	case is(c.Args[2], "LIB-NAME"):
		field = &c.S.LibName
	case is(c.Args[2], "LIB-VER"):
		field = &c.S.LibVersion
	default:
		return engine.Errorf("ERR Unrecognized option '%s'", shown(c.Args[2]))
	}
	if !printable(c.Args[3]) {
		return engine.Errorf("ERR %s cannot contain spaces, newlines or special characters.", shown(c.Args[2]))
	}
	*field = string(c.Args[3])
	c.W.OK()
	return nil
}

func clientInfoCommand(c *engine.Call) error {
	c.W.Verbatim("txt", c.E.DescribeClient(c.S)+"\n")
	return nil
}

// clientType is what CLIENT LIST and KILL tell clients apart by.
type clientType uint8

// The client types.
const (
	normalClient clientType = iota
	pubsubClient
	primaryClient
	replicating
)

func parseClientType(arg []byte) (clientType, error) {
	switch {
	case is(arg, "NORMAL"):
		return normalClient, nil
	case is(arg, "PUBSUB"):
		return pubsubClient, nil
	case is(arg, "MASTER"):
		return primaryClient, nil
	case is(arg, "REPLICA"), is(arg, "SLAVE"):
		return replicating, nil
	}
	return 0, engine.Errorf("ERR Unknown client type '%s'", shown(arg))
}

func typeOf(s *session.Session) clientType {
	if s.Primary {
		return primaryClient
	}
	if s.IsReplica() {
		return replicating
	}
	if s.Subs.Any() {
		return pubsubClient
	}
	return normalClient
}

func clientListCommand(c *engine.Call) error {
	var out strings.Builder
	add := func(s *session.Session) {
		out.WriteString(c.E.DescribeClient(s))
		out.WriteByte('\n')
	}
	switch {
	case len(c.Args) == 2:
		c.E.Sessions(add)
	case len(c.Args) == 4 && is(c.Args[2], "TYPE"):
		typ, err := parseClientType(c.Args[3])
		if err != nil {
			return err
		}
		c.E.Sessions(func(s *session.Session) {
			if typeOf(s) == typ {
				add(s)
			}
		})
	case len(c.Args) > 3 && is(c.Args[2], "ID"):
		for _, a := range c.Args[3:] {
			id, err := integer(a)
			if err != nil {
				return engine.ReplyError("ERR Invalid client ID")
			}
			if s := c.E.SessionByID(id); s != nil {
				add(s)
			}
		}
	default:
		return engine.ErrSyntax
	}
	c.W.Verbatim("txt", out.String())
	return nil
}

// killFilter says which clients CLIENT KILL means; nil and zero ask for nothing.
type killFilter struct {
	addr, laddr *string
	user        *acl.User
	id          int64
	typed       bool
	typ         clientType // if typed
	skipMe      bool
}

func (f *killFilter) matches(c *engine.Call, s *session.Session) bool {
	return (f.addr == nil || s.Addr == *f.addr) && (f.laddr == nil || s.LocalAddr == *f.laddr) &&
		(f.id == 0 || s.ID == f.id) && (f.user == nil || s.User == f.user) && (!f.typed || typeOf(s) == f.typ) &&
		!(f.skipMe && s == c.S)
}

func parseKillFilter(users *acl.Users, args [][]byte) (f killFilter, err error) {
	f.skipMe = true
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return f, engine.ErrSyntax
		}
		value := args[i+1]
		text := shown(value)
		switch {
		case is(args[i], "ID"):
			n, err := integer(value)
			if err != nil || n < 1 {
				return f, engine.ReplyError("ERR client-id should be greater than 0")
			}
			f.id = n
		case is(args[i], "TYPE"):
			if f.typ, err = parseClientType(value); err != nil {
				return f, err
			}
			f.typed = true
		case is(args[i], "ADDR"):
			f.addr = &text
		case is(args[i], "LADDR"):
			f.laddr = &text
		case is(args[i], "USER"):
			if f.user = users.Get(string(value)); f.user == nil {
				return f, engine.Errorf("ERR No such user '%s'", text)
			}
		case is(args[i], "SKIPME") && is(value, "YES"):
			f.skipMe = true
		case is(args[i], "SKIPME") && is(value, "NO"):
			f.skipMe = false
		default:
			return f, engine.ErrSyntax
		}
	}
	return f, nil
}

func clientKillCommand(c *engine.Call) error {
	old := len(c.Args) == 3
	f := killFilter{}
	if old {
		addr := shown(c.Args[2])
		f.addr = &addr
	} else {
		var err error
		if f, err = parseKillFilter(c.E.Users(), c.Args[2:]); err != nil {
			return err
		}
	}
	n := int64(0)
	c.E.Sessions(func(s *session.Session) {
		if f.matches(c, s) {
			s.Conn.Close(s == c.S)
			n++
		}
	})
	switch {
	case !old:
		c.W.Int(n)
	case n == 0:
		return engine.ReplyError("ERR No such client")
	default:
		c.W.OK()
	}
	return nil
}

// onOff reads the one argument of a switch.
func onOff(arg []byte) (on bool, err error) {
	switch {
	case is(arg, "ON"):
		return true, nil
	case is(arg, "OFF"):
		return false, nil
	}
	return false, engine.ErrSyntax
}

func clientNoEvictCommand(c *engine.Call) (err error) {
	if c.S.NoEvict, err = onOff(c.Args[2]); err == nil {
		c.W.OK()
	}
	return err
}

func clientNoTouchCommand(c *engine.Call) (err error) {
	if c.S.NoTouch, err = onOff(c.Args[2]); err == nil {
		c.W.OK()
	}
	return err
}

func clientReplyCommand(c *engine.Call) error {
	switch {
	case is(c.Args[2], "ON"):
		c.S.Reply = session.ReplyOn
		c.W.OK()
	case is(c.Args[2], "OFF"):
		c.S.Reply = session.ReplyOff
	case is(c.Args[2], "SKIP"):
		if c.S.Reply != session.ReplyOff {
			c.S.Reply = session.SkipNext
		}
	default:
		return engine.ErrSyntax
	}
	return nil
}

func clientUnblockCommand(c *engine.Call) error {
	withError := false
	if len(c.Args) == 4 {
		switch {
		case is(c.Args[3], "TIMEOUT"):
		case is(c.Args[3], "ERROR"):
			withError = true
		default:
			return engine.ReplyError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
		}
	} else if len(c.Args) > 4 {
		return errSubcommand(c)
	}
	id, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	if s := c.E.SessionByID(id); s != nil && c.E.Unblock(s, withError) {
		c.W.Int(1)
	} else {
		c.W.Int(0)
	}
	return nil
}

// timeoutMillis reads a time limit in milliseconds; 0 means none.
func timeoutMillis(c *engine.Call, arg []byte) (time.Duration, error) {
	n, err := integer(arg)
	if err != nil {
		return 0, engine.ErrTimeoutNotInt
	}
	if n < 0 {
		return 0, engine.ErrTimeoutNeg
	}
	if n > math.MaxInt64-int64(c.Now) {
		return 0, engine.ReplyError("ERR timeout is out of range")
	}
	return time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, nil
}

func clientPauseCommand(c *engine.Call) error {
	all := true
	switch {
	case len(c.Args) == 4 && is(c.Args[3], "WRITE"):
		all = false
	case len(c.Args) == 4 && is(c.Args[3], "ALL"):
	case len(c.Args) == 3:
	case len(c.Args) == 4:
		return engine.ReplyError("ERR CLIENT PAUSE mode must be WRITE or ALL")
	default:
		return errSubcommand(c)
	}
	d, err := timeoutMillis(c, c.Args[2])
	if err != nil {
		return err
	}
	c.E.Pause(c.E.Wall().Add(d), all)
	c.W.OK()
	return nil
}

func clientUnpauseCommand(c *engine.Call) error {
	c.E.Unpause()
	c.W.OK()
	return nil
}

func clientHelpCommand(c *engine.Call) error {
	return help(c,
		"CACHING (YES|NO)", "    Whether the keys that the next command reads are tracked.",
		"GETREDIR", "    The id of the client that is told instead of this one, 0 or -1.",
		"GETNAME", "    The name of this connection.",
		"ID", "    The id of this connection.",
		"INFO", "    What LIST shows, of this connection.",
		"KILL <ip:port>", "    End the connection from that address.",
		"KILL <option> <value> [<option> <value> [...]]", "    End the connections that all options fit:",
		"    ADDR, LADDR, TYPE (NORMAL|MASTER|REPLICA|PUBSUB), USER, ID, SKIPME (YES|NO).",
		"LIST [options ...]", "    One line for each connection, or each of TYPE <type>, or of ID <id> [<id> ...].",
		"UNPAUSE", "    End a pause.",
		"PAUSE <timeout> [WRITE|ALL]", "    Hold back all commands, or writing ones, for so many milliseconds.",
		"REPLY (ON|OFF|SKIP)", "    Answer this connection, do not, or leave out the next answer.",
		"SETNAME <name>", "    Name this connection.",
		"SETINFO <option> <value>", "    Tell which client library this is: LIB-NAME, LIB-VER.",
		"UNBLOCK <clientid> [TIMEOUT|ERROR]", "    End the wait of a blocked connection.",
		"TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]", "         [OPTIN] [OPTOUT] [NOLOOP]",
		"    Tell this connection, or another, when keys change that it has read.",
		"TRACKINGINFO", "    How this connection tracks.",
		"NO-EVICT (ON|OFF)", "    Keep this connection when memory for clients runs out.",
		"NO-TOUCH (ON|OFF)", "    Leave access times alone when this connection reads.")
}
