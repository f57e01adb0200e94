package command

import (
	"time"

	"frankenredis/recovery/ledger"
	"frankenredis/wire/engine"
	"frankenredis/wire/resp"
)

// Commands of ours about what the server decided.
var evidenceCommands = []engine.Spec{
	{Name: "fr.evidence", Arity: -1, Flags: engine.Admin | engine.NoScript | engine.Loading | engine.Stale,
		Tips:    []string{"nondeterministic_output"},
		Handler: evidenceCommand},
}

// evidenceCommand is FR.EVIDENCE [COUNT n] [SINCE ms]: the newest records of the ledger that are durable, oldest first, each a map
// with the members of a line but prev and durable. Only those that memory still holds come; all of them: frctl evidence show.
func evidenceCommand(c *engine.Call) error {
	count, since := int64(10), int64(0)
	for i := 1; i < len(c.Args); i += 2 {
		if i+1 == len(c.Args) {
			return engine.ErrSyntax
		}
		n, ok := resp.ParseInt(c.Args[i+1])
		if !ok {
			return engine.ErrNotInteger
		}
		switch {
		case is(c.Args[i], "COUNT"):
			if n < 1 {
				return engine.ReplyError("ERR COUNT must be > 0")
			}
			count = n
		case is(c.Args[i], "SINCE"):
			since = n
		default:
			return engine.ErrSyntax
		}
	}
	recs := c.E.Evidence(int(min(count, 1<<30)), time.UnixMilli(since))
	c.W.Array(len(recs))
	for i := range recs {
		writeRecord(c, &recs[i])
	}
	return nil
}

func writeRecord(c *engine.Call, r *ledger.Record) {
	texts := []struct{ name, value string }{{"mode", r.Mode}, {"threat", string(r.Threat)}, {"decision", string(r.Decision)}, {"reason", r.Reason},
		{"artifact", r.Artifact}, {"kind", r.Kind}, {"class", r.Class}, {"input", r.Input}, {"before", r.Before}, {"after", r.After},
		{"replay", r.Replay}, {"detail", r.Detail}, {"hash", r.Hash}}
	numbers := []struct {
		name  string
		value int64
	}{{"seq", int64(r.Seq)}, {"time", r.Time.UnixMilli()}, {"rule", int64(r.Rule)}, {"pos", r.Pos}, {"bytes", r.Bytes},
		{"from-lsn", int64(r.From)}, {"to-lsn", int64(r.To)}}
	c.W.Map(len(texts) + len(numbers))
	for _, n := range numbers {
		c.W.BulkString(n.name)
		c.W.Int(n.value)
	}
	for _, t := range texts {
		c.W.BulkString(t.name)
		c.W.BulkString(t.value)
	}
}
