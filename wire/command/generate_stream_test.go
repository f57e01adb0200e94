package command_test

import (
	"slices"
	"strings"
	"testing"

	"frankenredis/wire/resp"
)

// Streams need ids, groups and consumers; a few of each, so that commands meet.
func init() {
	pools["$"] = []string{"$"}
	pools["$s"] = []string{"s", "s", "t", "u"}
	pools["$i"] = []string{"1-1", "1-2", "1-3", "2", "2-1", "2-5", "3-0", "3-7", "4-4", "5-1", "5-2", "5-3", "6", "7-1", "8-8", "9-1", "10-1", "11-1",
		"20-1", "300-5", "1-70000", "0-1"}
	pools["$I"] = []string{"1-*", "2-*", "5-*", "9-*", "0-*", "12-*", "13-*", "14-1", "15-2", "16-*", "70000-*", "0", "0-0", "*-1", "abc", "1-", "-1", "1--1",
		"1--01", "+5-7", "007-1", " 8-1", "18446744073709551615-18446744073709551614", "18446744073709551616", "1-1-1", "", "-", "+", "1-1\x00x",
		"99999999999999999999-1", "(1-1"}
	pools["$r"] = []string{"-", "+", "-", "+", "(1-1", "(2", "(5-1", "(-", "(+", "(0-0", "(18446744073709551615-18446744073709551615", "3", "5-2", "4", "abc", "("}
	pools["$g"] = []string{"g", "g", "h", "", strings.Repeat("G", 5000)}
	pools["$c"] = []string{"c", "c", "d", "e", "12", ""}
	pools["$t"] = []string{"1700000000000", "0", "-1", "99999999999999", "abc", "1600000000000"}
	pools["$m"] = []string{"0", "0", "0", "-5", "99999999999", "abc"}
	pools["$w"] = []string{"a", "b", "a", "b", "c", "12", "field", ""}
	pools["$q"] = []string{"0", "1", "2", "3", "5", "10", "-1", "abc", "100"}
}

