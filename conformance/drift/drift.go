// Package drift reads the drift ledger, conformance/DRIFT.md: tables of what is knowingly not the same on two servers. Tests name
// its entries by id when they leave something uncompared.
//
// # Layout
//
// Markdown. Under a heading "## ..." stands one table, whose first row names the columns and whose second is dashes. The first
// column is the entry's id: lower-case words with dashes, unique in the file. The first section is what we accepted, the second where
// a judge differs from 7.2.4, the third what cannot be compared at all.
package drift

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"frankenredis/conformance/reference"
)

// Section is one of the ledger's three tables.
type Section int

// The sections, in the order of the file.
const (
	Accepted     Section = iota // our differences from 7.2.4; Entry.Kind says of what
	Oracle                      // where a judge is not 7.2.4; Entry.Servers says which
	Incomparable                // what two servers of one kind do not agree in, either
)

// columns are the head of each section's table.
var columns = [...]string{
	Accepted:     "id | kind | what | why | since | closing criterion",
	Oracle:       "id | judges | what | how 7.2.4 is known",
	Incomparable: "id | what | why",
}

// Entry is one row.
type Entry struct {
	ID      string
	Section Section
	Kind    string   // of Accepted
	Servers []string // of Oracle: redis, redict, valkey
	What    string
	line    int
}

// Ledger is the file's rows.
type Ledger []Entry

// kinds of accepted differences. "reply" is for commands that touch no data.
var kinds = []string{"file", "log", "info", "config", "process", "protocol", "reply"}

// servers that can stand in for 7.2.4.
var servers = []string{"redis", "redict", "valkey"}

// dataless are the reference's groups of commands whose replies may be accepted to differ.
var dataless = []string{"server", "connection", "cluster"}

var (
	idForm  = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	command = regexp.MustCompile("`([A-Z][A-Z ]+)`")
)

// Load reads and checks a ledger. All that is wrong with it is in the error, a line each.
func Load(path string) (Ledger, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	l, problems := parse(string(text))
	for i, p := range problems {
		problems[i] = path + ":" + p
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(problems, "\n"))
	}
	return l, nil
}

// parse reads the tables and lists what is wrong with them.
func parse(text string) (l Ledger, problems []string) {
	section, rows := Section(-1), 0
	seen := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		complain := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("%d: %s", i+1, fmt.Sprintf(format, args...)))
		}
		if strings.HasPrefix(line, "## ") {
			section, rows = section+1, 0
		}
		if !strings.HasPrefix(line, "|") {
			continue
		}
		if section < 0 || int(section) >= len(columns) {
			complain("a table in no section of the ledger")
			continue
		}
		rows++
		inner := strings.TrimSpace(strings.Trim(line, "|"))
		cells := strings.Split(inner, " | ")
		switch {
		case rows == 1 && inner != columns[section]:
			complain("columns %q, want %q", inner, columns[section])
		case rows <= 2: // the head
		case len(cells) != strings.Count(columns[section], " | ")+1:
			complain("%d cells, want %s", len(cells), columns[section])
		default:
			e := Entry{ID: cells[0], Section: section, What: cells[1], line: i + 1}
			switch section {
			case Accepted:
				e.Kind, e.What = cells[1], cells[2]
			case Oracle:
				e.Servers, e.What = strings.Split(cells[1], ", "), cells[2]
			}
			if seen[e.ID] {
				complain("%s is there twice", e.ID)
			}
			seen[e.ID] = true
			e.check(cells, complain)
			l = append(l, e)
		}
	}
	if int(section) != len(columns)-1 {
		problems = append(problems, fmt.Sprintf("1: %d sections, want %d", section+1, len(columns)))
	}
	return l, problems
}

// check complains about a row that breaks the ledger's rules.
func (e *Entry) check(cells []string, complain func(string, ...any)) {
	if !idForm.MatchString(e.ID) {
		complain("%q is no id", e.ID)
	}
	for _, c := range cells {
		if strings.TrimSpace(c) == "" {
			complain("%s has an empty cell", e.ID)
		}
	}
	for _, s := range e.Servers {
		if !slices.Contains(servers, s) {
			complain("%s: no judge is called %s", e.ID, s)
		}
	}
	if e.Section != Accepted {
		return
	}
	if !slices.Contains(kinds, e.Kind) {
		complain("%s: no kind is called %s", e.ID, e.Kind)
	}
	if e.Kind != "reply" {
		return
	}
	named := command.FindAllStringSubmatch(e.What, -1)
	if len(named) == 0 {
		complain("%s: a reply of which command? Name it in `CAPITALS`", e.ID)
	}
	for _, m := range named {
		if group := groupOf(m[1]); !slices.Contains(dataless, group) {
			complain("%s: %s belongs to %q: the reply of a data command is Redis's", e.ID, m[1], group)
		}
	}
}

// groupOf returns the reference's group of a command as a user writes it, or "".
func groupOf(name string) string {
	return groups()[strings.ToLower(strings.ReplaceAll(name, " ", "|"))]
}

// groups maps the reference's commands to their groups.
var groups = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, c := range reference.Commands() {
		m[c.Name] = c.Group
	}
	return m
})

// Find returns the entry with an id.
func (l Ledger) Find(id string) (Entry, bool) {
	i := slices.IndexFunc(l, func(e Entry) bool { return e.ID == id })
	if i < 0 {
		return Entry{}, false
	}
	return l[i], true
}

// Count returns how many entries a section has.
func (l Ledger) Count(s Section) (n int) {
	for _, e := range l {
		if e.Section == s {
			n++
		}
	}
	return n
}
