package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// object is something that clients share, of one key or a few that change together.
type object struct {
	kind string
	name string
}

// request is one operation on an object. Its values are unlike those of any other, where that matters.
type request struct {
	object
	op   string
	args string // separated by blanks
}

func (c request) String() string { return c.op + " " + c.name + " " + c.args }

// answer is what a client learned about a call.
type answer struct {
	text    string
	unknown bool // no reply came: the call has happened before the server was gone, or never
}

// spec is the sequential behaviour of a kind: what a call makes of a state, and its reply. Equal states are equal strings.
type spec func(state, op string, args []string) (next, reply string)

// nothing is the reply of a call that found nothing. Some calls may also find nothing although there is something, as EXEC does when
// a watched key has changed in whatever way: their clients do not record them.
const nothing = "-"

const accounts = 4

// specs are the kinds of objects.
var specs = map[string]spec{
	// register: one string.
	"register": func(state, op string, args []string) (string, string) {
		switch op {
		case "SET":
			return args[0], "OK"
		case "GETSET":
			return args[0], orNothing(state)
		case "CAS": // WATCH and GET came before
			if orNothing(state) != args[0] {
				return state, nothing
			}
			return args[1], "OK"
		}
		return state, orNothing(state)
	},
	// counter: one integer.
	"counter": func(state, op string, args []string) (string, string) {
		n := number(state)
		switch op {
		case "INCRBY":
			n += number(args[0])
		case "GET":
			return state, orNothing(state)
		}
		text := strconv.Itoa(n)
		return text, text
	},
	// list: elements pushed at the left, taken at the right or turned about.
	"list": func(state, op string, args []string) (string, string) {
		elems := strings.Fields(state)
		switch op {
		case "LPUSH":
			elems = append([]string{args[0]}, elems...)
			return strings.Join(elems, " "), strconv.Itoa(len(elems))
		case "RPOP", "ROTATE":
			if len(elems) == 0 {
				return state, nothing
			}
			last := elems[len(elems)-1]
			elems = elems[:len(elems)-1]
			if op == "ROTATE" {
				elems = append([]string{last}, elems...)
			}
			return strings.Join(elems, " "), last
		}
		return state, orNothing(state)
	},
	// bank: accounts between which money moves; TRANSFER overdraws, a script's SPEND does not.
	"bank": func(state, op string, args []string) (string, string) {
		sums := balances(state)
		if op == "GET" {
			return state, join(sums)
		}
		from, to, n := number(args[0]), number(args[1]), number(args[2])
		if op == "SPEND" && sums[from] < n {
			return state, nothing
		}
		sums[from] -= n
		sums[to] += n
		return join(sums), fmt.Sprint(sums[from], " ", sums[to])
	},
	"pair": both, // two keys that one command or one transaction gives the same value
	"far":  both, // the same in two databases
}

func both(state, op string, args []string) (string, string) {
	if op == "GET" {
		return state, orNothing(state) + " " + orNothing(state)
	}
	return args[0], "OK OK"
}

func orNothing(s string) string {
	if s == "" {
		return nothing
	}
	return s
}

// number reads what a test wrote; "" and "-" are 0.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func balances(state string) []int {
	sums := make([]int, accounts)
	for i, s := range strings.Fields(state) {
		sums[i] = number(s)
	}
	return sums
}

func join(sums []int) string { return strings.Trim(fmt.Sprint(sums), "[]") }

// readOnly says that a call changes nothing: nothing is known if no reply came.
func (c request) readOnly() bool { return c.op == "GET" }

// linearModel is all kinds in one, each object by itself.
func linearModel() porcupine.Model {
	nm := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byObject := map[object][]porcupine.Operation{}
			for _, o := range history {
				at := o.Input.(request).object
				byObject[at] = append(byObject[at], o)
			}
			var all [][]porcupine.Operation
			for _, part := range byObject {
				all = append(all, part)
			}
			return all
		},
		Init: func() []any { return []any{""} },
		Step: func(state, input, output any) []any {
			c, a := input.(request), output.(answer)
			next, reply := specs[c.kind](state.(string), c.op, strings.Fields(c.args))
			switch {
			case !a.unknown && a.text != reply:
				return nil
			case a.unknown && next != state:
				return []any{state, next}
			}
			return []any{next}
		},
		DescribeOperation: func(input, output any) string {
			if output.(answer).unknown {
				return fmt.Sprint(input, ": no reply")
			}
			return fmt.Sprint(input, ": ", output.(answer).text)
		},
	}
	return nm.ToModel()
}

// checkLinear returns the objects whose calls cannot have happened one at a time, each between its request and its reply, with the
// calls around the first that the longest possible order leaves out. "": all can have happened so.
func checkLinear(t *testing.T, history []porcupine.Operation) string {
	t.Helper()
	m := linearModel()
	var bad []string
	for _, part := range m.Partition(history) {
		switch porcupine.CheckOperationsTimeout(m, part, time.Minute) {
		case porcupine.Illegal:
			_, info := porcupine.CheckOperationsVerbose(m, part, time.Minute)
			bad = append(bad, fmt.Sprintf("%v: %s", part[0].Input.(request).object, blame(part, info)))
		case porcupine.Unknown:
			bad = append(bad, fmt.Sprintf("%v: not decided within a minute", part[0].Input.(request).object))
		}
	}
	slices.Sort(bad)
	return strings.Join(bad, "\n")
}

// blame tells the first calls that the longest order leaves out, among those around them.
func blame(part []porcupine.Operation, info porcupine.LinearizationInfo) string {
	longest := map[int]bool{}
	for _, orders := range info.PartialLinearizations() {
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = map[int]bool{}
				for _, i := range order {
					longest[i] = true
				}
			}
		}
	}
	byCall := make([]int, len(part))
	for i := range byCall {
		byCall[i] = i
	}
	slices.SortFunc(byCall, func(a, b int) int { return int(part[a].Call - part[b].Call) })
	at := slices.IndexFunc(byCall, func(i int) bool { return !longest[i] })
	var b strings.Builder
	for _, i := range byCall[max(0, at-12):min(len(byCall), at+6)] {
		o := part[i]
		mark := ' '
		if !longest[i] {
			mark = '!'
		}
		fmt.Fprintf(&b, "\n  %c %d-%d us, client %d: %v: %+v", mark, o.Call/1000, o.Return/1000, o.ClientId, o.Input, o.Output)
	}
	return b.String()
}
