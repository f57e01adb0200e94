package heal

import (
	"crypto/subtle"

	"github.com/klauspost/reedsolomon"
)

// groupShards is how many data shards are encoded at a time where the processor multiplies by GFNI: reedsolomon v1.14 does that for ten
// inputs at most, and falls back to table lookups for a code of more, which take twice as long.
const groupShards = 8

// groupEncoders makes an encoder for each group of data shards. The parity of all is the exclusive or of what they compute.
func (p Profile) groupEncoders(whole reedsolomon.Encoder) ([]reedsolomon.Encoder, error) {
	rows, err := p.matrix(whole)
	if err != nil {
		return nil, err
	}
	var groups []reedsolomon.Encoder
	for at := 0; at < p.K; at += groupShards {
		part := make([][]byte, p.M)
		for m := range part {
			part[m] = rows[m][at : at+groupShards]
		}
		e, err := reedsolomon.New(groupShards, p.M, reedsolomon.WithMaxGoroutines(1), reedsolomon.WithCustomMatrix(part))
		if err != nil {
			return nil, err
		}
		groups = append(groups, e)
	}
	return groups, nil
}

// matrix is the code's: row m has the factors by which the data shards count in parity shard m. The parity of a shard that is one shows
// them.
func (p Profile) matrix(e reedsolomon.Encoder) ([][]byte, error) {
	shards := make([][]byte, p.K+p.M)
	for i := range shards {
		shards[i] = make([]byte, p.K) // byte k is a code word of its own: of the unit vector k
		if i < p.K {
			shards[i][i] = 1
		}
	}
	return shards[p.K:], e.Encode(shards)
}

// encodeGroups is an encoding by groups, of at most bandBytes.
func (c *codec) encodeGroups(data, parity [][]byte) error {
	if c.scratch == nil {
		c.scratch, c.group = make([]byte, c.M*bandBytes), make([][]byte, groupShards+c.M)
	}
	for g, e := range c.groups {
		copy(c.group, data[g*groupShards:(g+1)*groupShards])
		for m, to := range parity {
			if g > 0 {
				to = c.scratch[m*bandBytes:][:len(to)]
			}
			c.group[groupShards+m] = to
		}
		if err := e.Encode(c.group); err != nil {
			return err
		}
		for m, to := range parity {
			if g > 0 {
				subtle.XORBytes(to, to, c.group[groupShards+m])
			}
		}
	}
	return nil
}
