package config

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"frankenredis/wire/resp"
)

// special is embedded by the kinds whose value is a list of elements shown with spaces between.
type special struct{}

func (special) name() string { return "special" }

func (special) show(v value) string { return strings.Join(v.list, " ") }

func onlyEmpty(args []string) bool { return len(args) == 1 && args[0] == "" }

// savePoints is a list of pairs: seconds, changes.
type savePoints struct{ special }

func (savePoints) parse(args []string, old value) (value, error) {
	v := value{list: slices.Clone(old.list)}
	if onlyEmpty(args) {
		return value{}, nil
	}
	const bad = cause("Invalid save parameters")
	if len(args)%2 != 0 {
		return value{}, bad
	}
	for i := 0; i < len(args); i += 2 {
		seconds, ok1, _ := parseLoose(args[i], 10)
		changes, ok2, _ := parseLoose(args[i+1], 10)
		if !ok1 || !ok2 || seconds < 1 || changes < 0 {
			return value{}, bad
		}
		// Redis keeps the changes in a C int.
		v.list = append(v.list, strconv.FormatInt(seconds, 10), strconv.FormatInt(int64(int32(changes)), 10))
	}
	return v, nil
}

func (savePoints) lines(name string, v, _ value) []line {
	if len(v.list) == 0 {
		return []line{{name + ` ""`, true}}
	}
	var out []line
	for i := 0; i+1 < len(v.list); i += 2 {
		out = append(out, line{name + " " + v.list[i] + " " + v.list[i+1], true})
	}
	return out
}

// addresses is the bind list.
type addresses struct{ special }

const maxBindAddresses = 16

func (addresses) parse(args []string, _ value) (value, error) {
	if len(args) > maxBindAddresses {
		return value{}, cause("Too many bind addresses specified.")
	}
	if onlyEmpty(args) {
		return value{}, nil
	}
	return value{list: slices.Clone(args)}, nil
}

func (addresses) lines(name string, v, def value) []line {
	switch {
	case v.equal(def):
		return nil // a line that says so goes, even when all are to be written
	case len(v.list) == 0:
		return []line{{name + ` ""`, true}}
	}
	return []line{{name + " " + wordList(v.list), true}}
}

// clientClasses are the classes of client-output-buffer-limit in the order of the value's triples.
var clientClasses = [...]string{"normal", "slave", "pubsub"}

// bufferLimits is a triple for each client class: hard and soft limit in bytes, seconds over the soft one.
type bufferLimits struct{ special }

func (bufferLimits) parse(args []string, old value) (value, error) {
	if len(args)%4 != 0 {
		return value{}, cause("Wrong number of arguments in buffer limit configuration.")
	}
	v := value{list: slices.Clone(old.list)}
	for i := 0; i < len(args); i += 4 {
		name := strings.ToLower(args[i])
		if name == "replica" {
			name = "slave"
		}
		class := slices.Index(clientClasses[:], name)
		if class < 0 {
			return value{}, cause("Invalid client class specified in buffer limit configuration.")
		}
		hard, ok1 := parseMemory(args[i+1])
		soft, ok2 := parseMemory(args[i+2])
		seconds, ok3, _ := parseLoose(args[i+3], 10)
		if !ok1 || !ok2 || !ok3 || int32(seconds) < 0 {
			return value{}, cause("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		copy(v.list[class*3:], []string{
			strconv.FormatUint(hard, 10), strconv.FormatUint(soft, 10), strconv.FormatInt(int64(int32(seconds)), 10),
		})
	}
	return v, nil
}

func (bufferLimits) show(v value) string {
	var b strings.Builder
	for i, class := range clientClasses {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(class + " " + strings.Join(v.list[i*3:i*3+3], " "))
	}
	return b.String()
}

func (bufferLimits) lines(name string, v, def value) []line {
	var out []line
	for i, class := range clientClasses {
		if class == "slave" {
			class = "replica"
		}
		mine := v.list[i*3 : i*3+3]
		hard, _ := strconv.ParseUint(mine[0], 10, 64)
		soft, _ := strconv.ParseUint(mine[1], 10, 64)
		out = append(out, line{
			text:  name + " " + class + " " + formatMemory(hard) + " " + formatMemory(soft) + " " + mine[2],
			force: !slices.Equal(mine, def.list[i*3:i*3+3]),
		})
	}
	return out
}

// oomScores is three numbers: primary, replica, background child.
type oomScores struct{ special }

