// Command frankenredis is the server: it takes what redis-server takes (a configuration file, --name value pairs,
// a configuration on standard input with "-") and stands where redis-server stood, and where redis-sentinel did.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/hashicorp/go-hclog"

	"frankenredis/wire/acl"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// The executor begins on the process's first thread: that is the one tools look at first, and the one that has the process's name. Under always a
// second thread takes turns with it (engine.Reliefs).
func init() { runtime.LockOSThread() }

func main() {
	args := takeArgs()
	if mark, is, err := isDebuggee(); err != nil {
		os.Exit(fail(err))
	} else if is {
		engine.SetThreads()
		os.Exit(runDebuggee(mark))
	}
	os.Exit(run(args, os.Stdin))
}

// run is the program; it returns the exit status.
func run(argv []string, in io.Reader) int {
	dir := config.WorkingDir()
	args, err := config.ParseArgs(salvageArgument(argv), dir)
	if err != nil {
		return fail(err)
	}
	switch args.Action {
	case config.ShowVersion:
		fmt.Println(versionLine())
		return 0
	case config.ShowHelp:
		fmt.Fprint(os.Stderr, config.Usage(argv[0]))
		return 1
	case config.CheckAOF, config.CheckRDB:
		return runTool(args.Action, argv, in)
	case config.Serve, config.Sentinel:
	case config.CheckSystem:
		return checkSystem(os.Stdout, "")
	case config.TestMemory:
		return testMemory(os.Stdout, args.Megabytes)
	}
	var stdin []byte
	if args.Stdin {
		earlyLogger().Info("Reading config from stdin")
		if stdin, err = io.ReadAll(io.LimitReader(in, 1<<30)); err != nil {
			fmt.Fprintln(os.Stderr, "Reading the configuration from standard input:", err)
			return 1
		}
	}
	table := command.Table()
	var watching *sentinelMode
	if args.Action == config.Sentinel {
		watching, table = newSentinelMode()
	}
	cfg, err := config.Load(args, config.LoadOptions{
		Stdin:     bytes.NewReader(stdin),
		IsCommand: func(name string) bool { return table.Lookup([]byte(name)) != nil },
		CheckUser: acl.DirectiveCheck(table.Catalog()),
		Sentinel:  watching != nil,
	})
	if err != nil {
		status := fail(err)
		hintAtCover(os.Stderr, args.File, dir)
		return status
	}
	for _, r := range cfg.Renames() {
		table.Rename(r.From, r.To)
	}
	if to := cfg.String("dir"); to != dir { // who stays needs no right to enter
		if err := os.Chdir(to); err != nil {
			fmt.Fprintf(os.Stderr, "Can't chdir to '%s': %v\n", to, err)
			return 1
		}
	}
	manager, complaint := supervisor(cfg)
	if cfg.Bool("daemonize") && manager == "no" {
		if complaint != "" && cfg.String("logfile") == "" && !isDaemon() {
			earlyLogger().Warn(complaint) // the process in the background has no terminal to tell it
		}
		parent, err := daemonize(stdin, dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, "Can't go into the background:", err)
			return 1
		}
		if parent {
			return 0
		}
	}
	engine.SetThreads()
	s, err := newServer(cfg, table, watching, manager, complaint)
	if fatal := (*config.FatalError)(nil); errors.As(err, &fatal) {
		return fail(err)
	}
	if errors.Is(err, errStale) && !args.Stdin {
		err = s.startOver(dir)
		s.logger.Warn("Can't start anew: " + err.Error())
	}
	if err != nil {
		return 1 // the log says why
	}
	s.begin = dir
	if args.Stdin {
		s.onceOnly = "its configuration came from standard input"
	}
	stop, err := startProfile()
	if err != nil {
		return fail(err)
	}
	defer stop()
	if watching != nil {
		return s.runSentinel()
	}
	return s.run()
}

// fail prints why there will be no start, where redis-server prints it.
func fail(err error) int {
	var fatal *config.FatalError
	if errors.As(err, &fatal) {
		if fatal.Log {
			earlyLogger().Warn(fatal.Text)
		} else {
			fmt.Fprint(os.Stderr, fatal.Text)
		}
		return 1
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// earlyLogger writes log lines before the configuration is known.
func earlyLogger() hclog.Logger {
	sink := &logSink{pid: os.Getpid()}
	sink.role.Store('C')
	sink.setLevel("notice")
	return newLogger(sink)
}
