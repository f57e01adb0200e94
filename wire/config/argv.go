package config

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"frankenredis/wire/resp"
)

// Action is what a command line asks the program to do.
type Action uint8

const (
	Serve Action = iota
	ShowVersion
	ShowHelp
	TestMemory
	CheckSystem
	Sentinel // redis-sentinel or --sentinel
	CheckRDB // called as redis-check-rdb
	CheckAOF // called as redis-check-aof
)

// Args is a command line as redis-server takes it.
type Args struct {
	Action Action
	// Megabytes to test with TestMemory.
	Megabytes int
	// File is the absolute path of the configuration file, "" without one.
	File string
	// Stdin: the configuration goes on at standard input.
	Stdin bool
	// Options is the rest as lines of redis.conf; it is read behind file and standard input.
	Options string
	// any tells that there were arguments; Redis then counts one line more before the options.
	any bool
}

// ParseArgs reads a command line, program name first; relative paths stand below dir. The error is a *FatalError.
//
// The first argument may be a configuration file. A - as first or last argument reads standard input. Every other argument
// that begins with -- opens a directive, unless the directive before it still waits for its first value; what does not
// begin with -- is a value. "--name value" may be one argument. --save with nothing behind it means --save "".
func ParseArgs(argv []string, dir string) (Args, error) {
	a := Args{any: len(argv) > 1}
	name := ""
	if len(argv) > 0 {
		name = filepath.Base(argv[0])
	}
	switch {
	case strings.Contains(name, "redis-check-rdb"):
		return Args{Action: CheckRDB}, nil
	case strings.Contains(name, "redis-check-aof"):
		return Args{Action: CheckAOF}, nil
	}
	if len(argv) < 2 {
		if strings.Contains(name, "redis-sentinel") {
			a.Action = Sentinel
		}
		return a, nil
	}
	switch argv[1] {
	case "-v", "--version":
		return Args{Action: ShowVersion}, nil
	case "-h", "--help":
		return Args{Action: ShowHelp}, nil
	case "--check-system":
		return Args{Action: CheckSystem}, nil
	case "--test-memory":
		if len(argv) != 3 {
			return a, &FatalError{Text: "Please specify the amount of memory to test in megabytes.\n" +
				"Example: ./redis-server --test-memory 4096\n\n"}
		}
		mb, _ := strconv.Atoi(argv[2])
		return Args{Action: TestMemory, Megabytes: mb}, nil
	}
	if strings.Contains(name, "redis-sentinel") || slices.Contains(argv[1:], "--sentinel") {
		a.Action = Sentinel
	}
	rest := argv[1:]
	if !strings.HasPrefix(rest[0], "-") {
		a.File = absolute(rest[0], dir)
		rest = rest[1:]
	}
	a.options(rest, len(argv)-len(rest) == 1)
	return a, nil
}

// options turns arguments into lines. first tells that args[0] is the first argument of all.
func (a *Args) options(args []string, first bool) {
	var b strings.Builder
	complete := true // the last directive has a value, or may do without
	for i, arg := range args {
		last := i == len(args)-1
		switch {
		case arg == "-" && (first && i == 0 || last):
			a.Stdin = true
		case complete && strings.HasPrefix(arg, "--"):
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(arg[2:] + " ")
			if words, _ := resp.SplitWords(arg); len(words) != 1 {
				break // name and value in one argument
			}
			next := !last && strings.HasPrefix(args[i+1], "--")
			switch {
			case strings.EqualFold(arg, "--save") && (next || last):
				b.WriteString(`""`)
				complete = next
			case strings.EqualFold(arg, "--sentinel") && next:
				// It takes no value.
			default:
				complete = false
			}
		default:
			b.WriteString(resp.Quote(arg) + " ")
			complete = true
		}
	}
	a.Options = b.String()
}

// absolute makes a path absolute without asking the file system. Only leading ../ climb up from dir; the rest of the path
// stays as it was written, as it does in Redis's messages.
func absolute(path, dir string) string {
	path = strings.Trim(path, " \r\n\t")
	if strings.HasPrefix(path, "/") {
		return path
	}
	for strings.HasPrefix(path, "../") {
		path = path[len("../"):]
		dir = filepath.Dir(dir)
	}
	return strings.TrimSuffix(dir, "/") + "/" + path
}
