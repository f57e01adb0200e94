package command

import (
	"frankenredis/kv"
	"frankenredis/wire/engine"
)

// groupOptions reads the options of XGROUP CREATE and SETID, which stand behind the id.
func groupOptions(c *engine.Call, create bool) (read int64, make bool, err error) {
	read = kv.NoEntriesRead
	for i := 5; i < len(c.Args); i++ {
		switch {
		case create && is(c.Args[i], "MKSTREAM"):
			make = true
		case is(c.Args[i], "ENTRIESREAD") && i+1 < len(c.Args):
			i++
			if read, err = integer(c.Args[i]); err != nil {
				return 0, false, err
			}
			if read < 0 && read != kv.NoEntriesRead {
				return 0, false, engine.ReplyError("ERR value for ENTRIESREAD must be positive or -1")
			}
		default:
			return 0, false, errSubcommand(c)
		}
	}
	return read, make, nil
}

const errNoStream = engine.ReplyError("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the " +
	"MKSTREAM option to create an empty stream automatically.")

func errNoGroup(group, key []byte) error {
	return engine.Errorf("NOGROUP No such consumer group '%s' for key name '%s'", shown(group), shown(key))
}

// errNoKeyOrGroup is what commands say that do not tell the two apart.
func errNoKeyOrGroup(key, group []byte) error {
	return engine.Errorf("NOGROUP No such key '%s' or consumer group '%s'", shown(key), shown(group))
}

// editGroup begins the change of the group that Args[3] names in the stream at Args[2]. With must the group has to be there.
func editGroup(c *engine.Call, must bool) (s kv.StreamEdit, group kv.StreamGroup, found bool, err error) {
	there, err := writeStream(c, c.Args[2])
	if err != nil {
		return s, group, false, err
	}
	if !there {
		return s, group, false, errNoStream
	}
	if s, err = c.DB.EditStream(c.Args[2]); err != nil {
		return s, group, false, err
	}
	if group, found = s.View().Group(c.Args[3]); !found && must {
		s.Done()
		return s, group, false, errNoGroup(c.Args[3], c.Args[2])
	}
	return s, group, found, nil
}

func xgroupCreateCommand(c *engine.Call) error {
	read, make, err := groupOptions(c, true)
	if err != nil {
		return err
	}
	found, err := writeStream(c, c.Args[2])
	if err != nil {
		return err
	}
	if !found && !make {
		return errNoStream
	}
	if len(c.Args) > 8 {
		return errSubcommand(c)
	}
	var id kv.StreamID
	last := shown(c.Args[4]) == "$"
	if !last {
		if id, err = parseStreamID(c.Args[4], 0, true, nil); err != nil {
			return err
		}
	}
	s, err := c.DB.EditStream(c.Args[2])
	if err != nil {
		return err
	}
	s.Create()
	if last {
		id = s.Last
	}
	_, created := s.CreateGroup(c.Args[3], id, read)
	s.Done()
	if !created {
		return engine.ReplyError("BUSYGROUP Consumer Group name already exists")
	}
	c.Dirty(1)
	c.Notify('t', "xgroup-create", c.Args[2])
	c.W.OK()
	return nil
}

func xgroupSetIDCommand(c *engine.Call) error {
	read, _, err := groupOptions(c, false)
	if err != nil {
		return err
	}
	s, group, _, err := editGroup(c, true)
	if err != nil {
		return err
	}
	id := s.Last
	if len(c.Args) > 7 {
		err = errSubcommand(c)
	} else if shown(c.Args[4]) != "$" {
		id, err = parseStreamID(c.Args[4], 0, false, nil)
	}
	if err == nil {
		s.SetGroup(group, id, read)
	}
	s.Done()
	if err != nil {
		return err
	}
	c.Dirty(1)
	c.Notify('t', "xgroup-setid", c.Args[2])
	c.W.OK()
	return nil
}

func xgroupDestroyCommand(c *engine.Call) error {
	s, _, found, err := editGroup(c, false)
	if err != nil {
		return err
	}
	if found {
		s.DestroyGroup(c.Args[3])
	}
	s.Done()
	if !found {
		c.W.Int(0)
		return nil
	}
	c.Dirty(1)
	c.Notify('t', "xgroup-destroy", c.Args[2])
	c.KeyReady(c.Args[2]) // those who read for the group wait in vain
	c.W.Int(1)
	return nil
}

func xgroupCreateConsumerCommand(c *engine.Call) error {
	s, group, _, err := editGroup(c, true)
	if err != nil {
		return err
	}
	_, created := s.CreateConsumer(group, c.Args[4], c.Now, kv.NeverActive)
	s.Done()
	if !created {
		c.W.Int(0)
		return nil
	}
	c.Dirty(1)
	c.Notify('t', "xgroup-createconsumer", c.Args[2])
	c.W.Int(1)
	return nil
}

func xgroupDelConsumerCommand(c *engine.Call) error {
	s, group, _, err := editGroup(c, true)
	if err != nil {
		return err
	}
	pending := 0
	consumer, found := group.Consumer(c.Args[4])
	if found {
		pending = consumer.Pending()
		s.DeleteConsumer(group, consumer)
	}
	s.Done()
	if found {
		c.Dirty(1)
		c.Notify('t', "xgroup-delconsumer", c.Args[2])
	}
	c.W.Int(int64(pending))
	return nil
}

func xgroupHelpCommand(c *engine.Call) error {
	return help(c,
		"CREATE <key> <groupname> <id|$> [option]",
		"    Make a group that reads what comes behind the id, or behind the end ($). Options:",
		"    * MKSTREAM",
		"      Make an empty stream when there is no such key.",
		"    * ENTRIESREAD entries_read",
		"      Say how many entries the group has read (for replication).",
		"CREATECONSUMER <key> <groupname> <consumer>",
		"    Make a consumer in a group.",
		"DELCONSUMER <key> <groupname> <consumer>",
		"    Remove a consumer with its pending entries.",
		"DESTROY <key> <groupname>",
		"    Remove a group with its consumers.",
		"SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
		"    Say up to which id a group has read.")
}

func xackCommand(c *engine.Call) error {
	s, found, err := readStream(c, c.Args[1])
	if err != nil {
		return err
	}
	if found {
		_, found = s.Group(c.Args[2])
	}
	if !found {
		c.W.Int(0)
		return nil
	}
	for _, arg := range c.Args[3:] {
		if _, err := parseStreamID(arg, 0, true, nil); err != nil {
			return err
		}
	}
	e, err := c.DB.EditStream(c.Args[1])
	if err != nil {
		return err
	}
	group, _ := e.View().Group(c.Args[2])
	acked := 0
	for _, arg := range c.Args[3:] {
		if id, _ := parseStreamID(arg, 0, true, nil); e.Ack(group, id) {
			acked++
		}
	}
	e.Done()
	c.Dirty(acked)
	c.W.Int(int64(acked))
	return nil
}
