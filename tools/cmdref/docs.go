package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"frankenredis/conformance/reference"
)

// doc is what COMMAND DOCS says about one command, in the form in which wire/command embeds it.
type doc struct {
	Name            string               `json:"name"`
	Summary         string               `json:"summary"`
	Since           string               `json:"since,omitempty"`
	Group           string               `json:"group"`
	Complexity      string               `json:"complexity,omitempty"`
	DocFlags        []string             `json:"doc_flags,omitempty"`
	DeprecatedSince string               `json:"deprecated_since,omitempty"`
	ReplacedBy      string               `json:"replaced_by,omitempty"`
	History         [][2]string          `json:"history,omitempty"`
	Arguments       []reference.Argument `json:"arguments,omitempty"`
}

// join makes the embedded file out of facts and words: an object a line, in order of name. Words must be there for every
// command and agree with its facts.
func join(commands []reference.Command, text string) ([]byte, error) {
	described, err := parseWords(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	var problems []error
	for i := range commands {
		c := &commands[i]
		w, ok := described[c.Name]
		if !ok {
			problems = append(problems, fmt.Errorf("%s: no words", c.Name))
			continue
		}
		delete(described, c.Name)
		d := doc{
			Name: c.Name, Summary: w.summary, Since: c.Since, Group: c.Group, DocFlags: c.DocFlags,
			DeprecatedSince: c.DeprecatedSince, ReplacedBy: c.ReplacedBy, History: w.history, Arguments: c.Arguments,
		}
		if d.Complexity, err = complexity(c.Complexity, w.complexity); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", c.Name, err))
		}
		if !slices.EqualFunc(w.history, c.History, func(own [2]string, version string) bool { return own[0] == version }) {
			problems = append(problems, fmt.Errorf("%s: changes of %v, want words for %v", c.Name, w.history, c.History))
		}
		if err := enc.Encode(&d); err != nil {
			return nil, err
		}
	}
	for name := range described {
		problems = append(problems, fmt.Errorf("%s: no such command", name))
	}
	return out.Bytes(), errors.Join(problems...)
}

// complexity chooses the text for a command with these formulas. Words may leave out formulas for special cases, never the
// first, and may not bring others in; without words a single formula stands for itself.
func complexity(formulae []string, words string) (string, error) {
	if words == "" {
		switch {
		case formulae == nil:
			return "", nil
		case len(formulae) == 1:
			return formulae[0], nil
		}
		return "", fmt.Errorf("the complexity needs words: %v", formulae)
	}
	if formulae == nil {
		return "", errors.New("the reference has no complexity")
	}
	ours := formulas(words)
	for _, f := range ours {
		if !slices.Contains(formulae, f) {
			return "", fmt.Errorf("complexity %s is not the reference's %v", f, formulae)
		}
	}
	if len(formulae) > 0 && !slices.Contains(ours, formulae[0]) {
		return "", fmt.Errorf("the complexity does not mention %s", formulae[0])
	}
	return words, nil
}

// description is our words about one command.
type description struct {
	summary    string
	complexity string      // "" when the formula says all
	history    [][2]string // version, what changed
}

// parseWords reads the file of words:
//
//	# a comment
//	name: summary
//		complexity: text
//		2.4.0: what this version changed
func parseWords(text string) (map[string]*description, error) {
	all := map[string]*description{}
	var d *description
	last := ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		key, words, ok := strings.Cut(strings.TrimPrefix(line, "\t"), ": ")
		inner := line[0] == '\t'
		switch {
		case !ok || words == "" || words != strings.TrimSpace(words) || inner && d == nil:
			return nil, fmt.Errorf("line %d: want \"name: words\"", n)
		case !inner && key <= last:
			return nil, fmt.Errorf("line %d: %s stands behind %s", n, key, last)
		case !inner:
			d, last = &description{summary: words}, key
			all[key] = d
		case key == "complexity":
			d.complexity = words
		default:
			d.history = append(d.history, [2]string{key, words})
		}
	}
	return all, nil
}
