package engine

import (
	"frankenredis/wire/acl"
	"frankenredis/wire/pubsub"
	"frankenredis/wire/session"
)

// newCatalog tells the rules of the commands.
func newCatalog(specs []*Spec) *acl.Catalog {
	describe := func(s *Spec) *acl.Command {
		s.rules = &acl.Command{Name: s.full, Categories: uint64(s.Categories), Free: s.Flags&NoAuth != 0}
		return s.rules
	}
	var all []*acl.Command
	for _, s := range specs {
		cmd := describe(s)
		for i := range s.Sub {
			cmd.Sub = append(cmd.Sub, describe(&s.Sub[i]))
		}
		all = append(all, cmd)
	}
	return acl.NewCatalog(all, categoryNames)
}

// Users are all users.
func (e *Engine) Users() *acl.Users { return e.users }

// Denials is ACL LOG.
func (e *Engine) Denials() *acl.Log { return &e.denials }

// followUsers does now and whenever one changes what parameters say about users.
func (e *Engine) followUsers() {
	password := func() error {
		e.users.SetPassword(e.cfg.String("requirepass"))
		return nil
	}
	channels := func() error {
		e.users.EveryChannel = e.cfg.Enum("acl-pubsub-default") == "allchannels"
		return nil
	}
	e.cfg.OnApply("requirepass", password)
	e.cfg.OnApply("acl-pubsub-default", channels)
	_ = password()
	_ = channels()
}

// Anonymous makes a client the default user: as it comes, and as RESET leaves it.
func (e *Engine) Anonymous(s *session.Session) {
	d := e.users.Default()
	s.User, s.Authenticated = d, d.AnyPassword() && d.Enabled()
}

// AuthNeeded says whether this client must authenticate first.
func (e *Engine) AuthNeeded(s *session.Session) bool {
	if s.Authenticated {
		return false
	}
	d := e.users.Default()
	return !d.AnyPassword() || !d.Enabled()
}

// Authenticate logs a client in; argv is its command. false: the password is wrong, or there is no such user.
func (e *Engine) Authenticate(s *session.Session, user string, password []byte, argv [][]byte) bool {
	u := e.users.Get(user)
	if u == nil || !u.Accepts(password) {
		e.denied(s, acl.DeniedAuth, string(argv[0]), user)
		return false
	}
	s.User, s.Authenticated = u, true
	return true
}

// access is what the rules are asked about a command.
func access(spec *Spec, argv [][]byte) *acl.Query {
	q := &acl.Query{Command: spec.rules, Argv: argv, Patterns: spec.Channels == EveryPattern}
	q.Keys = func() []acl.Key {
		refs, ok := spec.FindKeys(argv)
		if !ok {
			return nil
		}
		keys := make([]acl.Key, len(refs))
		for i, r := range refs {
			keys[i] = acl.Key{Pos: r.Pos, Read: r.Flags&KeyAccess != 0, Write: r.Flags&(KeyInsert|KeyDelete|KeyUpdate) != 0}
		}
		return keys
	}
	switch {
	case spec.Channels == FirstChannel && len(argv) > 1:
		q.Channels = []int{1}
	case spec.Channels > FirstChannel:
		for i := 1; i < len(argv); i++ {
			q.Channels = append(q.Channels, i)
		}
	}
	return q
}

// Permits judges a command as if a user ran it; pos is the argument to blame.
func (e *Engine) Permits(u *acl.User, spec *Spec, argv [][]byte) (d acl.Denial, pos int) {
	return u.Check(access(spec, argv))
}

// ReadsEverything says whether the client may read any key besides those its command names.
func (c *Call) ReadsEverything() bool {
	return c.S.User.Unlimited() || c.S.User.ReadsEverything(access(c.Spec, c.Args))
}

// checkAccess is the check of a command that a client sent, for users who are not unlimited.
func (e *Engine) checkAccess(s *session.Session, spec *Spec, argv [][]byte) error {
	d, pos := e.Permits(s.User, spec, argv)
	if d == acl.Allowed {
		return nil
	}
	e.denied(s, d, deniedObject(d, spec, argv, pos), s.User.Name)
	return ReplyError("NOPERM " + refusal(d, spec, s.User))
}

// refusal says what a user may not do.
func refusal(d acl.Denial, spec *Spec, u *acl.User) string {
	switch d {
	case acl.DeniedKey:
		return "No permissions to access a key"
	case acl.DeniedChannel:
		return "No permissions to access a channel"
	}
	return "User " + u.Name + " has no permissions to run the '" + spec.full + "' command"
}

