package config

import (
	"cmp"
	"strings"
)

// baseName refuses names that are empty (unless that is allowed) or that lead elsewhere.
func baseName(directive, what string, emptyOK bool) func(*Store, value) error {
	return func(_ *Store, v value) error {
		if v.s == "" && !emptyOK {
			return cause(directive + " can't be empty")
		}
		if strings.ContainsRune(v.s, '/') {
			return cause(directive + " can't be a path, just a " + what)
		}
		return nil
	}
}

// hostname bounds an announced host name.
func hostname(_ *Store, v value) error {
	const longest = 255
	if len(v.s) > longest {
		return cause("Hostnames must be less than 256 characters")
	}
	for i := 0; i < len(v.s); i++ {
		c := v.s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return cause("Hostnames may only contain alphanumeric characters, hyphens or dots")
		}
	}
	return nil
}

// titleTemplate refuses an open brace, unknown variables, and a title that comes out empty.
func titleTemplate(s *Store, v value) error {
	title, ok := ExpandTitle(v.s, func(name string) (string, bool) {
		switch name {
		case "title", "server-mode":
			return "", true // empty for a server that is neither cluster nor sentinel
		case "listen-addr", "port", "tls-port":
			return "0", true
		case "unixsocket":
			return s.String("unixsocket"), true
		case "config-file":
			return cmp.Or(s.file, "-"), true
		}
		return "", false
	})
	if !ok || title == "" {
		return cause("template format is invalid or contains unknown variables")
	}
	return nil
}

// ExpandTitle fills in the {variables} of a proc-title-template; {{ stands for one brace. ok is false for an open brace
// and for a variable that lookup does not know. Blanks around the result are cut off.
func ExpandTitle(template string, lookup func(name string) (string, bool)) (title string, ok bool) {
	var b strings.Builder
	for {
		at := strings.IndexByte(template, '{')
		if at < 0 {
			b.WriteString(template)
			return strings.Trim(b.String(), " "), true
		}
		b.WriteString(template[:at])
		template = template[at+1:]
		if strings.HasPrefix(template, "{") {
			b.WriteByte('{')
			template = template[1:]
			continue
		}
		end := strings.IndexByte(template, '}')
		if end < 0 {
			return "", false
		}
		text, known := lookup(template[:end])
		if !known {
			return "", false
		}
		b.WriteString(text)
		template = template[end+1:]
	}
}

// nodeName refuses the characters that nodes.conf gives a meaning.
func nodeName(_ *Store, v value) error {
	if strings.ContainsAny(v.s, "!#$%&()*+:;<>?@[]^{|}~\x00") {
		return cause("Announced human node name contained invalid character")
	}
	return nil
}

// notBoth refuses contradicting shutdown options.
func notBoth(_ *Store, v value) error {
	const save, nosave = 1, 2
	if v.n&save != 0 && v.n&nosave != 0 {
		return cause("shutdown options SAVE and NOSAVE can't be used simultaneously")
	}
	return nil
}

// locale accepts the collations that need no locale files.
func locale(_ *Store, v value) (value, error) {
	if !knownLocale(v.s) {
		return value{}, cause("Invalid locale name")
	}
	return v, nil
}

// LocaleKnown says that SORT ALPHA can order as locale-collate asks. A start finds out when the configuration counts as loaded, as in Redis.
func (s *Store) LocaleKnown() bool { return knownLocale(s.String("locale-collate")) }

func knownLocale(name string) bool {
	switch name {
	case "", "C", "POSIX", "C.UTF-8", "C.utf8":
		return true
	}
	return false
}

// clampHz keeps hz between 1 and 500, as Redis does without a word.
func clampHz(_ *Store, v value) value {
	v.n = min(max(v.n, 1), 500)
	return v
}

// relativeOOM: yes and relative are the same, and CONFIG GET shows the first of them.
func relativeOOM(_ *Store, v value) value {
	const yes, relative = 1, 2
	if v.n == relative {
		v.n = yes
	}
	return v
}

// clampWatchdog: less than two timer periods could not be told from health.
func clampWatchdog(s *Store, v value) value {
	if v.n > 0 {
		v.n = max(v.n, 1000/s.Int("hz")*2)
	}
	return v
}

// smallestBacklog: CONFIG SET keeps no backlog below 16 KiB, a file may.
func smallestBacklog(_ *Store, v value) (value, error) {
	v.n = max(v.n, 16<<10)
	return v, nil
}
