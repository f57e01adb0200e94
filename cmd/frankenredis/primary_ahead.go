package main

import (
	"fmt"
	"strings"

	"frankenredis/recovery/ledger"
	"frankenredis/wire/engine"
)

// errBehind lets a replica come again later with what it has.
const errBehind = engine.ReplyError("NOMASTERLINK Can't SYNC: the replica has data that this server does not have, see the log of this server")

// replicaAhead tells of a replica that has what this server has lost: a part of the stream that recovery did not find any more, or
// everything, when this server is empty. A full sync would destroy the last copy. In hardened mode it is refused until fr-sync-behind says
// that this is meant (I22); in strict mode the replica obeys as with Redis, and the loss is told.
func (s *server) replicaAhead(name, id string, offset int64) error {
	res := s.load.result
	e := ledger.Entry{Rule: ledger.Ahead, Decision: ledger.Note, Artifact: name, Kind: "replica"}
	mine, past := strings.EqualFold(id, res.Position.ID.String()), strings.EqualFold(id, res.ID2.String())
	switch {
	case mine && offset-1 > int64(s.eng.StreamEnd()):
		e.From, e.To = uint64(s.eng.StreamEnd()), uint64(offset-1)
	case past && !mine && offset-1 > int64(res.End2):
		e.From, e.To = uint64(res.End2), uint64(offset-1)
	case !mine && !past && s.keys() == 0 && offset > 1:
		e.To = uint64(offset - 1)
	default:
		return nil
	}
	e.Detail = fmt.Sprintf("it has the stream %s from %d to %d, this server does not", id, e.From, e.To)
	refused := s.cfg.Enum("fr-mode") == "hardened" && !s.cfg.Bool("fr-sync-behind")
	advice := "A full sync replaces what it has."
	if refused {
		e.Decision = ledger.Refuse
		advice = "Hardened mode keeps it from a full sync: promote that replica, or give its data up with CONFIG SET fr-sync-behind yes."
	}
	if told := name + e.Detail + advice; told != s.replicas.ahead { // it comes again each second
		s.replicas.ahead = told
		s.logger.Warn("Replica " + name + " is ahead: " + e.Detail + ". " + advice)
		s.record(e)
	}
	if refused {
		return errBehind
	}
	return nil
}

// keys is how many there are in all databases.
func (s *server) keys() (n int) {
	for i := range s.ks.Len() {
		n += s.ks.DB(i).Len()
	}
	return n
}
