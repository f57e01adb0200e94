package command

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"frankenredis/kv"
	"frankenredis/kv/listpack"
	"frankenredis/wire/engine"
)

// What shows how a value lies in memory. Listpacks are written to the server's standard output, as Redis does: that is where
// who debugs looks.

// debugShown is how many bytes of an entry are shown as text.
const debugShown = 40

// debugObject tells of the entry as it lies in the table, so also of one that has expired, as do debugSDSLen, debugDigestValue and
// MEMORY USAGE.
func debugObject(c *engine.Call) error {
	e, found := c.DB.Lookup(c.Args[2], kv.NoTouch|kv.NoExpire)
	if !found {
		return engine.ErrNoSuchKey
	}
	c.W.Simple(describeValue(c, e))
	return nil
}

func debugListpack(c *engine.Call) error {
	e, found := c.Inspect(c.Args[2])
	if !found {
		return engine.ErrNoSuchKey
	}
	if e.Encoding() != kv.Listpack {
		return engine.ReplyError("ERR Not a listpack encoded object.")
	}
	return inspect(c, "Listpack", func(w *bufio.Writer) { writeListpack(w, e.Value().AppendBytes(nil), e.Address()) })
}

func debugQuicklist(c *engine.Call) error {
	e, found := c.Inspect(c.Args[2])
	if !found {
		return engine.ErrNoSuchKey
	}
	if e.Encoding() != kv.Quicklist {
		return engine.ReplyError("ERR Not a quicklist encoded object.")
	}
	full := len(c.Args) > 3 && leadingInt(c.Args[3]) != 0
	return inspect(c, "Quicklist", func(w *bufio.Writer) { writeQuicklist(w, e, full) })
}

// inspect writes to standard output, of which the client is told.
func inspect(c *engine.Call, what string, write func(w *bufio.Writer)) error {
	w := bufio.NewWriter(os.Stdout)
	write(w)
	if err := w.Flush(); err != nil {
		return engine.Errorf("ERR standard output: %s", err)
	}
	c.W.Simple(what + " structure printed on stdout")
	return nil
}

func writeQuicklist(w *bufio.Writer, e kv.Entry, full bool) {
	l := e.List()
	size, depth := l.Limits()
	fmt.Fprintf(w, "{count : %d}\n{len : %d}\n{fill : %d}\n{compress : %d}\n{bookmark_count : 0}\n", l.Len(), l.NodeCount(), size, depth)
	i := 0
	l.Nodes(func(n kv.ListNode) bool {
		container, encoding, count := "PLAIN", "RAW", 1
		if !n.Plain {
			container, count = "PACKED", listpack.Len(n.Bytes)
		}
		if n.LZF != nil {
			encoding = "LZF"
		}
		fmt.Fprintf(w, "{quicklist node(%d)\n{container : %s, encoding: %s, size: %d, count: %d, recompress: 0, attempted_compress: 0}\n",
			i, container, encoding, len(n.Bytes), count)
		switch {
		case full && n.Plain:
			fmt.Fprintf(w, "{ entry : %s }\n\n", n.Bytes)
		case full:
			w.WriteString("{ listpack:\n")
			writeListpack(w, n.Bytes, e.Address())
			w.WriteString("}\n}\n")
		}
		i++
		return true
	})
}

// writeListpack shows the entries of a listpack, which is said to begin at an address.
func writeListpack(w *bufio.Writer, p []byte, address uint64) {
	fmt.Fprintf(w, "{total bytes %d} {num entries %d}\n", len(p), listpack.Len(p))
	i := 0
	for at := listpack.First(p); at != listpack.None; at = listpack.Next(p, at) {
		head, payload, back := listpack.Sizes(p, at)
		fmt.Fprintf(w, "{\n\taddr: 0x%x,\n\tindex: %2d,\n\toffset: %d,\n\thdr+entrylen+backlen: %2d,\n\thdrlen: %3d,\n\tbacklen: %2d,\n\tpayload: %d\n\tbytes: ",
			address+uint64(at), i, at, head+payload+back, head, back, payload)
		for _, b := range p[at : at+head+payload+back] {
			fmt.Fprintf(w, "%02x|", b)
		}
		text := listpack.AppendValue(nil, p, at)
		if len(text) > debugShown {
			text = append(text[:debugShown], "..."...)
		}
		fmt.Fprintf(w, "\n\t[str]%s\n}\n", text)
		i++
	}
	w.WriteString("{end}\n\n")
}

// debugSDSLen tells the lengths of a key and its string. Both lie in the entry's block, or each in one of its own; nothing is
// kept in reserve.
func debugSDSLen(c *engine.Call) error {
	e, found := c.DB.Lookup(c.Args[2], kv.NoTouch|kv.NoExpire)
	if !found {
		return engine.ErrNoSuchKey
	}
	if enc := e.Encoding(); enc != kv.Raw && enc != kv.Embstr {
		return engine.ReplyError("ERR Not an sds encoded string.")
	}
	k, v := len(c.Args[2]), e.StringLen()
	c.W.Simple(fmt.Sprintf("key_sds_len:%d, key_sds_avail:0, key_zmalloc: %d, val_sds_len:%d, val_sds_avail:0, val_zmalloc: %d", k, k, v, v))
	return nil
}

// debugClientEviction tells how many clients take how much memory, and which of them would go first: those of the last class
// that has any. A class goes from a power of two up to the next; the first and the last are open.
func debugClientEviction(c *engine.Call) error {
	classes := c.E.ClientClasses()
	if classes == nil {
		return engine.ReplyError("ERR maxmemory-clients is disabled.")
	}
	var b strings.Builder
	for i, k := range classes {
		end := fmt.Sprintf(" - %10d", k.Below-1)
		if i == len(classes)-1 {
			end = "+" + strings.Repeat(" ", 12)
		}
		fmt.Fprintf(&b, "bucket %10d%s: tot-mem: %10d, clients: %d\n", k.From, end, k.Bytes, k.Clients)
	}
	c.W.Verbatim("txt", b.String())
	return nil
}

// debugClusterLink ends links to or from another node.
func debugClusterLink(c *engine.Call) error {
	s := c.E.Cluster()
	if s == nil {
		return engine.ReplyError("ERR Debug option only available for cluster mode enabled setup!")
	}
	n, err := findNode(s, c.Args[4])
	if err != nil {
		return err
	}
	all := is(c.Args[3], "ALL")
	to, from := all || is(c.Args[3], "TO"), all || is(c.Args[3], "FROM")
	if !is(c.Args[2], "KILL") || !to && !from {
		return engine.ErrSyntax
	}
	c.E.Bus().KillLinks(n, to, from)
	c.W.OK()
	return nil
}

func debugDropPackets(c *engine.Call) error {
	kind, err := integer(c.Args[2])
	if err != nil {
		return err
	}
	if bus := c.E.Bus(); bus != nil {
		bus.Drop(int(kind))
	}
	c.W.OK()
	return nil
}
