package command

import (
	"crypto/rand"
	"encoding/hex"
	"math"

	"frankenredis/wire/acl"
	"frankenredis/wire/engine"
)

const aclFlags = engine.NoScript | engine.Loading | engine.Stale

var aclCommands = []engine.Spec{
	{Name: "acl", Arity: -2, Sub: []engine.Spec{
		{Name: "cat", Arity: -2, Flags: aclFlags, Handler: aclCatCommand},
		{Name: "deluser", Arity: -3, Flags: engine.Admin | aclFlags,
			Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			Handler: aclDeluserCommand},
		{Name: "dryrun", Arity: -4, Flags: engine.Admin | aclFlags, Handler: aclDryrunCommand},
		{Name: "genpass", Arity: -2, Flags: aclFlags, Handler: aclGenpassCommand},
		{Name: "getuser", Arity: 3, Flags: engine.Admin | aclFlags, Handler: aclGetuserCommand},
		{Name: "help", Arity: 2, Flags: engine.Loading | engine.Stale, Handler: aclHelpCommand},
		{Name: "list", Arity: 2, Flags: engine.Admin | aclFlags, Handler: aclListCommand},
		{Name: "load", Arity: 2, Flags: engine.Admin | aclFlags, Handler: aclLoadCommand},
		{Name: "log", Arity: -2, Flags: engine.Admin | aclFlags, Handler: aclLogCommand},
		{Name: "save", Arity: 2, Flags: engine.Admin | aclFlags,
			Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			Handler: aclSaveCommand},
		{Name: "setuser", Arity: -3, Flags: engine.Admin | aclFlags,
			Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
			Handler: aclSetuserCommand},
		{Name: "users", Arity: 2, Flags: engine.Admin | aclFlags, Handler: aclUsersCommand},
		{Name: "whoami", Arity: 2, Flags: aclFlags, Handler: aclWhoamiCommand},
	}},
}

// redactUsers keeps users and their passwords out of SLOWLOG.
func redactUsers(c *engine.Call) {
	for i := 2; i < len(c.Args); i++ {
		c.Redact(i)
	}
}

func aclSetuserCommand(c *engine.Call) error {
	redactUsers(c)
	name := string(c.Args[2])
	if !acl.NameAllowed(name) {
		return engine.ReplyError("ERR Usernames can't contain spaces or null characters")
	}
	rules := make([]string, len(c.Args)-3)
	for i, a := range c.Args[3:] {
		rules[i] = string(a)
	}
	if err := c.E.SetUser(c.S, name, rules); err != nil {
		return engine.ReplyError("ERR " + err.Error())
	}
	c.W.OK()
	return nil
}

func aclDeluserCommand(c *engine.Call) error {
	redactUsers(c)
	for _, name := range c.Args[2:] {
		if shown(name) == acl.DefaultName {
			return engine.ReplyError("ERR The 'default' user cannot be removed")
		}
	}
	n := int64(0)
	for _, name := range c.Args[2:] {
		if c.E.DeleteUser(c.S, string(name)) {
			n++
		}
	}
	c.W.Int(n)
	return nil
}

func aclGetuserCommand(c *engine.Call) error {
	redactUsers(c)
	u := c.E.Users().Get(string(c.Args[2]))
	if u == nil {
		c.W.Null()
		return nil
	}
	c.W.Map(6)
	c.W.BulkString("flags")
	flags := u.Flags()
	c.W.Set(len(flags))
	for _, f := range flags {
		c.W.BulkString(f)
	}
	c.W.BulkString("passwords")
	bulkStrings(c, u.Passwords())
	permissions := func(p acl.Permissions) {
		c.W.BulkString("commands")
		c.W.BulkString(p.Commands)
		c.W.BulkString("keys")
		c.W.BulkString(p.Keys)
		c.W.BulkString("channels")
		c.W.BulkString(p.Channels)
	}
	all := u.Permissions()
	permissions(all[0])
	c.W.BulkString("selectors")
	c.W.Array(len(all) - 1)
	for _, p := range all[1:] {
		c.W.Map(3)
		permissions(p)
	}
	return nil
}

func bulkStrings(c *engine.Call, words []string) {
	c.W.Array(len(words))
	for _, w := range words {
		c.W.BulkString(w)
	}
}

func aclListCommand(c *engine.Call) error {
	lines := c.E.Users().Lines()
	for i := range lines {
		lines[i] = "user " + lines[i]
	}
	bulkStrings(c, lines)
	return nil
}

func aclUsersCommand(c *engine.Call) error {
	all := c.E.Users().All()
	c.W.Array(len(all))
	for _, u := range all {
		c.W.BulkString(u.Name)
	}
	return nil
}

func aclWhoamiCommand(c *engine.Call) error {
	if c.S.User == nil { // a log being replayed
		c.W.Null()
		return nil
	}
	c.W.BulkString(c.S.User.Name)
	return nil
}

func aclLoadCommand(c *engine.Call) error {
	if err := needACLFile(c); err != nil {
		return err
	}
	if err := c.E.LoadUsers(c.S); err != nil {
		return engine.ReplyError("ERR " + err.Error())
	}
	c.W.OK()
	return nil
}