var streamTemplates = []string{
	"XADD $s $i $w $v", "XADD $s $i a $v b $v", "XADD $s $i a $v b $v", "XADD $s $I a $v", "XADD $s $I a $v", "XADD $s 1-* $w $v", "XADD $s 5-* a $v b 1", "XADD $s 9-* a 1 b 2",
	"XADD $s 21-* a $v b $v", "XADD $s 22-* a $v b $v", "XADD $s 23-* a $v", "XADD $s 24-* a $v b $v", "XADD $s 24-* $w $v $w $v $w $v",
	"XADD $s {NOMKSTREAM|MAXLEN $q|MAXLEN ~ $q|MAXLEN = $q|MINID $i|MINID ~ $i|MINID = $i|LIMIT $q|bogus}2 $i a $v", "XADD $s MAXLEN ~ 3 LIMIT 20 25-* a $v", "XADD $s NOMKSTREAM $i a $v",
	"XADD $s MINID ~ $i LIMIT 12 26-* a b", "XADD $s MAXLEN 5 27-* a $v", "XADD $s 1-1 a",
	"XLEN $s", "XRANGE $s $r $r", "XRANGE $s - +", "XREVRANGE $s + -", "XREVRANGE $s $r $r {COUNT $q|COUNT|bogus}2", "XRANGE $s $r $i COUNT $q", "XRANGE $s $i + COUNT 2",
	"XDEL $s $i", "XDEL $s $i $i $i", "XDEL $s $I", "XDEL $s 5-1 5-2 21-0 21-1 22-0",
	"XTRIM $s {MAXLEN $q|MAXLEN ~ $q|MINID $i|MINID ~ $i|LIMIT $q|MAXLEN = $q|bogus}2", "XTRIM $s MAXLEN $q", "XTRIM $s MAXLEN ~ $q LIMIT $q", "XTRIM $s MINID $i", "XTRIM $s MINID ~ $i",
	"XSETID $s $i", "XSETID $s $I {ENTRIESADDED $q|MAXDELETEDID $i|ENTRIESADDED|bogus}2", "XSETID $s 40-1 ENTRIESADDED 500 MAXDELETEDID 3-3", "XSETID $s 50-1",
	"XGROUP CREATE $s $g $i", "XGROUP CREATE $s $g $i {MKSTREAM|ENTRIESREAD $q|ENTRIESREAD|bogus}3", "XGROUP CREATE $s $g $ MKSTREAM", "XGROUP CREATE $s $g 0 MKSTREAM", "XGROUP CREATE $s $g $I",
	"XGROUP SETID $s $g $i {ENTRIESREAD $q|MKSTREAM|bogus}2", "XGROUP SETID $s $g 0", "XGROUP SETID $s $g $", "XGROUP SETID $s $g $r", "XGROUP DESTROY $s $g", "XGROUP CREATECONSUMER $s $g $c",
	"XGROUP DELCONSUMER $s $g $c", "XGROUP bogus $s $g", "XGROUP DESTROY $s",
	"XREAD STREAMS $s $i", "XREAD {COUNT $q|BLOCK abc|BLOCK -1|NOACK|GROUP g c|bogus}2 STREAMS $s $s 0 $i", "XREAD COUNT 2 STREAMS s t u 0 0 0", "XREAD STREAMS $s $", "XREAD STREAMS $s >", "XREAD STREAMS $s $s 0",
	"XREADGROUP GROUP $g $c STREAMS $s >", "XREADGROUP GROUP $g $c COUNT $q STREAMS $s >", "XREADGROUP GROUP $g $c COUNT 2 STREAMS $s >", "XREADGROUP GROUP $g $c STREAMS $s $i", "XREADGROUP GROUP $g $c NOACK STREAMS $s >",
	"XREADGROUP GROUP g c STREAMS s t > >", "XREADGROUP GROUP g d COUNT 1 STREAMS s u > 0", "XREADGROUP GROUP $g $c {NOACK|COUNT 1|bogus|COUNT $q}2 STREAMS $s $I", "XREADGROUP GROUP $g $c STREAMS $s 0",
	"XREADGROUP COUNT 1 NOACK COUNT 1 STREAMS s >", "XREADGROUP GROUP g c COUNT 1 STREAMS s $",
	"XACK $s $g $i $i", "XACK $s $g $i", "XACK $s $g $I", "XACK $s g 21-0 22-0 21-1",
	"XPENDING $s $g", "XPENDING $s $g - + 10", "XPENDING $s $g - + 10 $c", "XPENDING $s $g IDLE $m $r $r $q", "XPENDING $s $g $r $r $q {$c}1", "XPENDING $s $g - +", "XPENDING $s $g IDLE 5 - +",
	"XCLAIM $s $g $c $m $i $i", "XCLAIM $s $g $c 0 $i $i {FORCE|JUSTID|IDLE $m|TIME $t|RETRYCOUNT $q|LASTID $i|bogus|TIME}3", "XCLAIM $s $g $c 0 $i FORCE", "XCLAIM $s $g $c 0 21-0 5-1 1-1 FORCE JUSTID TIME $t",
	"XCLAIM $s $g $c $m $i $i $i $i", "XCLAIM $s $g $c 0 5-1 22-0 LASTID $i",
	"XAUTOCLAIM $s $g $c $m $i", "XAUTOCLAIM $s $g $c 0 - COUNT $q", "XAUTOCLAIM $s $g $c 0 $r {COUNT $q|JUSTID|COUNT|bogus}2", "XAUTOCLAIM $s $g $c 0 0 COUNT 2 JUSTID", "XAUTOCLAIM $s $g $c 0 0 COUNT 9223372036854775807",
	"XAUTOCLAIM $s $g $c 0 0 COUNT 576460752303423487",
	"XINFO STREAM $s", "XINFO STREAM $s FULL", "XINFO STREAM $s FULL COUNT $q", "XINFO STREAM $s {FULL|COUNT 1|bogus}2", "XINFO GROUPS $s", "XINFO GROUPS $s", "XINFO CONSUMERS $s $g", "XINFO bogus $s",
	"DEL $s", "DUMP bogus", "OBJECT ENCODING $s", "TYPE $s", "SET u x", "DEL u", "COPY $s $s REPLACE", "RENAME $s $s", "HELLO 3", "HELLO 2", "MULTI", "EXEC",
	"DEBUG DIGEST-VALUE s t u", "DEBUG DIGEST",
}

// withoutIdle takes out of a reply what depends on when it was asked.
func withoutIdle(args []string, v *resp.Value) {
	switch {
	case strings.EqualFold(args[0], "XPENDING") && len(args) > 3:
		for i := range v.Elems {
			if e := v.Elems[i].Elems; len(e) == 4 {
				e[2].Int = 0
			}
		}
	case strings.EqualFold(args[0], "XINFO") && len(args) > 2 && strings.EqualFold(args[1], "CONSUMERS"):
		for i := range v.Elems {
			e := v.Elems[i].Elems
			for j := 0; j+1 < len(e); j += 2 {
				if (e[j].Str == "idle" || e[j].Str == "inactive") && e[j+1].Int >= 0 {
					e[j+1].Int = 0
				}
			}
		}
	case strings.EqualFold(args[0], "EXEC"):
		var walk func(v *resp.Value)
		walk = func(v *resp.Value) {
			if len(v.Elems) == 0 && v.Kind == resp.IntKind && v.Int >= 0 {
				v.Int = 0
			}
			for i := range v.Elems {
				walk(&v.Elems[i])
			}
		}
		walk(v)
	}
}

