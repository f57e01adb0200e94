package command

import (
	"strings"
	"time"

	"frankenredis/wire/engine"
)

// What ends the server or gives it other data.

func debugCrash(c *engine.Call, k engine.CrashKind) error {
	c.E.Crash(k)
	return nil
}

func debugSegfault(c *engine.Call) error { return debugCrash(c, engine.CrashSegfault) }

func debugPanic(c *engine.Call) error { return debugCrash(c, engine.CrashPanic) }

func debugAssert(c *engine.Call) error { return debugCrash(c, engine.CrashAssert) }

func debugOOM(c *engine.Call) error { return debugCrash(c, engine.CrashOutOfMemory) }

func debugRestart(c *engine.Call) error { return debugStartAgain(c, true) }

func debugCrashAndRecover(c *engine.Call) error { return debugStartAgain(c, false) }

func debugStartAgain(c *engine.Call, graceful bool) error {
	ms := int64(0)
	if len(c.Args) > 2 {
		var err error
		if ms, err = integer(c.Args[2]); err != nil {
			return err
		}
	}
	const most = 24 * time.Hour
	after := time.Duration(min(max(ms, 0), int64(most/time.Millisecond))) * time.Millisecond
	if err := c.E.Restart(graceful, after); err != nil {
		return engine.ReplyError("ERR failed to restart the server. Check server logs.")
	}
	return nil
}

func debugLoadAOF(c *engine.Call) error {
	if err := c.E.LoadLog(); err != nil {
		return engine.ReplyError("ERR Error trying to load the AOF files, check server logs.")
	}
	c.W.OK()
	return nil
}

func debugChangeReplID(c *engine.Call) error {
	if err := c.E.ChangeReplicationID(); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

func debugRewriteAll(c *engine.Call) error {
	if err := c.E.RewriteConfig(true); err != nil {
		return engine.Errorf("ERR CONFIG-REWRITE-FORCE-ALL failed: %s", strings.TrimPrefix(err.Error(), "ERR "))
	}
	c.W.OK()
	return nil
}
