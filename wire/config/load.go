package config

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"frankenredis/wire/resp"
)

const (
	// maxIncludes bounds how deep files may include each other.
	maxIncludes = 32
	// maxFileBytes bounds one file, so that a device or an endless pipe is told from a configuration.
	maxFileBytes = 64 << 20
)

// LoadOptions are what Load needs from outside.
type LoadOptions struct {
	// Stdin is read when the arguments ask for it.
	Stdin io.Reader
	// IsCommand tells whether a command exists, for rename-command; nil takes every name.
	IsCommand func(name string) bool
	// Sentinel: sentinel directives are kept for Store.Sentinel, and a Sentinel's defaults hold.
	Sentinel bool
	// CheckUser looks at the words of a user directive; it returns the index of the wrong one and why. nil takes all.
	CheckUser func(words []string) (wrong int, err error)

	// Tests hand in their own; nil means the disk.
	readFile func(path string) ([]byte, error)
	touchLog func(path string) error
}

// Load reads everything the arguments name: the configuration file, the file of ours beside it (see OwnFile), standard
// input, the command line. The later value counts. The error is a *FatalError.
func Load(a Args, o LoadOptions) (*Store, error) {
	s := Defaults()
	s.file = a.File
	if o.Sentinel {
		s.values[byName["port"]].n = sentinelPort
		s.values[byName["protected-mode"]].n = 0
	}
	l := loader{LoadOptions: o, store: s, commands: make(map[string]bool)}
	err := l.all(a)
	if err != nil {
		return nil, err
	}
	s.refreshLive()
	return s, nil
}

// LoadText reads redis.conf syntax from memory, on top of the defaults.
func LoadText(conf string, o LoadOptions) (*Store, error) {
	s := Defaults()
	l := loader{LoadOptions: o, store: s, commands: make(map[string]bool)}
	if err := l.text(conf, 0); err != nil {
		return nil, err
	}
	if err := l.finish(); err != nil {
		return nil, err
	}
	s.refreshLive()
	return s, nil
}

// loader walks through configuration files.
type loader struct {
	LoadOptions
	store     *Store
	depth     int
	saveSeen  bool            // a save directive has replaced the default
	commands  map[string]bool // what rename-command changed: does the name exist now
	modules   []string
	moduleSet bool         // a directive for some module was seen
	own       bool         // reading the file of ours
	at        SentinelLine // the line being read; without words
}

func (l *loader) all(a Args) error {
	if !a.any && a.File == "" && !a.Stdin && a.Options == "" {
		return nil
	}
	var conf string
	if a.File != "" {
		var err error
		if conf, err = l.read(a.File); err != nil {
			return err
		}
	}
	before := 0 // lines of the configuration file, when it was read apart
	if own := OwnFile(a.File); a.File != "" && exists(own) {
		if err := l.text(conf, 0); err != nil {
			return err
		}
		l.own = true
		err := l.file(own)
		l.own = false
		if err != nil {
			return err
		}
		before, conf = strings.Count(conf, "\n"), ""
	}
	if a.Stdin && l.Stdin != nil {
		p, err := io.ReadAll(io.LimitReader(l.Stdin, maxFileBytes))
		if err != nil {
			return &FatalError{Log: true, Text: "Fatal error, can't read the configuration from stdin: " + ErrnoText(err)}
		}
		conf += string(p)
	}
	if err := l.text(conf+"\n"+a.Options, before); err != nil {
		return err
	}
	return l.finish()
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func (l *loader) file(name string) error {
	conf, err := l.read(name)
	if err != nil {
		return err
	}
	return l.text(conf, 0)
}

// read returns the contents of a file, or of all files that a pattern matches, in order. No match is no error.
func (l *loader) read(name string) (string, error) {
	_, dir := l.store.at("dir")
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir.s, path)
	}
	if !strings.ContainsAny(name, "*?[") {
		return l.readOne(path, name)
	}
	var all strings.Builder
	for _, match := range globFiles(path) {
		conf, err := l.readOne(match, match)
		if err != nil {
			return "", err
		}
		all.WriteString(conf)
	}
	return all.String(), nil
}

func (l *loader) readOne(path, name string) (string, error) {
	read := l.readFile
	if read == nil {
		read = readBounded
	}
	p, err := read(path)
	if errors.Is(err, syscall.EISDIR) {
		return "", nil // C's fopen opens a folder and reads nothing
	}
	if err != nil {
		return "", &FatalError{Log: true, Text: "Fatal error, can't open config file '" + name + "': " + ErrnoText(err)}
	}
	return string(p), nil
}

// readBounded reads a file or pipe, refusing what no configuration is as large as.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	p, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(p) > maxFileBytes {
		return nil, syscall.EFBIG
	}
	return p, err
}

// globFiles is glob(3): like filepath.Glob, but a wildcard does not match a leading dot, and ! negates a class too.
func globFiles(pattern string) []string {
	matches, err := filepath.Glob(strings.ReplaceAll(pattern, "[!", "[^"))
	if err != nil {
		return nil
	}
	parts := strings.Split(filepath.Clean(pattern), "/")
	return slices.DeleteFunc(matches, func(m string) bool {
		for i, part := range strings.Split(m, "/") {
			if i < len(parts) && strings.HasPrefix(part, ".") && !strings.HasPrefix(parts[i], ".") {
				return true
			}
		}
		return false
	})
}

