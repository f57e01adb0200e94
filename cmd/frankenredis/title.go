package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"frankenredis/wire/config"
)

// titleArea is the memory of the program's arguments and of the environment behind them: ps shows, and /proc/<pid>/cmdline holds, what
// stands at its beginning. argsBytes of it are the arguments. Go's strings in os.Args lie in it, so whoever keeps one must have its own
// copy before the title is set: see takeArgs. Of the environment the runtime has copies.
var (
	titleArea []byte
	argsBytes int
)

// takeArgs returns copies of the arguments and keeps their memory for the title. Called once, first of all.
func takeArgs() []string {
	args := make([]string, len(os.Args))
	for i, a := range os.Args {
		args[i] = strings.Clone(a)
	}
	if start, end, envStart, envEnd := argsArea(); len(os.Args[0]) > 0 && uintptr(unsafe.Pointer(unsafe.StringData(os.Args[0]))) == start {
		argsBytes = int(end - start)
		if envStart != end {
			envEnd = end
		}
		titleArea = unsafe.Slice(unsafe.StringData(os.Args[0]), int(envEnd-start))
	}
	os.Args = args
	return args
}

// argsArea is where the kernel says that arguments and environment lie; zeros if it does not.
func argsArea() (start, end, envStart, envEnd uintptr) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return
	}
	const first = 48 - 3 // arg_start is field 48 of proc(5); the fields behind the name begin with the third
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < first+4 {
		return
	}
	for i, to := range []*uintptr{&start, &end, &envStart, &envEnd} {
		n, err := strconv.ParseUint(fields[first+i], 10, 64)
		if err != nil {
			return 0, 0, 0, 0
		}
		*to = uintptr(n)
	}
	return
}

// longestTitle is Redis's bound, in bytes.
const longestTitle = 255

// showTitle writes the title. As long as it ends within the arguments the rest of these is empty; a longer one goes on into the
// environment, which the kernel then reads up to the first NUL.
func showTitle(title string) {
	if len(titleArea) == 0 {
		return
	}
	n := copy(titleArea[:min(len(titleArea)-1, longestTitle)], title)
	clear(titleArea[n:max(n+1, argsBytes)])
}

// setTitle shows the proc-title-template and names the main thread.
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
			return cmp.Or(s.cfg.File(), "-"), true
		}
		return "", false
	})
	if ok {
		showTitle(title)
	}
	name := append([]byte(filepath.Base(os.Args[0])), 0)
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0) // for people only
}
