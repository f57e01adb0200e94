// Command cmdref keeps the reference of Redis 7.2.4's surface and what COMMAND DOCS answers from it.
//
//	go run ./tools/cmdref -server /opt/peers/bin/redict-server
//
// starts that server, asks it for every command, subcommand and parameter and writes conformance/reference/commands.json and
// config.json: facts only, nothing newer than 7.2.4 (later.go lists what a younger server has beyond it). Then, and without
// -server only then, it joins the facts of the commands with our own words about them, wire/command/docs_words.txt, into
// wire/command/docs.json, which the server embeds. Run it in the repository's top folder.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"frankenredis/conformance/reference"
)

const (
	commandsFile = "conformance/reference/commands.json"
	configFile   = "conformance/reference/config.json"
	wordsFile    = "wire/command/docs_words.txt"
	docsFile     = "wire/command/docs.json"
)

func main() {
	server := flag.String("server", "", "a redis-server of the 7.2.4 level to capture from; empty: only join facts and words")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "cmdref captures the command reference from a live server and writes what COMMAND DOCS answers.\n\nFlags:")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*server, "."); err != nil {
		fmt.Fprintln(os.Stderr, "cmdref:", err)
		os.Exit(1)
	}
}

// run does the work in the checkout at root.
func run(program, root string) error {
	commands := reference.Commands()
	if program != "" {
		s, err := start(program)
		if err != nil {
			return err
		}
		defer s.stop()
		facts, err := capture(s)
		if err != nil {
			return err
		}
		commands = facts.commands
		if err := writeFacts(filepath.Join(root, commandsFile), facts.commands); err != nil {
			return err
		}
		if err := writeFacts(filepath.Join(root, configFile), facts.parameters); err != nil {
			return err
		}
		fmt.Printf("%d commands and subcommands, %d parameters\n", len(facts.commands), len(facts.parameters))
		for _, what := range facts.dropped {
			fmt.Println("left out, newer than "+level+":", what)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, wordsFile))
	if err != nil {
		return err
	}
	docs, err := join(commands, string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", wordsFile, err)
	}
	return os.WriteFile(filepath.Join(root, docsFile), docs, 0o644)
}

func writeFacts[T reference.Command | reference.Parameter](path string, all []T) error {
	data, err := reference.Encode(all)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
