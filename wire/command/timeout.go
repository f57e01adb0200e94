package command

import (
	"math"
	"math/big"
	"time"

	"frankenredis/wire/engine"
)

// blockTimeout reads the timeout of a blocking command, in seconds with fractions, and returns the instant at which it is over;
// zero means never.
func blockTimeout(c *engine.Call, arg []byte) (time.Time, error) {
	seconds, ok := parseLongDouble(arg)
	if !ok {
		return time.Time{}, engine.ReplyError("ERR timeout is not a float or out of range")
	}
	n, rest := new(big.Float).SetPrec(longDoubleBits).Mul(seconds, big.NewFloat(1000)).Int64()
	if rest == big.Below && n < math.MaxInt64 {
		n++ // a part of a millisecond counts as a whole one
	}
	if n < 0 {
		return time.Time{}, engine.ReplyError("ERR timeout is negative")
	}
	if n > math.MaxInt64-int64(c.Now) {
		return time.Time{}, engine.ReplyError("ERR timeout is out of range")
	}
	// Longer than a duration can say is longer than anybody waits.
	return c.BlockDeadline(time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond), nil
}
