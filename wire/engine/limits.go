package engine

import (
	"math"

	"frankenredis/kv"
)

// followLimits gives the keyspace the sizes up to which collections stay packed, now and whenever one is changed.
func (e *Engine) followLimits() {
	apply := func() error {
		n := func(name string) int { return int(e.cfg.Int(name)) }
		// Unsigned parameters: what is beyond an int is no limit.
		most := func(v int64) int {
			if v < 0 {
				return math.MaxInt
			}
			return int(v)
		}
		count := func(name string) int { return most(e.cfg.Int(name)) }
		size := func(name string) int { return most(e.cfg.Bytes(name)) }
		e.ks.SetLimits(kv.Limits{
			HashEntries: count("hash-max-listpack-entries"), HashValue: size("hash-max-listpack-value"),
			SetIntsetEntries:   count("set-max-intset-entries"),
			SetListpackEntries: count("set-max-listpack-entries"), SetListpackValue: count("set-max-listpack-value"),
			ZSetEntries: count("zset-max-listpack-entries"), ZSetValue: size("zset-max-listpack-value"),
			ListSize: n("list-max-listpack-size"), ListCompressDepth: n("list-compress-depth"),
			StreamNodeBytes: size("stream-node-max-bytes"), StreamEntries: count("stream-node-max-entries"),
		})
		return nil
	}
	e.cfg.OnApply("hash-max-listpack-entries", apply, "hash-max-listpack-value", "set-max-intset-entries",
		"set-max-listpack-entries", "set-max-listpack-value", "zset-max-listpack-entries", "zset-max-listpack-value",
		"list-max-listpack-size", "list-compress-depth", "stream-node-max-bytes", "stream-node-max-entries")
	_ = apply()
}
