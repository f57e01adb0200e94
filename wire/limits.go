package wire

import (
	"time"

	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

// OutputLimit is one class of client-output-buffer-limit. Zero means no limit.
type OutputLimit struct {
	Hard, Soft  int64 // bytes
	SoftSeconds time.Duration
}

// limits are the parameters a connection looks at; refreshed once a turn.
type limits struct {
	resp       resp.Limits
	queryLimit int64
	output     OutputLimit // of normal clients
	subscribed OutputLimit // of Pub/Sub clients
	replica    OutputLimit // of replicas
	maxClients int
	timeout    time.Duration
	keepalive  int // seconds
	// boundMemory: what clients take counts against a bound of their own or of all memory.
	boundMemory bool

	// Of hardened mode; 0: no bound.
	maxPipeline, maxMemory int64
}

func (l *limits) refresh(e *engine.Engine) {
	live := &e.Config().Live
	l.resp.MaxBulk = live.ProtoMaxBulkLen
	l.resp.MaxQuery = live.ClientQueryBufferLimit
	l.queryLimit = live.ClientQueryBufferLimit
	l.output = OutputLimit{Hard: live.NormalOutputHard, Soft: live.NormalOutputSoft, SoftSeconds: time.Duration(live.NormalOutputSoftSeconds) * time.Second}
	l.subscribed = OutputLimit{Hard: live.PubsubOutputHard, Soft: live.PubsubOutputSoft, SoftSeconds: time.Duration(live.PubsubOutputSoftSeconds) * time.Second}
	l.replica = OutputLimit{Hard: live.ReplicaOutputHard, Soft: live.ReplicaOutputSoft, SoftSeconds: time.Duration(live.ReplicaOutputSoftSeconds) * time.Second}
	l.maxClients = live.MaxClients
	l.timeout = time.Duration(live.Timeout) * time.Second
	l.keepalive = live.TCPKeepalive
	if d := e.Door(); d != nil {
		l.resp.MaxArgs, l.maxPipeline, l.maxMemory = d.MaxArguments, d.MaxPipeline, d.MaxMemory
	}
	l.boundMemory = live.MaxMemory > 0 || live.MaxMemoryClients != 0 || l.maxMemory > 0
}