func sameStreamReply(args []string, a, b string) bool {
	if a == b {
		return true
	}
	x, ok1 := parseReply(a)
	y, ok2 := parseReply(b)
	if !ok1 || !ok2 {
		return false
	}
	if strings.EqualFold(args[0], "HELLO") {
		return x.Kind == y.Kind
	}
	withoutIdle(args, &x)
	withoutIdle(args, &y)
	return sameValue(&x, &y, false)
}

// The same commands on streams give the same replies, effects, keyspace events and digests, and at the end Valkey, told the
// effects, dumps the same bytes.
func TestRandomStreamsAgainstRedict(t *testing.T) {
	conf := []string{"--enable-debug-command", "yes", "--stream-node-max-entries", "7", "--stream-node-max-bytes", "300"}
	p := startPeer(t, "redict-server", append(conf, "--databases", "4", "--appendonly", "yes", "--appendfsync", "always", "--notify-keyspace-events", "KEA")...)
	v := startPeer(t, "valkey-server", append(conf, "--rdbcompression", "no")...)
	tail := followAOF(t, p.server.Dir)
	tail.next()
	b := newBed(t, "databases 4\nenable-debug-command yes\nrdbcompression no\nstream-node-max-entries 7\nstream-node-max-bytes 300\nnotify-keyspace-events KEA\n", true, nil)
	events, theirEvents := keyspaceEvents(t, b, p)
	g := newGenerator(*seedFlag, streamTemplates)
	var h history
	p.context, v.context = h.last, h.last
	shown := 0
	differs := func(format string, args ...any) {
		t.Helper()
		t.Errorf(format+"\nafter\n%s", append(args, h.last(*historyFlag))...)
		if shown++; shown >= *maxFlag {
			t.Fatal("and so on")
		}
	}
	n := rounds(6000)
	for i := range n {
		c, args := g.IntN(2), g.command()
		if b.client(c).Multi && unfitQueued(args) || strings.HasPrefix(strings.ToUpper(args[0]), "XREAD") && slices.Contains(args, "+") {
			continue // an id of "+" says something in servers newer than 7.2
		}
		h.add(c, args)
		theirs := p.do(c, args...)
		ours := b.do(c, args...)
		b.turn()
		ourStream, theirStream := commands(t, b.log.stream), commands(t, tail.next())
		b.log.stream = b.log.stream[:0]
		if !sameStreamReply(args, ours, theirs) {
			differs("command %d: %.300q\nours   %.1500q\ntheirs %.1500q", i, args, ours, theirs)
		}
		wanted := theirEvents()
		if !sameStream(ourStream, theirStream) || !slices.Equal(*events, wanted) {
			differs("command %d: %.300q\nour effects\n%stheir effects\n%sour events %.300q\ntheir events %.300q", i, args, lines(ourStream), lines(theirStream), *events, wanted)
		}
		*events = (*events)[:0]
		for _, effect := range theirStream {
			if effect[0] == "SELECT" {
				continue
			}
			// A limit beside an exact trimming is good in a log only.
			if at := slices.IndexFunc(effect, func(w string) bool { return strings.EqualFold(w, "LIMIT") }); at > 0 && slices.Contains(effect, "=") {
				effect = slices.Delete(effect, at, at+2)
			}
			if r := v.do(0, effect...); strings.HasPrefix(r, "-") {
				differs("effect %q: %s", effect, r)
			}
		}
		if i%10 == 9 {
			compareDumps(t, b, v, differs)
			*events = (*events)[:0]
		}
	}
	t.Logf("%d commands", n)
}

// compareDumps compares DUMP's bytes of all streams with Valkey's. Times differ, so what is compared is what each server makes of
// the other's dump.
func compareDumps(t *testing.T, b *bed, v *peer, differs func(string, ...any)) {
	t.Helper()
	for _, key := range []string{"s", "t", "u"} {
		theirs, ok := parseReply(v.do(0, "DUMP", key))
		if !ok || theirs.Null {
			continue
		}
		if r := b.do(7, "RESTORE", "restored", "0", theirs.Str, "REPLACE"); r != "+OK\r\n" {
			differs("RESTORE of %q: %s", theirs.Str, r)
			continue
		}
		again, _ := parseReply(b.do(7, "DUMP", "restored"))
		if again.Str != theirs.Str {
			differs("DUMP\nours   %q\ntheirs %q", again.Str, theirs.Str)
		}
		ours, _ := parseReply(b.do(7, "DUMP", key))
		if r := v.do(0, "RESTORE", "restored", "0", ours.Str, "REPLACE"); r != "+OK\r\n" {
			differs("RESTORE of ours %q: %s", ours.Str, r)
		}
		if v.do(0, "XINFO", "GROUPS", key) == "*0\r\n" && ours.Str != theirs.Str {
			differs("DUMP of %s\nours   %q\ntheirs %q", key, ours.Str, theirs.Str)
		}
		b.do(7, "DEL", "restored")
		v.do(0, "DEL", "restored")
	}
	b.turn()
	b.log.stream = b.log.stream[:0]
}
