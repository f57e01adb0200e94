package generate

import (
	"slices"
	"strings"

	"frankenredis/conformance/reference"
)

// excluded maps commands, or whole containers, to the entry of the drift ledger that says why they are not compared at random.
var excluded = map[string]string{
	"shutdown": "ends-server", "debug": "ends-server", "failover": "ends-server", "replicaof": "ends-server", "slaveof": "ends-server",
	"config|set": "ends-server", "config|rewrite": "ends-server", "config|resetstat": "ends-server", "module": "ends-server",
	"acl": "ends-server", "cluster": "ends-server", "quit": "ends-server", "auth": "ends-server",
	"client|kill": "ends-server", "client|pause": "ends-server", "client|unpause": "ends-server", "client|unblock": "ends-server",
	"script|kill": "ends-server", "script|debug": "ends-server", "function|kill": "ends-server",

	"client|reply": "no-single-reply", "client|tracking": "no-single-reply", "client|caching": "no-single-reply", "monitor": "no-single-reply",
	"sync": "no-single-reply", "psync": "no-single-reply", "replconf": "no-single-reply",
	"subscribe": "no-single-reply", "unsubscribe": "no-single-reply", "psubscribe": "no-single-reply", "punsubscribe": "no-single-reply",
	"ssubscribe": "no-single-reply", "sunsubscribe": "no-single-reply",

	"info": "measured", "role": "measured", "memory": "measured", "latency": "measured", "slowlog": "measured", "client|list": "measured",
	"client|info": "measured", "lolwut": "measured",

	"pfselftest": "files", "pfdebug": "files",

	"save": "files", "bgsave": "files", "bgrewriteaof": "files", "migrate": "files",

	"spop": "random-pick",

	"command": "command-table", "command|count": "command-table", "command|list": "command-table", "command|info": "command-table",
	"config|get":   "command-table",
	"command|docs": "command-docs",

	"dump": "dump-version", "function|dump": "dump-version", "function|restore": "dump-version",
}

// leftOut maps "command argument" to the entry of the drift ledger that says why the argument never comes.
var leftOut = map[string]string{
	"xread milliseconds":      "blocks",
	"xreadgroup milliseconds": "blocks",
	"xadd auto-id":            "clock",
	"hello auth":              "ends-server",
	"sort by-pattern":         "order",
	"sort_ro by-pattern":      "order",
	"hscan novalues":          "redict-novalues",
	"zrange bylex":            "lex",
	"zrangestore bylex":       "lex",
}

// Excluded returns the id of the ledger's entry for which a command is not generated, or "".
func Excluded(c *reference.Command) string {
	parent, sub, _ := strings.Cut(c.Name, "|")
	switch {
	case excluded[c.Name] != "":
		return excluded[c.Name]
	case sub != "" && excluded[parent] != "" && parent != "command":
		return excluded[parent]
	case sub == "help":
		return "help-text"
	case slices.Contains(c.Flags, "blocking") && c.Name != "xread" && c.Name != "xreadgroup":
		return "blocks"
	}
	return ""
}

// poolEntries are the ledger's entries for which pools of values lack some.
var poolEntries = []string{"redict-types", "redict-cursors", "redict-xread", "redict-offset", "redict-lrem", "redict-linebreak", "undefined"}

// judgeDiffers says whether a command is one of those that the judge answers otherwise than 7.2.4, by what stands in it: the ledger's
// entries redict-lrem and redict-linebreak.
func judgeDiffers(args []string) bool {
	switch {
	case strings.EqualFold(args[0], "LREM"):
		return len(args) > 2 && args[2] == "-9223372036854775808"
	case strings.EqualFold(args[0], "FUNCTION") && len(args) > 2: // the last word of LOAD is a library
		return strings.ContainsAny(strings.Join(args[1:len(args)-1], ""), "\r\n") ||
			strings.EqualFold(args[1], "LIST") && strings.ContainsAny(args[len(args)-1], "\r\n")
	}
	return false
}

// Entries lists the ledger's entries that exclusions name, each once, in order.
func Entries() []string {
	ids := append([]string{"blocks", "help-text"}, poolEntries...)
	for _, m := range []map[string]string{excluded, leftOut} {
		for _, id := range m {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
