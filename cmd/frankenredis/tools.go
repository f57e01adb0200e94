package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"frankenredis/cmd/frankenredis/check"
	"frankenredis/wal/disk"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// runTool is redis-check-aof or redis-check-rdb: what the program is when it was started under one of these names.
func runTool(action config.Action, argv []string, in io.Reader) int {
	sink := &logSink{pid: os.Getpid()}
	sink.role.Store('C')
	sink.setLevel("notice")
	logger := newLogger(sink)
	tool := check.Tool{
		FS: disk.OS(), In: in, Out: os.Stdout, Err: os.Stderr,
		Log:     func(text string) { logger.Warn(text) },
		Version: fmt.Sprintf("v=%s sha=00000000:0 malloc=arena bits=64 build=%s", engine.RedisVersion, buildID()),
		NowMs:   func() int64 { return time.Now().UnixMilli() },
	}
	if action == config.CheckRDB {
		return tool.RDB(argv)
	}
	return tool.AOF(argv)
}
