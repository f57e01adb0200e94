package testbed

import (
	"fmt"
	"strconv"
	"strings"
)

// Format prints a reply as redis-cli does on a terminal, without the last newline.
func Format(r Reply) string {
	return strings.TrimSuffix(format(r, ""), "\n")
}

// format returns whole lines. The first carries no prefix, because the caller already stands behind the element's number.
func format(r Reply, prefix string) string {
	switch r.Kind {
	case Error, BlobError:
		return "(error) " + r.Str + "\n"
	case Status, Verbatim:
		return r.Str + "\n"
	case Integer:
		return "(integer) " + strconv.FormatInt(r.Int, 10) + "\n"
	case Double:
		return "(double) " + r.Str + "\n"
	case Bool:
		if r.Int != 0 {
			return "(true)\n"
		}
		return "(false)\n"
	case Null:
		return "(nil)\n"
	case BigNumber:
		return r.Str + "\n"
	case Bulk:
		return Quote(r.Str) + "\n"
	}
	return formatAggregate(r, prefix)
}

func formatAggregate(r Reply, prefix string) string {
	sep, empty, step := ")", "(empty array)\n", 1
	switch r.Kind {
	case Set:
		sep, empty = "~", "(empty set)\n"
	case Map:
		sep, empty, step = "#", "(empty hash)\n", 2
	case Push:
		sep, empty = ">", "(empty push)\n"
	}
	if len(r.Elems) == 0 {
		return empty
	}
	width := len(strconv.Itoa(len(r.Elems) / step))
	inner := prefix + strings.Repeat(" ", width+2)
	var b strings.Builder
	for i := 0; i < len(r.Elems); i += step {
		if i > 0 {
			b.WriteString(prefix)
		}
		fmt.Fprintf(&b, "%*d%s ", width, i/step+1, sep)
		item := format(r.Elems[i], inner)
		if step == 2 {
			value := format(r.Elems[i+1], inner)
			if strings.Count(value, "\n") > 1 { // a value of several lines starts on a line of its own
				value = "\n" + inner + value
			}
			item = strings.TrimSuffix(item, "\n") + " => " + value
		}
		b.WriteString(item)
	}
	return b.String()
}

// Quote writes s as redis-cli quotes a string: printable ASCII as it is, the rest escaped.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\', '"':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\a':
			b.WriteString(`\a`)
		case '\b':
			b.WriteString(`\b`)
		default:
			if c >= 0x20 && c < 0x7f {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}
