package command

import (
	"math"
	"time"

	"frankenredis/wire/engine"
)

// blockTimeout reads the timeout of a blocking command, in seconds with fractions, and returns the instant at which it is over;
// zero means never.
func blockTimeout(c *engine.Call, arg []byte) (time.Time, error) {
	seconds, ok := parseLongDouble(arg)
	if !ok || seconds.IsInf() {
		return time.Time{}, engine.ReplyError("ERR timeout is not a float or out of range")
	}
	ms, _ := seconds.Float64()
	if ms *= 1000; ms > math.MaxInt64 {
		return time.Time{}, engine.ReplyError("ERR timeout is out of range")
	}
	n := int64(math.Ceil(ms))
	switch {
	case n < 0:
		return time.Time{}, engine.ReplyError("ERR timeout is negative")
	case n > math.MaxInt64-int64(c.Now):
		return time.Time{}, engine.ReplyError("ERR timeout is out of range")
	}
	// Longer than a duration can say is longer than anybody waits.
	return c.BlockDeadline(time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond), nil
}
