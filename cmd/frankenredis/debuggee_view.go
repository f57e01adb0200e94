package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"frankenredis/kv/dict"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
	"frankenredis/wire/session"
)

// A script that is debugged apart (SCRIPT DEBUG YES) runs in a debuggee: a process of this program that gets the client's connection, and
// through a pipe a debugView and behind it the data set as a snapshot. Redis forks; here the debuggee has a copy.

// debugView is all of the server that a debugged script can see, but its data set.
type debugView struct {
	Mark     uint64 // as in the environment
	Config   string
	Renames  []config.Rename
	HashSeed dict.Seed // keys come in the order in which they come in the server
	Seed     uint64
	RunID    string
	LastSave int64 // Unix time
	OOM      oomScore
	// Nodes is the text of nodes.conf, and ClusterOK says that the cluster serves; "": the server is on its own.
	Nodes     string
	ClusterOK bool
	State     engine.Circumstances
	Client    debugClient
}

// debugClient is the client, and the command that it sent.
type debugClient struct {
	Args            [][]byte
	Held, Replies   []byte // what has still to be sent, of the turns before and of this one
	DB, Proto       int
	Name            string
	Addr, LocalAddr string
	Unix            bool
	NoTouch         bool
	ReadOnly        bool
	Asking          bool
	// User is the name of the user and Rules are what it may do; Anybody: there is no user, and everything is allowed.
	Anybody     bool
	User, Rules string
}

// debuggeeEnv marks the process that is to be a debuggee: the server's process id and a random number, which the view begins with. Its
// descriptors are those below.
const (
	debuggeeEnv  = "FRANKENREDIS_DEBUGGEE"
	debuggeePipe = 3 // the view and the snapshot
	debuggeeConn = 4 // the client's connection
)

// view describes the server to a debuggee of the client c, whose command is args.
func (s *server) debugView(c *session.Session, args [][]byte) *debugView {
	conf, own := s.cfg.Rewrite("", "", config.RewriteOptions{})
	v := &debugView{
		Mark: rand.Uint64(), Config: conf + "\n" + own, Renames: s.cfg.Renames(), HashSeed: s.hashSeed, Seed: s.eng.Random(), RunID: s.runID,
		LastSave: s.saves.last.Unix(), OOM: s.oom, State: s.eng.Circumstances(),
		Client: debugClient{DB: c.DB, Proto: c.W.Proto, Name: c.Name, Addr: c.Addr, LocalAddr: c.LocalAddr, Unix: c.Unix, NoTouch: c.NoTouch,
			ReadOnly: c.ReadOnly, Asking: c.Asking, Anybody: c.User == nil, Replies: slices.Clone(c.W.Buf)},
	}
	for _, a := range args {
		v.Client.Args = append(v.Client.Args, slices.Clone(a))
	}
	if u := c.User; u != nil {
		v.Client.User, v.Client.Rules = u.Name, u.String()
	}
	if s.cluster != nil {
		v.Nodes, v.ClusterOK = string(s.cluster.AppendFile(nil)), s.cluster.OK
	}
	return v
}

// debuggeeMark is how the environment names a debuggee.
func debuggeeMark(server int, mark uint64) string { return fmt.Sprintf("%d:%016x", server, mark) }

// isDebuggee says whether this process was started to be a debuggee, by a server that lives, and with which mark. Whoever only finds the
// variable in the environment gets an error: it is never a reason to start a server.
func isDebuggee() (mark uint64, is bool, err error) {
	text, is := os.LookupEnv(debuggeeEnv)
	if !is {
		return 0, false, nil
	}
	_ = os.Unsetenv(debuggeeEnv) // for nobody below
	refused := fmt.Errorf("%s is set, and is no variable for people: a server sets it for a process of its own", debuggeeEnv)
	server, number, ok := strings.Cut(text, ":")
	if !ok || server != strconv.Itoa(os.Getppid()) {
		return 0, true, refused
	}
	if mark, err = strconv.ParseUint(number, 16, 64); err != nil || !isKind(debuggeePipe, unix.S_IFIFO) || !isKind(debuggeeConn, unix.S_IFSOCK) {
		return 0, true, refused
	}
	return mark, true, nil
}

func isKind(fd int, kind uint32) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == kind
}
