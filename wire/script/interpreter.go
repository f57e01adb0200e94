package script

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"frankenredis/wire/resp"
	"frankenredis/wire/script/ldb"
	"frankenredis/wire/script/lua"
)

// Host is what scripts reach of the server. The interpreter calls it while a script runs, on the same goroutine.
type Host interface {
	// Call runs a command; the reply is in the protocol version of Proto and valid until the next call. An error says that the
	// command was refused; it has been counted.
	Call(argv [][]byte) (reply []byte, err error)
	// Knows says whether argv names a command, Allowed whether the user may run it.
	Knows(argv [][]byte) bool
	Allowed(argv [][]byte) bool
	// Proto is the protocol version of replies to the script, 2 or 3.
	Proto() int
	SetProto(version int)
	// SetEffects says where effects go from here on: bit 0 the AOF, bit 1 replicas.
	SetEffects(to uint8)
	// Log writes a line: level 0 is debug, 1 verbose, 2 notice, 3 warning.
	Log(level int, line string)
	// Step is called about every hundred thousand instructions; an error ends the script.
	Step() error
}

// Version is what scripts are told of the server.
type Version struct {
	Text   string
	Number int
}

// Script is one that was loaded.
type Script struct {
	SHA   string // 40 lower-case hexadecimal digits
	Flags Flags
	fn    *lua.Closure
	size  int
	kept  bool // SCRIPT LOAD has named it
}

// Interpreter runs scripts, one at a time. It belongs to one goroutine.
type Interpreter struct {
	host    Host
	version Version
	l       *lua.State
	limit   int // of the memory of values, in bytes; 0: none
	cache   map[string]*Script
	bytes   int
	passing []*Script    // those of cache that nobody asked to keep, oldest first
	endedAt int          // the line at which step ended a script
	debug   *ldb.Session // of the script that runs, nil: nobody looks

	// Scratch of calls: the bytes of argument vectors, their places, and the vectors.
	arg    []byte
	places []int
	argv   [][]byte
}

// New returns an interpreter without scripts. deprecated says that scripts find getfenv, setfenv and newproxy.
func New(h Host, v Version, deprecated bool) *Interpreter {
	ballast()
	i := &Interpreter{host: h, version: v}
	i.l = lua.New(lua.Options{Hook: i.step, Every: 100000})
	i.openGlobals(deprecated)
	i.Flush()
	return i
}

// Flush forgets all scripts. There is nothing else they could have left behind but the place in the row of math.random, which in
// Redis outlives this, too.
func (i *Interpreter) Flush() { i.cache, i.bytes, i.passing = make(map[string]*Script), 0, nil }

// SetMaxMemory bounds the bytes scripts and their values may take, as Memory counts them: what would exceed that fails with "not enough
// memory". 0 is no bound.
func (i *Interpreter) SetMaxMemory(n int) {
	i.limit = n
	i.l.SetMaxMemory(n)
}

// step lets the host end the script, and notes where.
func (i *Interpreter) step(l *lua.State) error {
	var err error
	if i.debug == nil {
		err = i.host.Step()
	} else if i.debug.Overdue() {
		err = errAlone
	}
	if err != nil {
		i.endedAt = 0
		for level := 0; ; level++ {
			f, ok := l.Frame(level)
			if !ok {
				break
			}
			if !f.Host && f.Line > 0 {
				i.endedAt = f.Line
				break
			}
		}
	}
	return err
}

// NameSize is the length of a script's name.
const NameSize = 2 * sha1.Size

// SHA is the name of a script: its SHA-1 in hexadecimal.
func SHA(body []byte) string {
	sum := sha1.Sum(body)
	return hex.EncodeToString(sum[:])
}

// Find returns a script by its name in any case, or nil.
func (i *Interpreter) Find(sha []byte) *Script {
	if len(sha) != NameSize {
		return nil
	}
	if s := i.cache[string(sha)]; s != nil {
		return s
	}
	return i.cache[strings.ToLower(string(sha))]
}

// scriptBytes is what a cached script costs besides its text, in bytes.
const scriptBytes = 200

// compiledShare is the part of the memory limit that texts of cached scripts may take; compiled they take some times that.
const compiledShare = 8

// forgetOldest drops scripts that only Load has made known while the cache takes more than its share. Redis 7.2.4 would go on until the
// memory of the machine is full; below the limit nothing is forgotten unasked, as there.
func (i *Interpreter) forgetOldest() {
	for i.limit > 0 && i.bytes > i.limit/compiledShare && len(i.passing) > 0 {
		s := i.passing[0]
		i.passing[0] = nil
		i.passing = i.passing[1:]
		if !s.kept {
			delete(i.cache, s.SHA)
			i.bytes -= s.size
		}
	}
}

// Keep is Load for a script that is not to be forgotten unasked.
func (i *Interpreter) Keep(body []byte) (*Script, error) {
	s, err := i.Load(body)
	if err == nil {
		s.kept = true
	}
	return s, err
}

// Load compiles a script, if it is not loaded already, and caches it. Errors are of type Error.
func (i *Interpreter) Load(body []byte) (*Script, error) {
	sum := sha1.Sum(body)
	var name [NameSize]byte
	hex.Encode(name[:], sum[:])
	if s := i.cache[string(name[:])]; s != nil {
		return s, nil
	}
	flags, skip, err := ParseFlags(body)
	if err != nil {
		return nil, err
	}
	fn, err := i.l.Load(string(body[skip:]), "@user_script", nil)
	if err != nil {
		return nil, Error("ERR Error compiling script (new function): " + err.Error())
	}
	s := &Script{SHA: string(name[:]), Flags: flags, fn: fn, size: len(body) + scriptBytes}
	i.forgetOldest()
	i.passing = append(i.passing, s)
	i.cache[s.SHA] = s
	i.bytes += s.size
	return s, nil
}

// Cached is the number of scripts that are loaded, and the bytes they take. Memory is what the interpreter holds.
func (i *Interpreter) Cached() (scripts, bytes int) { return len(i.cache), i.bytes }

// Memory is an estimate of the bytes scripts and their values take.
func (i *Interpreter) Memory() int { return i.l.Memory() }

// Run runs a script and appends its reply to w. A failure is returned as the text for the client; counted says that the
// error behind it was counted already.
func (i *Interpreter) Run(s *Script, keys, args [][]byte, w *resp.Writer) (counted bool, err error) {
	globals := i.l.Globals()
	globals.SetField("KEYS", i.list(keys))
	globals.SetField("ARGV", i.list(args))
	return i.run(s.fn, s.SHA, "@user_script", w)
}

// run calls what a script or a function is: name and source are for its errors.
func (i *Interpreter) run(fn *lua.Closure, name, source string, w *resp.Writer, args ...lua.Value) (counted bool, err error) {
	defer i.l.Recount()
	results, err := i.l.Call(fn.Value(), placeError, args...)
	if err != nil {
		return i.failure(name, source, err)
	}
	v := lua.Nil
	if len(results) > 0 {
		v = results[0]
	}
	r := replier{w: w, proto: i.host.Proto(), l: i.l}
	return r.reply(v, 2)
}

func (i *Interpreter) list(items [][]byte) lua.Value {
	t := i.l.NewTable(len(items), 0)
	for n, b := range items {
		t.SetInt(n+1, i.l.NewBytes(b))
	}
	return t.Value()
}
