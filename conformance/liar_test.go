package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"syscall"

	"frankenredis/conformance/testbed"
)

// The liar is this test program in another role: started with FR_LIE set, it takes a server's arguments, starts the server that
// FR_TRUTH names behind itself, and passes everything on but for one lie. TestGates shows it to the rest of the suite.

// argumentLies are told in the arguments: the liar becomes the server, so that it dies as the server does.
var argumentLies = map[string][]string{
	"keep":   nil,
	"forget": {"--appendonly", "no"},
}

// lies change the bytes of one reply, by the name in FR_LIE.
var lies = map[string]func(raw []byte) []byte{
	"none": func(raw []byte) []byte { return raw },
	// A missing value is an empty one.
	"reply": func(raw []byte) []byte {
		if string(raw) == "$-1\r\n" || string(raw) == "_\r\n" {
			return []byte("$0\r\n\r\n")
		}
		return raw
	},
	// A digest has another last digit.
	"digest": func(raw []byte) []byte {
		if digestReply.Match(raw) {
			raw[40] ^= 1
		}
		return raw
	},
	// Commands that may need memory are reads.
	"row": func(raw []byte) []byte {
		return bytes.ReplaceAll(raw, []byte("+denyoom\r\n"), []byte("+readonly\r\n"))
	},
	// INFO has a field less.
	"field": func(raw []byte) []byte {
		r, err := testbed.ParseRaw(raw)
		if err != nil || r.Kind != testbed.Bulk || !bytes.Contains(raw, []byte("total_commands_processed:")) {
			return raw
		}
		text := regexp.MustCompile(`total_commands_processed:\d+\r\n`).ReplaceAllString(r.Str, "")
		return fmt.Appendf(nil, "$%d\r\n%s\r\n", len(text), text)
	},
	// A parameter has another default.
	"parameter": func(raw []byte) []byte {
		return bytes.Replace(raw, []byte("$10\r\nnoeviction\r\n"), []byte("$11\r\nallkeys-lru\r\n"), 1)
	},
	// An error is worded differently.
	"error": func(raw []byte) []byte {
		return bytes.Replace(raw, []byte("-ERR Protocol error"), []byte("-ERR protocol error"), 1)
	},
}

var digestReply = regexp.MustCompile(`^\+[0-9a-f]{39}[0-9a-e]\r\n$`)

// liar runs the role and returns the server's exit status.
func liar(lie string, args []string) int {
	if more, found := argumentLies[lie]; found {
		truth := os.Getenv("FR_TRUTH")
		err := syscall.Exec(truth, append(append([]string{truth}, args...), more...), os.Environ())
		fmt.Fprintf(os.Stderr, "liar: %s: %v\n", truth, err)
		return 1
	}
	change := lies[lie]
	at := slices.Index(args, "--port") + 1
	if change == nil || at == 0 || at == len(args) {
		fmt.Fprintf(os.Stderr, "liar: no lie %q, or no --port in %q\n", lie, args)
		return 2
	}
	front, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", args[at]))
	if err != nil {
		fmt.Fprintf(os.Stderr, "liar: %v\n", err)
		return 1
	}
	args = slices.Clone(args)
	args[at] = strconv.Itoa(testbed.FreePort("127.0.0.1"))
	addr := net.JoinHostPort("127.0.0.1", args[at])
	cmd := exec.Command(os.Getenv("FR_TRUTH"), args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "liar: %v\n", err)
		return 1
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		for s := range stop {
			_ = cmd.Process.Signal(s) // an error means that it has ended
		}
	}()
	go func() {
		for {
			conn, err := front.Accept()
			if err != nil {
				return
			}
			go passOn(conn, addr, change)
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintf(os.Stderr, "liar: %v\n", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// passOn serves one connection: bytes to the server as they are, its replies through change.
func passOn(conn net.Conn, addr string, change func([]byte) []byte) {
	defer conn.Close()
	server, err := testbed.Dial("tcp", addr)
	if err != nil {
		return // not up yet: the client tries again
	}
	defer server.Close()
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if n > 0 && server.SendRaw(buf[:n]) != nil || err != nil && !errors.Is(err, io.EOF) {
				server.Close()
				return
			}
			if err != nil { // the client has said all it wanted; the server may not have
				_ = server.Conn.(*net.TCPConn).CloseWrite()
				return
			}
		}
	}()
	for {
		raw, err := server.ReceiveRaw()
		if err != nil {
			return
		}
		if _, err := conn.Write(change(raw)); err != nil {
			return
		}
	}
}
