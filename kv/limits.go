package kv

// Limits say up to which size collections stay packed, by the parameters of the same names in redis.conf. The zero value
// packs nothing.
type Limits struct {
	HashEntries, HashValue         int // hash-max-listpack-entries, -value: fields, bytes of the longest field or value
	SetIntsetEntries               int // set-max-intset-entries
	SetListpackEntries             int // set-max-listpack-entries
	SetListpackValue               int // set-max-listpack-value, bytes
	ZSetEntries, ZSetValue         int // zset-max-listpack-entries, -value
	ListSize                       int // list-max-listpack-size: entries of a node, or if negative a class of bytes
	ListCompressDepth              int // list-compress-depth: nodes at each end that stay uncompressed
	StreamNodeBytes, StreamEntries int // stream-node-max-bytes, -entries; 0: no limit
}

// DefaultLimits are those of a redis.conf that says nothing.
func DefaultLimits() Limits {
	return Limits{
		HashEntries: 512, HashValue: 64,
		SetIntsetEntries: 512, SetListpackEntries: 128, SetListpackValue: 64,
		ZSetEntries: 128, ZSetValue: 64,
		ListSize:        -2,
		StreamNodeBytes: 4096, StreamEntries: 100,
	}
}

// intsetMost is how many members an intset may have: set-max-intset-entries, and never so many that it would be over a
// gigabyte, as in Redis.
func (l *Limits) intsetMost() int { return min(l.SetIntsetEntries, 1<<30) }

// SetLimits changes the limits. Values convert when they are written next, as in Redis.
func (ks *Keyspace) SetLimits(l Limits) { ks.limits = l }

// Limits are the limits in force.
func (ks *Keyspace) Limits() Limits { return ks.limits }