func (oomScores) parse(args []string, _ value) (value, error) {
	if len(args) != 3 {
		return value{}, errArgCount
	}
	var v value
	for _, arg := range args {
		n, ok, _ := parseLoose(arg, 10)
		if !ok || n < -2000 || n > 2000 {
			return value{}, cause("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
		}
		v.list = append(v.list, strconv.FormatInt(n, 10))
	}
	return v, nil
}

func (k oomScores) lines(name string, v, def value) []line {
	return []line{{name + " " + k.show(v), !v.equal(def)}}
}

// percentiles is a list of numbers from 0 to 100, kept with six decimals.
type percentiles struct{ special }

func (percentiles) parse(args []string, _ value) (value, error) {
	var v value
	if onlyEmpty(args) {
		return v, nil
	}
	for _, arg := range args {
		f, ok := parseDouble(arg)
		if !ok {
			return value{}, cause("Invalid latency-tracking-info-percentiles parameters")
		}
		if f > 100 || f < 0 {
			return value{}, cause("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
		}
		v.list = append(v.list, formatDouble(f))
	}
	return v, nil
}

func (k percentiles) lines(name string, v, _ value) []line {
	if len(v.list) == 0 {
		return []line{{name + ` ""`, true}}
	}
	return []line{{name + " " + k.show(v), true}}
}

// eventClasses are the letters of notify-keyspace-events that A stands for, then those beside it, in the order shown.
const (
	eventsOfAll = "g$lshzxetd"
	eventLetter = eventsOfAll + "nKEm"
)

// EventSet is a set of keyspace notification classes and channels, by their letters in notify-keyspace-events. Zero: none.
type EventSet uint32

// Has says whether the set holds what a letter stands for; not to be asked for A.
func (e EventSet) Has(letter byte) bool { return e>>eventBit[letter]&1 != 0 }

// eventBit is the place of a letter's bit in a set; letters without a meaning have one that is never set.
var eventBit = func() (bit [256]uint8) {
	for i := range bit {
		bit[i] = uint8(len(eventLetter))
	}
	for i := range len(eventLetter) {
		bit[eventLetter[i]] = uint8(i)
	}
	return bit
}()

// events is a set of keyspace notification classes: n has a bit for each letter of eventLetter.
type events struct{ special }

func (events) parse(args []string, _ value) (value, error) {
	if len(args) != 1 {
		return value{}, errArgCount
	}
	var v value
	for i := 0; i < len(args[0]); i++ {
		c := args[0][i]
		if c == 'A' {
			v.n |= 1<<len(eventsOfAll) - 1
			continue
		}
		at := strings.IndexByte(eventLetter, c)
		if at < 0 {
			return value{}, cause("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
		}
		v.n |= 1 << at
	}
	return v, nil
}

func (events) show(v value) string {
	const all = 1<<len(eventsOfAll) - 1
	n := uint64(v.n)
	var b strings.Builder
	if n&all == all {
		// Redis does not show n beside A.
		b.WriteByte('A')
		n &^= 1<<(len(eventsOfAll)+1) - 1
	}
	for ; n != 0; n &= n - 1 {
		b.WriteByte(eventLetter[bits.TrailingZeros64(n)])
	}
	return b.String()
}

func (k events) lines(name string, v, _ value) []line {
	return []line{{name + " " + resp.Quote(k.show(v)), v.n != 0}}
}

// primary is host and port of the server to replicate, or nothing.
type primary struct{ special }

func (primary) parse(args []string, _ value) (value, error) {
	if len(args) != 2 {
		return value{}, errArgCount
	}
	if strings.EqualFold(args[0], "no") && strings.EqualFold(args[1], "one") {
		return value{}, nil
	}
	port, ok, _ := parseLoose(args[1], 10)
	if !ok || port < 0 || port > 65535 {
		return value{}, cause("Invalid master port")
	}
	return value{list: []string{args[0], strconv.FormatInt(port, 10)}}, nil
}

func (primary) lines(name string, v, _ value) []line {
	if len(v.list) == 0 {
		return nil
	}
	return []line{{name + " " + wordList(v.list), true}}
}

// directory is the working directory; the store makes it absolute.
type directory struct{ special }

func (directory) parse(args []string, _ value) (value, error) {
	if len(args) != 1 {
		return value{}, errArgCount
	}
	return value{s: args[0]}, nil
}

func (directory) show(v value) string { return v.s }

func (directory) lines(name string, v, _ value) []line {
	return []line{{name + " " + resp.Quote(v.s), true}}
}