// checkScriptAccess is the check of a command that a script calls.
func (e *Engine) checkScriptAccess(sc *script, spec *Spec, argv [][]byte) error {
	u := sc.caller.User
	if u.Unlimited() {
		return nil
	}
	d, pos := e.Permits(u, spec, argv)
	if d == acl.Allowed {
		return nil
	}
	e.denied(sc.caller, d, deniedObject(d, spec, argv, pos), u.Name)
	return ReplyError("ERR ACL failure in script: " + refusal(d, spec, u))
}

// refusedInExec checks a command of a transaction again and answers it when it is allowed no longer.
func (e *Engine) refusedInExec(s *session.Session, spec *Spec, argv [][]byte) bool {
	d, pos := e.Permits(s.User, spec, argv)
	reason := ""
	switch d {
	case acl.Allowed:
		return false
	case acl.DeniedKey:
		reason = "no permission to touch the specified keys"
	case acl.DeniedChannel:
		reason = "no permission to access one of the channels used as arguments"
	default:
		reason = "no permission to execute the command or subcommand"
	}
	e.denied(s, d, deniedObject(d, spec, argv, pos), s.User.Name)
	if !s.Muted() {
		e.replyError(s, ReplyError("NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "+
			"This command is no longer allowed for the following reason: "+reason))
	}
	return true
}

func deniedObject(d acl.Denial, spec *Spec, argv [][]byte, pos int) string {
	if d == acl.DeniedCommand {
		return spec.full
	}
	return string(argv[pos])
}

// denied counts and logs a refusal.
func (e *Engine) denied(s *session.Session, d acl.Denial, object, user string) {
	if s.Conn == nil {
		return // a log being replayed
	}
	e.stats.Denied[d]++
	context := "toplevel"
	switch {
	case e.script != nil && e.script.caller == s:
		context = "lua"
	case s.Multi:
		context = "multi"
	}
	limit := e.cfg.Int("acllog-max-len")
	if limit < 0 {
		limit = 1<<63 - 1
	}
	e.denials.Add(acl.Entry{Reason: d, Context: context, Object: object, User: user, Client: e.DescribeClient(s),
		Updated: int64(e.now)}, int(limit))
}

// SetUser is ACL SETUSER. Who is subscribed to channels that the user has lost is disconnected. by is the client that asks.
func (e *Engine) SetUser(by *session.Session, name string, rules []string) error {
	return e.users.Set(name, rules, func(now, then *acl.User) { e.endLostSubscriptions(by, now, acl.LostChannels(now, then)) })
}

// DeleteUser is ACL DELUSER for one name; it says whether there was such a user. Its clients are disconnected.
func (e *Engine) DeleteUser(by *session.Session, name string) bool {
	u := e.users.Delete(name)
	if u == nil {
		return false
	}
	e.Sessions(func(s *session.Session) {
		if s.User == u {
			e.expel(by, s)
		}
	})
	return true
}

// ReplaceUsers is ACL LOAD: clients keep their user if one of its name is left and they have lost no channel. As in Redis,
// subscriptions of the default user are not looked at.
func (e *Engine) ReplaceUsers(by *session.Session, next *acl.Users) {
	e.users.Replace(next, func(old, now *acl.User) {
		if now != nil {
			e.endLostSubscriptions(by, old, acl.LostChannels(old, now))
		}
		e.Sessions(func(s *session.Session) {
			switch {
			case s.User != old:
			case now == nil:
				e.expel(by, s)
			default:
				s.User = now
			}
		})
	})
}

// endLostSubscriptions disconnects the clients of a user whose subscriptions do not pass the test.
func (e *Engine) endLostSubscriptions(by *session.Session, u *acl.User, t *acl.ChannelTest) {
	if t == nil {
		return
	}
	e.Sessions(func(s *session.Session) {
		if s.User != u || !s.Subs.Any() {
			return
		}
		lost := false
		for _, k := range [...]pubsub.Kind{pubsub.Patterns, pubsub.Channels, pubsub.Shards} {
			s.Subs.Names(k, func(name []byte) { lost = lost || !t.Keeps(name, k == pubsub.Patterns) })
		}
		if lost {
			e.expel(by, s)
		}
	})
}

// expel ends a client whose user is gone; the one that asked for it has its reply first.
func (e *Engine) expel(by, s *session.Session) {
	s.User, s.Authenticated = e.users.Default(), false
	if s == by {
		s.CloseAfterReply = true
	} else {
		s.Conn.Close(false)
	}
}

// LoadUsers is ACL LOAD; the error is what the client sees.
func (e *Engine) LoadUsers(by *session.Session) error { return e.hooks.LoadUsers(by) }

// SaveUsers is ACL SAVE; the log says more than the error.
func (e *Engine) SaveUsers() error { return e.hooks.SaveUsers() }
