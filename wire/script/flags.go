package script

import (
	"bytes"
	"strings"

	"frankenredis/wire/resp"
)

// Flags are what a script declares in its first line: #!lua flags=no-writes,allow-oom.
type Flags struct {
	Declared                                                      bool // there is such a line
	NoWrites, AllowOOM, AllowStale, NoCluster, AllowCrossSlotKeys bool
}

// Error is a text for the client, with its code.
type Error string

// Error is the text.
func (e Error) Error() string { return string(e) }

// ParseFlags reads a script's first line. skip is the number of its bytes that are no Lua; the line end stays, for line numbers.
func ParseFlags(body []byte) (f Flags, skip int, err error) {
	if !bytes.HasPrefix(body, []byte("#!")) {
		return Flags{}, 0, nil
	}
	skip = bytes.IndexByte(body, '\n')
	if skip < 0 {
		return Flags{}, 0, Error("ERR Invalid script shebang")
	}
	words, ok := resp.SplitWords(string(body[:skip]))
	if !ok || len(words) == 0 {
		return Flags{}, 0, Error("ERR Invalid engine in script shebang")
	}
	if words[0] != "#!lua" {
		return Flags{}, 0, Error("ERR Unexpected engine in script shebang: " + words[0])
	}
	f.Declared = true
	for _, word := range words[1:] {
		list, found := strings.CutPrefix(word, "flags=")
		if !found {
			return Flags{}, 0, Error("ERR Unknown lua shebang option: " + word)
		}
		if list == "" {
			continue
		}
		for _, name := range strings.Split(list, ",") {
			if !f.set(name) {
				return Flags{}, 0, Error("ERR Unexpected flag in script shebang: " + name)
			}
		}
	}
	return f, skip, nil
}

// set adds a flag and reports whether there is one of that name.
func (f *Flags) set(name string) bool {
	switch name {
	case "no-writes":
		f.NoWrites = true
	case "allow-oom":
		f.AllowOOM = true
	case "allow-stale":
		f.AllowStale = true
	case "no-cluster":
		f.NoCluster = true
	case "allow-cross-slot-keys":
		f.AllowCrossSlotKeys = true
	default:
		return false
	}
	return true
}

// Names are the flags' names in the order in which FUNCTION LIST has them.
func (f Flags) Names() (names []string) {
	for _, flag := range []struct {
		on   bool
		name string
	}{{f.NoWrites, "no-writes"}, {f.AllowOOM, "allow-oom"}, {f.AllowStale, "allow-stale"}, {f.NoCluster, "no-cluster"},
		{f.AllowCrossSlotKeys, "allow-cross-slot-keys"}} {
		if flag.on {
			names = append(names, flag.name)
		}
	}
	return names
}
