package command

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// docsJSON holds a JSON object a line, one for each command and subcommand of Redis 7.2.4 in order of name: the facts of the
// reference joined with our own words, by `go run ./tools/cmdref` after every change of docs_words.txt.
//
//go:embed docs.json
var docsJSON string

// docsSentinelJSON holds the same for SENTINEL, which only a Sentinel has and the reference, a server's, does not know.
//
//go:embed docs_sentinel.json
var docsSentinelJSON string

// commandDocs is what COMMAND DOCS says about one command; an empty field is not said.
type commandDocs struct {
	Name            string         `json:"name"`
	Summary         string         `json:"summary"`
	Since           string         `json:"since"`
	Group           string         `json:"group"`
	Complexity      string         `json:"complexity"`
	DocFlags        []string       `json:"doc_flags"`
	DeprecatedSince string         `json:"deprecated_since"`
	ReplacedBy      string         `json:"replaced_by"`
	History         [][2]string    `json:"history"` // version, what it changed
	Arguments       []docsArgument `json:"arguments"`
}

// docsArgument is one node of a tree of arguments.
type docsArgument struct {
	Name            string         `json:"name"`
	Type            string         `json:"type"`
	DisplayText     string         `json:"display_text"` // "" when it is the name
	KeySpec         *int           `json:"key_spec_index"`
	Token           *string        `json:"token"` // may be empty
	Since           string         `json:"since"`
	DeprecatedSince string         `json:"deprecated_since"`
	Flags           []string       `json:"flags"`
	Arguments       []docsArgument `json:"arguments"`
}

// findDocs returns what is written about a command ("client|kill"), or nil.
func findDocs(name string) *commandDocs { return allDocs()[name] }

// allDocs parses the embedded file when it is first needed, which takes 3 ms once: most servers are never asked.
var allDocs = sync.OnceValue(func() map[string]*commandDocs {
	all := make(map[string]*commandDocs, 400)
	for line := range strings.Lines(docsJSON + docsSentinelJSON) {
		d := new(commandDocs)
		if err := json.Unmarshal([]byte(line), d); err != nil {
			panic(fmt.Sprintf("command: docs.json: %v", err))
		}
		all[d.Name] = d
	}
	return all
})
