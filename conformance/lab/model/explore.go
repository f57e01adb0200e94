package model

import "fmt"

// Result is what an exploration found.
type Result struct {
	States int
	Broken string   // the promise broken first; "": none
	Path   []string // the steps that lead there
}

// Explore goes through all states reachable from an empty log, breadth first, until one breaks a promise.
func Explore(b Bounds, f Fault) Result {
	type node struct {
		s    State
		from int32
		step string
	}
	start := State{}
	seen := map[State]struct{}{start: {}}
	nodes := []node{{s: start, from: -1}}
	for i := 0; i < len(nodes); i++ {
		n := nodes[i]
		if broken := n.s.Broken(f); broken != "" {
			r := Result{States: len(nodes), Broken: broken}
			for j := int32(i); nodes[j].from >= 0; j = nodes[j].from {
				r.Path = append([]string{nodes[j].step}, r.Path...)
			}
			return r
		}
		for _, st := range Steps(n.s, b, f) {
			if _, ok := seen[st.To]; !ok {
				seen[st.To] = struct{}{}
				nodes = append(nodes, node{st.To, int32(i), st.Name})
			}
		}
	}
	return Result{States: len(nodes)}
}

// String says it in a few lines.
func (r Result) String() string {
	if r.Broken == "" {
		return fmt.Sprintf("%d states, no promise broken", r.States)
	}
	return fmt.Sprintf("%s after %d states, by %q", r.Broken, r.States, r.Path)
}
