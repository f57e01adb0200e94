package script

import (
	"errors"
	"strconv"
	"strings"

	"frankenredis/wire/script/lua"
)

// The fields of a table that is an error.
const (
	fieldErr     = "err"
	fieldSource  = "source"
	fieldLine    = "line"
	fieldCounted = "ignore_error_stats_update"
)

// placeError turns what was raised into a table that says where.
func placeError(l *lua.State, v lua.Value) lua.Value {
	at, known := l.Frame(0)
	if known && at.Host {
		at, known = l.Frame(1)
	}
	t := v.Table()
	if t == nil {
		text, _ := l.Describe(v).Text()
		t = l.NewTable(0, 3)
		t.SetField(fieldErr, l.NewString("ERR "+text))
	}
	if known {
		t.SetField(fieldSource, l.NewString(at.Source))
		t.SetField(fieldLine, lua.Int(at.Line))
	}
	return t.Value()
}

// failure is what the client sees of an error that no script caught.
func (i *Interpreter) failure(name, source string, err error) (counted bool, _ error) {
	var failure *lua.Error
	if !errors.As(err, &failure) {
		return false, Error("ERR " + err.Error())
	}
	if failure.Fatal != nil {
		text := failure.Fatal.Error()
		if !strings.HasPrefix(text, "ERR ") {
			text = "ERR " + text
		}
		return false, Error(text + " script: " + name + ", on " + source + ":" + strconv.Itoa(i.endedAt) + ".")
	}
	t := failure.Value.Table()
	if t == nil {
		text, ok := i.l.ToString(failure.Value)
		if !ok {
			text = "execution failure"
		}
		return false, Error("ERR Error running script " + name + ", " + text[:min(len(text), 100)])
	}
	text, counted := errorOf(i.l, t)
	at, ok1 := i.l.ToString(t.GetField(fieldSource))
	line, ok2 := i.l.ToString(t.GetField(fieldLine))
	if ok1 && ok2 {
		text += " script: " + name + ", on " + at + ":" + line + "."
	}
	return counted, Error(text)
}

// reason is the text of an error that ended the loading of a library.
func (i *Interpreter) reason(err error) string {
	var failure *lua.Error
	if !errors.As(err, &failure) {
		return err.Error()
	}
	if failure.Fatal != nil {
		return failure.Fatal.Error()
	}
	if t := failure.Value.Table(); t != nil {
		text, _ := errorOf(i.l, t)
		return text
	}
	text, _ := i.l.ToString(failure.Value)
	return text
}

// errorOf returns the text of a table that is an error, and whether it was counted.
func errorOf(l *lua.State, t *lua.Table) (text string, counted bool) {
	text, ok := l.ToString(t.GetField(fieldErr))
	if !ok {
		text = "ERR unknown error"
	}
	return text, t.GetField(fieldCounted).IsTrue()
}

// newError makes a table of an error: "-CODE text", or a text without a code.
func (i *Interpreter) newError(text string) *lua.Table {
	if i.debug != nil && i.debug.Stepping() {
		i.debug.Failed(text)
	}
	code := "ERR"
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		text = rest
		if word, after, found := strings.Cut(rest, " "); found {
			code, text = word, after
		}
	}
	t := i.l.NewTable(0, 2)
	t.SetField(fieldErr, i.l.NewString(code+" "+strings.Trim(text, "\r\n")))
	return t
}

// raise ends the running function of the table redis with an error.
func (i *Interpreter) raise(l *lua.State, text string) int {
	l.Throw(i.newError(text).Value())
	return 0
}