// text executes configuration text line by line; messages number the lines from before+1.
func (l *loader) text(conf string, before int) error {
	for i, raw := range strings.Split(conf, "\n") {
		text := strings.Trim(raw, " \t\r\n")
		if text == "" || text[0] == '#' {
			continue
		}
		l.at = SentinelLine{Number: before + i + 1, Text: text}
		err := l.line(text)
		var fatal *FatalError
		if errors.As(err, &fatal) {
			return fatal // from an included file
		}
		if err != nil {
			return fatalBlock(before+i+1, text, err.Error())
		}
	}
	return l.checkLogFile()
}

func (l *loader) line(text string) error {
	if strings.IndexByte(text, 0) >= 0 {
		return cause("NUL byte in configuration line")
	}
	words, ok := resp.SplitWords(text)
	if !ok {
		return cause("Unbalanced quotes in configuration line")
	}
	if len(words) == 0 {
		return nil
	}
	name := strings.ToLower(words[0])
	if i, ok := byName[name]; ok && (!l.own || rows[i].Ours()) {
		return l.parameter(i, words[1:])
	}
	if l.own {
		return cause("Only fr- directives belong into this file")
	}
	return l.directive(name, words)
}

// parameter sets one row.
func (l *loader) parameter(i int, args []string) error {
	r := &rows[i]
	switch {
	case !r.Is(Several) && len(args) != 1:
		return errArgCount
	case r.Is(Several) && len(args) == 1 && args[0] != "":
		// All values in one word, as in "--save '900 1'".
		var ok bool
		if args, ok = resp.SplitWords(args[0]); !ok {
			args = nil
		}
	}
	old := l.store.values[i]
	if r.appends && !l.saveSeen {
		old = value{}
	}
	v, err := l.store.assign(i, args, old)
	if err != nil {
		return err
	}
	l.saveSeen = l.saveSeen || r.appends
	l.store.values[i] = v
	return nil
}

// directive executes what is no parameter.
func (l *loader) directive(name string, words []string) error {
	switch {
	case len(words) == 2 && (name == "list-max-ziplist-entries" || name == "list-max-ziplist-value" || name == "lua-replicate-commands"):
		return nil // gone from Redis, still accepted
	case name == "include" && len(words) == 2:
		if l.depth == maxIncludes {
			return cause("include directives are nested too deeply")
		}
		l.depth++
		err := l.file(words[1])
		l.depth--
		return err
	case name == "rename-command" && len(words) == 3:
		return l.rename(words[1], words[2])
	case name == "user" && len(words) >= 2:
		if l.CheckUser != nil {
			if wrong, err := l.CheckUser(words[1:]); err != nil {
				return cause("Error in user declaration '" + words[1+wrong] + "': " + err.Error())
			}
		}
		l.store.users = append(l.store.users, User{Words: slices.Clone(words[1:])})
		return nil
	case name == "loadmodule" && len(words) >= 2:
		l.modules = append(l.modules, words[1])
		return nil
	case strings.Contains(name, "."):
		if len(words) < 2 {
			return cause("Module config specified without value")
		}
		l.moduleSet = true
		return nil
	case name == "sentinel":
		if l.Sentinel {
			line := l.at
			line.Words = slices.Clone(words[1:])
			l.store.sentinel = append(l.store.sentinel, line)
			return nil
		}
		if len(words) > 1 {
			return cause("sentinel directive while not in sentinel mode")
		}
		return nil
	}
	return cause("Bad directive or wrong number of arguments")
}

func (l *loader) rename(from, to string) error {
	exists := func(name string) bool {
		name = strings.ToLower(name)
		if now, changed := l.commands[name]; changed {
			return now
		}
		return l.IsCommand == nil || l.IsCommand(name)
	}
	if !exists(from) {
		return cause("No such command in rename-command")
	}
	l.commands[strings.ToLower(from)] = false
	if to != "" {
		if _, changed := l.commands[strings.ToLower(to)]; exists(to) && (l.IsCommand != nil || changed) {
			return cause("Target command name already exists")
		}
		l.commands[strings.ToLower(to)] = true
	}
	l.store.renames = append(l.store.renames, Rename{from, to})
	return nil
}

// checkLogFile makes sure that the log can be written; the server would have no place to say so later.
func (l *loader) checkLogFile() error {
	name := l.store.Path("logfile")
	if name == "" {
		return nil
	}
	touch := l.touchLog
	if touch == nil {
		touch = touchFile
	}
	if err := touch(name); err != nil {
		return fatalBlock(0, "", "Can't open the log file: "+ErrnoText(err))
	}
	return nil
}

func touchFile(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	return f.Close()
}

// finish checks what only the whole can show.
func (l *loader) finish() error {
	s := l.store
	if s.Bool("cluster-enabled") {
		if len(s.Strings("replicaof")) > 0 {
			return fatalBlock(0, "", "replicaof directive not allowed in cluster mode")
		}
		s.values[byName["databases"]].n = 1
	}
	if len(l.modules) > 0 {
		path := l.modules[0]
		return &FatalError{Log: true, Text: "Module " + path + " failed to load: this server has no module interface\n" +
			"Can't load module from " + path + ": server aborting"}
	}
	if l.moduleSet {
		return &FatalError{Log: true, Text: "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting"}
	}
	return nil
}