func aclSaveCommand(c *engine.Call) error {
	if err := needACLFile(c); err != nil {
		return err
	}
	if err := c.E.SaveUsers(); err != nil {
		return engine.ReplyError("ERR There was an error trying to save the ACLs. Please check the server logs for more information")
	}
	c.W.OK()
	return nil
}

func needACLFile(c *engine.Call) error {
	if c.E.Config().String("aclfile") != "" {
		return nil
	}
	return engine.ReplyError("ERR This Redis instance is not configured to use an ACL file. You may want to specify users " +
		"via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in " +
		"order to store users in the Redis configuration.")
}

func aclCatCommand(c *engine.Call) error {
	catalog := c.E.Users().Catalog()
	switch len(c.Args) {
	case 2:
		bulkStrings(c, catalog.Categories())
	case 3:
		commands, ok := catalog.InCategory(shown(c.Args[2]))
		if !ok {
			name := shown(c.Args[2])
			return engine.Errorf("ERR Unknown category '%s'", name[:min(len(name), 128)])
		}
		bulkStrings(c, commands)
	default:
		return errSubcommand(c)
	}
	return nil
}

func aclGenpassCommand(c *engine.Call) error {
	const most = 4096
	bits := int64(256)
	switch len(c.Args) {
	case 2:
	case 3:
		var err error
		if bits, err = integer(c.Args[2]); err != nil {
			return err
		}
		if bits <= 0 || bits > most {
			return engine.Errorf("ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to %d", most)
		}
	default:
		return errSubcommand(c)
	}
	digits := (bits + 3) / 4
	p := make([]byte, (digits+1)/2)
	if _, err := rand.Read(p); err != nil {
		return err
	}
	c.W.BulkString(hex.EncodeToString(p)[:digits])
	return nil
}

func aclLogCommand(c *engine.Call) error {
	n := int64(10)
	switch {
	case len(c.Args) > 3:
		return errSubcommand(c)
	case len(c.Args) == 3 && is(c.Args[2], "RESET"):
		c.E.Denials().Reset()
		c.W.OK()
		return nil
	case len(c.Args) == 3:
		var err error
		if n, err = integer(c.Args[2]); err != nil {
			return err
		}
	}
	entries := c.E.Denials().Entries(int(min(max(n, 0), math.MaxInt32)))
	c.W.Array(len(entries))
	for _, e := range entries {
		c.W.Map(10)
		number := func(name string, n int64) {
			c.W.BulkString(name)
			c.W.Int(n)
		}
		text := func(name, value string) {
			c.W.BulkString(name)
			c.W.BulkString(value)
		}
		number("count", e.Count)
		text("reason", e.Reason.String())
		text("context", e.Context)
		text("object", e.Object)
		text("username", e.User)
		c.W.BulkString("age-seconds")
		c.W.Double(float64(int64(c.Now)-e.Updated) / 1000)
		text("client-info", e.Client)
		number("entry-id", e.ID)
		number("timestamp-created", e.Created)
		number("timestamp-last-updated", e.Updated)
	}
	return nil
}

func aclDryrunCommand(c *engine.Call) error {
	u := c.E.Users().Get(string(c.Args[2]))
	if u == nil {
		return engine.Errorf("ERR User '%s' not found", shown(c.Args[2]))
	}
	argv := c.Args[3:]
	spec := c.E.Commands().Lookup(argv[0])
	if spec != nil && len(spec.Sub) > 0 && len(argv) > 1 {
		spec = spec.Subcommand(argv[1])
	}
	if spec == nil {
		return engine.Errorf("ERR Command '%s' not found", shown(argv[0]))
	}
	if (spec.Arity > 0 && len(argv) != spec.Arity) || len(argv) < -spec.Arity {
		return engine.ErrArity(spec.FullName())
	}
	d, pos := c.E.Permits(u, spec, argv)
	kind := "key"
	switch d {
	case acl.Allowed:
		c.W.OK()
		return nil
	case acl.DeniedCommand:
		c.W.BulkString("User " + u.Name + " has no permissions to run the '" + spec.FullName() + "' command")
		return nil
	case acl.DeniedChannel:
		kind = "channel"
	}
	c.W.BulkString("User " + u.Name + " has no permissions to access the '" + string(argv[pos]) + "' " + kind)
	return nil
}

func aclHelpCommand(c *engine.Call) error {
	return help(c,
		"CAT [<category>]", "    The categories of commands, or the commands of one.",
		"DELUSER <username> [<username> ...]", "    Remove users and disconnect their clients.",
		"DRYRUN <username> <command> [<arg> ...]", "    Whether a user may run a command, which is not run.",
		"GETUSER <username>", "    What a user may do.",
		"GENPASS [<bits>]", "    A random password, of 256 bits unless told otherwise.",
		"LIST", "    All users, as they stand in configuration files.",
		"LOAD", "    Read all users from the ACL file.",
		"LOG [<count> | RESET]", "    What was refused of late.",
		"SAVE", "    Write all users to the ACL file.",
		"SETUSER <username> <attribute> [<attribute> ...]", "    Make or change a user.",
		"USERS", "    The names of all users.",
		"WHOAMI", "    The user this client is logged in as.")
}
