package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"frankenredis/wire/config"
)

// titleArea is the memory of the program's arguments, which is what ps shows and /proc/<pid>/cmdline holds. Go's strings
// in os.Args lie in it, so whoever keeps one must have its own copy before the title is set: see takeArgs.
var titleArea []byte

// takeArgs returns copies of the arguments and keeps their memory for the title. Called once, first of all.
func takeArgs() []string {
	args := make([]string, len(os.Args))
	area := 0
	next := uintptr(0)
	for i, a := range os.Args {
		at := uintptr(unsafe.Pointer(unsafe.StringData(a)))
		if len(a) == 0 || (i > 0 && at != next) {
			break // not one behind the other: only what came before is ours to write
		}
		area += len(a) + 1
		next = at + uintptr(len(a)) + 1
	}
	for i, a := range os.Args {
		args[i] = strings.Clone(a)
	}
	if area > 1 {
		titleArea = unsafe.Slice(unsafe.StringData(os.Args[0]), area-1)
	}
	os.Args = args
	return args
}

// setTitle shows the proc-title-template, as long as the arguments' memory has room for it, and names the main thread.
func (s *server) setTitle() {
	if !s.cfg.Bool("set-proc-title") {
		return
	}
	listen := ""
	if port := s.ownPort(); port != 0 {
		host := "*"
		if bind := s.cfg.Strings("bind"); len(bind) > 0 {
			host = strings.TrimPrefix(bind[0], "-")
		}
		listen = fmt.Sprintf("%s:%d", host, port)
	} else {
		listen = s.cfg.String("unixsocket")
	}
	title, ok := config.ExpandTitle(s.cfg.String("proc-title-template"), func(name string) (string, bool) {
		switch name {
		case "title":
			return os.Args[0], true
		case "listen-addr":
			return listen, true
		case "server-mode":
			if s.cluster != nil {
				return "[cluster]", true
			}
			return "", true // a server on its own has none
		case "port":
			return fmt.Sprint(s.cfg.Int("port")), true
		case "tls-port":
			return fmt.Sprint(s.cfg.Int("tls-port")), true
		case "unixsocket":
			return s.cfg.String("unixsocket"), true
		case "config-file":
			return s.cfg.File(), true
		}
		return "", false
	})
	if ok && len(titleArea) > 0 {
		n := copy(titleArea, title)
		clear(titleArea[n:])
	}
	name := append([]byte(filepath.Base(os.Args[0])), 0)
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0) // for people only
}
