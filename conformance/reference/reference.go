// Package reference holds what a live server of the 7.2.4 level says about its own surface: every command with its
// subcommands, and every parameter that CONFIG GET * shows. tools/cmdref captures it; nothing here is written by hand.
//
// Only facts are kept. Descriptions are the server's authors' prose and stay out: of a complexity the formulas remain, of
// a history the versions, of a note on a key spec that there is one.
//
// # Files
//
// commands.json and config.json: a JSON array each, one object a line, sorted by name, so that a change of the surface is a
// change of lines. A field is absent where the server said nothing.
package reference

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
)

// Command is one command or subcommand.
type Command struct {
	Name  string `json:"name"` // "get"; of a subcommand with its parent's, "client|kill"
	Arity int    `json:"arity"`
	// Flags, Categories, Tips and KeySpecs are in the order in which COMMAND INFO lists them.
	Flags      []string  `json:"flags,omitempty"`
	FirstKey   int       `json:"first_key,omitempty"`
	LastKey    int       `json:"last_key,omitempty"`
	Step       int       `json:"step,omitempty"`
	Categories []string  `json:"categories,omitempty"`
	Tips       []string  `json:"tips,omitempty"`
	KeySpecs   []KeySpec `json:"key_specs,omitempty"`

	Since string `json:"since,omitempty"`
	Group string `json:"group,omitempty"`
	// Complexity lists the formulas that the server's description of the complexity mentions, each once; empty when it has
	// words only, nil when there is no description.
	Complexity      []string `json:"complexity,omitzero"`
	DocFlags        []string `json:"doc_flags,omitempty"`
	DeprecatedSince string   `json:"deprecated_since,omitempty"`
	ReplacedBy      string   `json:"replaced_by,omitempty"`
	// History lists the versions that changed the command, one for each change.
	History   []string   `json:"history,omitempty"`
	Arguments []Argument `json:"arguments,omitempty"`
}

// KeySpec tells where keys stand among the arguments.
type KeySpec struct {
	Notes bool     `json:"notes,omitempty"` // the server adds a note
	Flags []string `json:"flags,omitempty"`
	Begin Search   `json:"begin_search"`
	Find  Search   `json:"find_keys"`
}

// Search is one half of a key spec. Which fields count depends on Type: index, keyword and unknown begin, range, keynum and
// unknown find.
type Search struct {
	Type      string `json:"type"`
	Index     int    `json:"index,omitempty"`
	Keyword   string `json:"keyword,omitempty"`
	StartFrom int    `json:"startfrom,omitempty"`
	LastKey   int    `json:"lastkey,omitempty"`
	KeyNum    int    `json:"keynumidx,omitempty"`
	FirstKey  int    `json:"firstkey,omitempty"`
	KeyStep   int    `json:"keystep,omitempty"`
	Limit     int    `json:"limit,omitempty"`
}

// Argument is one node of a command's tree of arguments.
type Argument struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// DisplayText is what a hint shows for the argument; "" when that is its name. Arguments of type oneof and block show
	// their own arguments instead.
	DisplayText     string     `json:"display_text,omitempty"`
	KeySpec         *int       `json:"key_spec_index,omitempty"`
	Token           *string    `json:"token,omitempty"` // may be empty: MIGRATE has such a word
	Since           string     `json:"since,omitempty"`
	DeprecatedSince string     `json:"deprecated_since,omitempty"`
	Flags           []string   `json:"flags,omitempty"`
	Arguments       []Argument `json:"arguments,omitempty"`
}

// Parameter is one parameter as CONFIG GET * shows it.
type Parameter struct {
	Name string `json:"name"`
	// Default is the value on a server started without a configuration file; nil when it depends on the machine.
	Default *string `json:"default,omitempty"`
}

//go:embed commands.json
var commands []byte

//go:embed config.json
var parameters []byte

// Commands returns all commands and subcommands in order of name.
func Commands() []Command { return decode[Command]("commands.json", commands) }

// Parameters returns all parameters in order of name.
func Parameters() []Parameter { return decode[Parameter]("config.json", parameters) }

// decode parses one of the files; as they are part of the program, one that does not parse is our own mistake.
func decode[T any](name string, data []byte) []T {
	var all []T
	if err := json.Unmarshal(data, &all); err != nil {
		panic(fmt.Sprintf("reference: %s: %v", name, err))
	}
	return all
}

// Encode writes facts as the files hold them.
func Encode[T Command | Parameter](all []T) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for i := range all {
		out.WriteString(separators[min(i, 1)])
		if err := enc.Encode(&all[i]); err != nil {
			return nil, err
		}
		out.Truncate(out.Len() - 1) // the line feed: a comma may come before it
	}
	out.WriteString("\n]\n")
	return out.Bytes(), nil
}

// separators stand before the first object and before each further one.
var separators = [2]string{"[\n", ",\n"}
