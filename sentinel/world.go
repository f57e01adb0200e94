package sentinel

import "frankenredis/wire/resp"

// Millis is a time in Unix milliseconds, or a duration in milliseconds.
type Millis int64

// Level is how much an event matters.
type Level uint8

// The levels of Redis's log.
const (
	Debug Level = iota
	Verbose
	Notice
	Warning
)

// World is everything around a Sentinel. Its methods are called on the executor, and what they call back comes there too.
type World interface {
	// Now is the wall clock: that it jumps is noticed (see tilt.go).
	Now() Millis
	// Random returns a number in [0, n).
	Random(n int64) int64
	// Dial opens a connection and returns at once; what is sent before it stands waits for it. lost is called once if it
	// cannot be made or ends, unless it was closed first. pushed gets the messages of a connection that has subscribed; nil: it
	// will not.
	Dial(a Address, pushed func(resp.Value), lost func()) Conn
	// Resolve looks up a host name. It may wait.
	Resolve(host string) (ip string, err error)
	// Lookup is Resolve without the wait: done gets what was found, "" for nothing.
	Lookup(host string, done func(ip string))
	// Save makes the lines (without the leading word sentinel) the durable state, in place of all earlier ones; of those in usual it
	// keeps what has a place in the file. It may wait.
	Save(lines, usual []string) error
	// Log writes a line of the log.
	Log(level Level, text string)
	// Publish tells subscribers of an event.
	Publish(channel, message string)
	// OwnAddress is what this Sentinel is reached under as far as the configuration says: ip "" is what a connection's own end
	// shows.
	OwnAddress() (ip string, port int)
	// ServerPassword is what this Sentinel's own clients log in with (requirepass), "" for nothing.
	ServerPassword() string
	// Start runs the program at the path argv[0]; done is called with its end: the exit status, or signal not 0. The function returned kills it.
	Start(argv []string, done func(status, signal int)) (pid int, kill func(), err error)
	// Runnable says whether a file is a program that may be started.
	Runnable(path string) bool
	// LogLevel is the word of loglevel; SetLogLevel changes it and says whether it is one.
	LogLevel() string
	SetLogLevel(word string) bool
	// Crash ends the process at once (SENTINEL SIMULATE-FAILURE). It does not return where there is a process.
	Crash()
}

// Conn is a connection that World opened.
type Conn interface {
	// Send sends a command; reply, unless nil, gets the answer, in order of sending, and never if the connection ends first.
	Send(reply func(resp.Value), argv ...string)
	// LocalIP is the address of the connection's own end, "" before it stands.
	LocalIP() string
	// Close ends the connection: nothing is called back any more.
	Close()
}
