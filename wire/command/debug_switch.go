package command

import (
	"fmt"
	"strings"
	"time"

	"frankenredis/kv"
	"frankenredis/kv/arena"
	"frankenredis/kv/dict"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
	"frankenredis/wire/glob"
)

func debugActiveExpire(c *engine.Call) error {
	c.E.SetActiveExpire(leadingInt(c.Args[2]) != 0)
	c.W.OK()
	return nil
}

// debugSwitch sets what is on unless the third word is zero.
func debugSwitch(c *engine.Call, on *bool) error {
	*on = leadingInt(c.Args[2]) != 0
	c.W.OK()
	return nil
}

func debugPauseCron(c *engine.Call) error { return debugSwitch(c, &c.E.Debug().PauseCron) }

func debugSkipChecksums(c *engine.Call) error { return debugSwitch(c, &c.E.Debug().SkipChecksums) }

func debugAllowInScripts(c *engine.Call) error { return debugSwitch(c, &c.E.Debug().AllowInScripts) }

func debugFlushSleep(c *engine.Call) error {
	c.E.Debug().FlushSleep = time.Duration(leadingInt(c.Args[2])) * time.Microsecond
	c.W.OK()
	return nil
}

func debugPlainFrom(c *engine.Call) error {
	const most = 1<<32 - 1<<20
	n, ok := config.ParseMemory(shown(c.Args[2]))
	if !ok || n > most {
		return engine.ReplyError("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
	}
	c.E.Keyspace().SetPackedThreshold(int(n))
	c.W.OK()
	return nil
}

func debugReplyBuffer(c *engine.Call) error {
	d, arg := c.E.Debug(), c.Args[3]
	switch {
	case is(c.Args[2], "PEAK-RESET-TIME") && is(arg, "NEVER"):
		d.ReplyPeakReset = -1
	case is(c.Args[2], "PEAK-RESET-TIME") && is(arg, "RESET"):
		d.ReplyPeakReset = engine.DefaultReplyPeakReset
	case is(c.Args[2], "PEAK-RESET-TIME"):
		ms, err := integer(arg)
		if err != nil {
			return err
		}
		const most = int64(1<<63-1) / int64(time.Millisecond)
		d.ReplyPeakReset = time.Duration(max(min(ms, most), -1)) * time.Millisecond
	case is(c.Args[2], "RESIZING"):
		d.KeepReplyBuffers = leadingInt(arg) == 0
	default:
		return errSubcommand(c)
	}
	c.W.OK()
	return nil
}

// debugLeak takes blocks of the arena that nobody will free.
func debugLeak(c *engine.Call) error {
	a := c.E.Keyspace().Arena()
	for p := c.Args[2]; len(p) > 0; {
		n := min(len(p), arena.MaxBlock)
		copy(a.Mut(a.Alloc(n), n), p)
		p = p[n:]
	}
	c.W.OK()
	return nil
}

// debugStructSize names the sizes as Redis does: an entry's header is its object and key, a table's slot its dictentry, a
// blob's descriptor the header of a long string. Short strings have none.
func debugStructSize(c *engine.Call) error {
	c.W.Simple(fmt.Sprintf("bits:64 robj:%d dictentry:%d sdshdr5:0 sdshdr8:0 sdshdr16:0 sdshdr32:0 sdshdr64:%d",
		kv.HeaderBytes, kv.SlotBytes, kv.BlobBytes))
	return nil
}

func debugHTStats(c *engine.Call) error {
	n, err := integerIn(c.Args[2], -1<<63, 1<<63-1)
	if err != nil {
		return err
	}
	ks := c.E.Keyspace()
	if n < 0 || n >= int64(ks.Len()) {
		return engine.ReplyError("ERR Out of range database")
	}
	full := wantsFull(c)
	keys, volatile := ks.DB(int(n)).TableStats()
	c.W.Verbatim("txt", "[Dictionary HT]\n"+describeTable(keys, full)+"[Expires HT]\n"+describeTable(volatile, full))
	return nil
}

func debugReplicate(c *engine.Call) error {
	if err := c.E.FeedReplicas(c.Args[2:]); err != nil {
		return err
	}
	c.W.OK()
	return nil
}

func debugHTStatsKey(c *engine.Call) error {
	e, found := c.Inspect(c.Args[2])
	if !found {
		return engine.ErrNoSuchKey
	}
	stats, ok := e.TableStats()
	if !ok {
		return engine.ReplyError("ERR The value stored at the specified key is not represented using an hash table")
	}
	c.W.Verbatim("txt", describeTable(stats, wantsFull(c)))
	return nil
}

func wantsFull(c *engine.Call) bool { return len(c.Args) > 3 && is(c.Args[3], "FULL") }

// describeTable says of a table what Redis says of its own, where a chain is what has to be searched for a key: here a segment.
func describeTable(s dict.Stats, full bool) string {
	if s.Entries == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Hash table 0 stats (main hash table):\n table size: %d\n number of elements: %d\n", s.Slots, s.Entries)
	if !full {
		return b.String()
	}
	longest, all := 0, 0
	for n, times := range s.Lengths {
		longest, all = max(longest, n), all+times
	}
	average := float64(s.Entries) / float64(s.Segments)
	fmt.Fprintf(&b, " different slots: %d\n max chain length: %d\n avg chain length (counted): %.2f\n avg chain length (computed): %.2f\n"+
		" Chain length distribution:\n", s.Segments, longest, average, average)
	for n := range longest + 1 {
		if times := s.Lengths[n]; times > 0 {
			fmt.Fprintf(&b, "   %d: %d (%.2f%%)\n", n, times, 100*float64(times)/float64(all))
		}
	}
	return b.String()
}

// debugMatchTest tries the matcher of patterns on what nobody would write: its answer is that it has one.
func debugMatchTest(c *engine.Call) error {
	const (
		rounds  = 100_000
		longest = 32
		special = `*?[]^-\ab`
	)
	var buf [2][longest]byte
	for range rounds {
		var words [2][]byte
		for i := range words {
			r := c.E.Random()
			words[i] = buf[i][:1+r%(longest-1)]
			for j := range words[i] {
				r = c.E.Random()
				words[i][j] = byte(r)
				if r>>8&3 != 0 {
					words[i][j] = special[r>>10%uint64(len(special))]
				}
			}
		}
		glob.Match(words[0], words[1], c.E.Random()&1 == 0)
	}
	c.W.Simple("Apparently Redis did not crash: test passed")
	return nil
}
