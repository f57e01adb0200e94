package engine

import (
	"fmt"
	"strings"
)

// InfoWriter collects INFO fields.
type InfoWriter struct{ b strings.Builder }

// Field adds one line.
func (w *InfoWriter) Field(name string, value any) { fmt.Fprintf(&w.b, "%s:%v\r\n", name, value) }

// Fieldf adds one line with a formatted value.
func (w *InfoWriter) Fieldf(name, format string, args ...any) {
	w.b.WriteString(name)
	w.b.WriteByte(':')
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteString("\r\n")
}

// infoSection is a named list of writers; fields stand beside their owners.
type infoSection struct {
	name    string
	title   string
	inBasic bool // part of the default answer
	inAll   bool // part of "all"
	writers []func(*InfoWriter)
}

type infoRegistry struct {
	sections []*infoSection
}

// infoOrder is the order of sections in Redis 7.2.4, ours at the end.
var infoOrder = []infoSection{
	{name: "server", title: "Server", inBasic: true, inAll: true},
	{name: "clients", title: "Clients", inBasic: true, inAll: true},
	{name: "memory", title: "Memory", inBasic: true, inAll: true},
	{name: "persistence", title: "Persistence", inBasic: true, inAll: true},
	{name: "stats", title: "Stats", inBasic: true, inAll: true},
	{name: "replication", title: "Replication", inBasic: true, inAll: true},
	{name: "cpu", title: "CPU", inBasic: true, inAll: true},
	{name: "modules", title: "Modules", inBasic: true, inAll: true},
	{name: "commandstats", title: "Commandstats", inAll: true},
	{name: "errorstats", title: "Errorstats", inBasic: true, inAll: true},
	{name: "latencystats", title: "Latencystats", inAll: true},
	{name: "cluster", title: "Cluster", inBasic: true, inAll: true},
	{name: "keyspace", title: "Keyspace", inBasic: true, inAll: true},
	{name: "frankenredis", title: "FrankenRedis", inAll: true},
	{name: "sidecars", title: "Sidecars", inAll: true},
}

// sentinelInfoOrder is what a Sentinel shows.
var sentinelInfoOrder = []infoSection{
	{name: "server", title: "Server", inBasic: true, inAll: true},
	{name: "clients", title: "Clients", inBasic: true, inAll: true},
	{name: "stats", title: "Stats", inBasic: true, inAll: true},
	{name: "cpu", title: "CPU", inBasic: true, inAll: true},
	{name: "sentinel", title: "Sentinel", inBasic: true, inAll: true},
}

// Info registers a writer of fields in a section; writers of one section run in order of registration. An unknown
// section is our own mistake: it panics.
func (e *Engine) Info(section string, w func(*InfoWriter)) {
	if e.info.sections == nil {
		order := infoOrder
		if e.sentinel {
			order = sentinelInfoOrder
		}
		for _, s := range order {
			e.info.sections = append(e.info.sections, &s)
		}
	}
	for _, s := range e.info.sections {
		if s.name == section {
			s.writers = append(s.writers, w)
			return
		}
	}
	panic("engine: unknown INFO section " + section)
}

// InfoText answers INFO for the named sections (none: the default set), in any case, each once.
func (e *Engine) InfoText(names []string) string {
	want := make(map[string]bool)
	basic, all, everything := len(names) == 0, false, false
	for _, n := range names {
		switch n = strings.ToLower(n); n {
		case "default":
			basic = true
		case "all":
			all = true
		case "everything":
			everything = true
		default:
			want[n] = true
		}
	}
	w := &InfoWriter{}
	for _, s := range e.info.sections {
		if !(want[s.name] || everything || (all && s.inAll) || (basic && s.inBasic)) {
			continue
		}
		if w.b.Len() > 0 {
			w.b.WriteString("\r\n")
		}
		w.b.WriteString("# " + s.title + "\r\n")
		for _, f := range s.writers {
			f(w)
		}
	}
	return w.b.String()
}
