package engine

import (
	"slices"
	"strconv"
	"time"

	"frankenredis/kv"
	"frankenredis/wire/cluster"
	"frankenredis/wire/pubsub"
	"frankenredis/wire/resp"
	"frankenredis/wire/session"
)

// In a cluster a command goes to the node that serves the hash slot of its keys. Others send the client there.

// redirection is an error that tells the client to ask elsewhere or later. It ends a transaction, and EXEC answers it as it is.
type redirection string

func (r redirection) Error() string { return string(r) }

// The redirections that name no node.
const (
	errCrossSlot    = redirection("CROSSSLOT Keys in request don't hash to the same slot")
	errUnstable     = redirection("TRYAGAIN Multiple keys request during rehashing of slot")
	errClusterDown  = redirection("CLUSTERDOWN The cluster is down")
	errClusterReads = redirection("CLUSTERDOWN The cluster is down and only accepts read commands")
	errUnserved     = redirection("CLUSTERDOWN Hash slot not served")

	errScriptDown      = ReplyError("ERR Script attempted to execute a command while the cluster is down")
	errScriptReads     = ReplyError("ERR Script attempted to execute a write command while the cluster is down and readonly")
	errScriptUnserved  = ReplyError("ERR Script attempted to access a slot not served")
	errScriptElsewhere = ReplyError("ERR Script attempted to access a non local key in a cluster node")
	errScriptSlots     = ReplyError("ERR Script attempted to access keys that do not hash to the same slot")
	errScriptNoCluster = ReplyError("ERR Can not run script on cluster, 'no-cluster' flag is set.")
)

// noSlot is the slot of a command without keys.
const noSlot = -1

// SetCluster makes the server a node of a cluster. save writes the nodes' file; it does not return when it cannot, for a node that
// forgets what it agreed to is a danger to the others.
func (e *Engine) SetCluster(s *cluster.State, bus *cluster.Bus, save func() error) {
	e.cluster, e.bus, e.saveCluster = s, bus, save
}

// Bus is how other nodes are reached; nil: the server is on its own.
func (e *Engine) Bus() *cluster.Bus { return e.bus }

// Cluster is what is known of the cluster, or nil: the server is on its own.
func (e *Engine) Cluster() *cluster.State { return e.cluster }

// Mode is how the server runs, as HELLO and INFO call it.
func (e *Engine) Mode() string {
	if e.sentinel {
		return SentinelMode
	}
	if e.cluster != nil {
		return "cluster"
	}
	return "standalone"
}

// ClusterChanged is to be called after a change of the state, before it is answered: the health is judged anew, and the nodes' file
// written. An administrator asked for the change and waits: it is done within the turn, as CONFIG REWRITE is.
func (e *Engine) ClusterChanged() error {
	e.judgeCluster()
	if e.cluster.Changed {
		if err := e.saveCluster(); err != nil {
			return err
		}
	}
	e.bus.Flush()
	return nil
}

// Publish delivers a message to the subscribers here and, in a cluster, sends it on to other nodes. It returns how many are here.
func (e *Engine) Publish(channel, payload []byte, shard bool) (receivers int) {
	if shard {
		receivers = e.hub.PublishShard(channel, payload)
	} else {
		receivers = e.hub.Publish(channel, payload)
	}
	if e.bus != nil {
		e.bus.Publish(channel, payload, shard)
		if !e.cluster.Changed { // else what waits there may rest on it
			e.bus.Flush()
		}
	}
	return receivers
}

// DropSlot removes the keys of a slot that another node serves now; replicas and the log hear of each.
func (e *Engine) DropSlot(slot uint16) {
	if e.following.on {
		return
	}
	db := e.ks.DB(0)
	keys := make([][]byte, 0, db.SlotLen(slot))
	db.EachInSlot(slot, func(x kv.Entry) bool {
		keys = append(keys, append([]byte(nil), x.Key()...))
		return true
	})
	for _, key := range keys {
		if db.Delete(key) {
			e.appendEffect(db.ID(), [][]byte{wordDel, key})
			e.Notify('g', "del", db.ID(), key)
			e.endUnit(nil)
		}
	}
}

// TendCluster is to be called some times a second: it judges the cluster's health and sends clients away that wait for keys
// which are no longer served here.
func (e *Engine) TendCluster() {
	if e.loading {
		return
	}
	e.judgeCluster()
	if e.blocked.count > 0 {
		e.redirectBlocked()
	}
}

func (e *Engine) judgeCluster() {
	s := e.cluster
	timeout := time.Duration(e.cfg.Int("cluster-node-timeout")) * time.Millisecond
	if s.Judge(time.Now(), e.cfg.Bool("cluster-require-full-coverage"), timeout) {
		state := "fail"
		if s.OK {
			state = "ok"
		}
		e.logger.Info("Cluster state changed: " + state)
	}
}

// slotKeys are the keys and shard channels of a command.
func (s *Spec) slotKeys(argv [][]byte) []KeyRef {
	if s.shards() {
		if len(argv) < 2 {
			return nil
		}
		last := 1
		if s.Keys[0].Last < 0 {
			last = len(argv) - 1
		}
		refs := make([]KeyRef, 0, last)
		for i := 1; i <= last; i++ {
			refs = append(refs, KeyRef{Pos: i})
		}
		return refs
	}
	refs, _ := s.FindKeys(argv)
	return refs
}

// shards says whether the command's arguments are shard channels, which have slots as keys have.
func (s *Spec) shards() bool { return len(s.Keys) == 1 && s.Keys[0].Flags&KeyNotKey != 0 }

// routing is what is found of a command's keys before it is known where it can run.
type routing struct {
	slot         int // noSlot: there are no keys
	first        []byte
	owner        *cluster.Node
	several      bool // distinct keys
	here, absent int  // keys that exist; only counted in a slot on the move
	moving       bool
	coming       bool
}

// redirect says where a command of a client is to run instead, or why it cannot; nil: here.
func (e *Engine) redirect(s *session.Session, spec *Spec, argv [][]byte) error {
	_, err := e.route(s.Asking, spec, argv, s)
	return err
}

// route is redirect; it returns the command's slot as well. asking: the client was sent here with ASK. s is needed for EXEC,
// whose commands are looked at as one; otherwise it may be nil.
func (e *Engine) route(asking bool, spec *Spec, argv [][]byte, s *session.Session) (slot int, err error) {
	r := routing{slot: noSlot}
	exec := spec.Flags&Control != 0 && spec.Name == "exec"
	switch {
	case exec && s != nil && s.Multi:
		for i := range s.Queue {
			if err := e.addKeys(&r, s.Queue[i].Spec.(*Spec), s.Queue[i].Argv); err != nil {
				return noSlot, err
			}
		}
	case !exec && (len(spec.Keys) > 0 || spec.GetKeys != nil):
		if err := e.addKeys(&r, spec, argv); err != nil {
			return noSlot, err
		}
	}
	if r.slot == noSlot {
		return noSlot, nil
	}
	st, f := e.cluster, spec.flagsOf(argv)
	if !st.OK {
		switch {
		case spec.shards():
			if !e.cfg.Bool("cluster-allow-pubsubshard-when-down") {
				return noSlot, errClusterDown
			}
		case !e.cfg.Bool("cluster-allow-reads-when-down"):
			return noSlot, errClusterDown
		case f&Write != 0:
			return noSlot, errClusterReads
		}
	}
	if (r.moving || r.coming) && spec.Name == "migrate" {
		return r.slot, nil
	}
	if r.moving && r.absent > 0 {
		if r.here > 0 {
			return noSlot, errUnstable
		}
		return noSlot, e.sendTo("ASK", r.slot, st.Migrating(uint16(r.slot)), s != nil && s.TLS)
	}
	if r.coming && (asking || f&Asking != 0) {
		if r.several && r.absent > 0 {
			return noSlot, errUnstable
		}
		return r.slot, nil
	}
	if r.owner != st.Me {
		// A replica answers who asked for it (READONLY), if nothing is to be changed.
		reads := f&Write == 0 && !(exec && s != nil && s.Multi && slices.ContainsFunc(s.Queue, func(q session.Queued) bool { return q.Spec.(*Spec).flagsOf(q.Argv)&Write != 0 }))
		if st.Me.Of == r.owner && reads && (spec.shards() || s != nil && s.ReadOnly) {
			return r.slot, nil
		}
		return noSlot, e.sendTo("MOVED", r.slot, r.owner, s != nil && s.TLS)
	}
	return r.slot, nil
}

// addKeys looks at the keys of one command.
func (e *Engine) addKeys(r *routing, spec *Spec, argv [][]byte) error {
	if len(spec.Keys) == 1 && spec.GetKeys == nil {
		if k := &spec.Keys[0]; k.Keyword == "" && k.Last == 0 && !k.KeyNum && !k.Unknown && k.Flags&(KeyIncomplete|KeyVariable) == 0 && k.Index < len(argv) {
			return e.addKey(r, spec, argv[k.Index]) // one key: nothing is allocated
		}
	}
	for _, k := range spec.slotKeys(argv) {
		if err := e.addKey(r, spec, argv[k.Pos]); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) addKey(r *routing, spec *Spec, key []byte) error {
	st, slot := e.cluster, cluster.KeySlot(key)
	if r.slot == noSlot {
		r.slot, r.first = int(slot), key
		if r.owner = st.Owner(slot); r.owner == nil {
			return errUnserved
		}
		r.moving = r.owner == st.Me && st.Migrating(slot) != nil
		r.coming = !r.moving && st.Importing(slot) != nil
	} else {
		if r.slot != int(slot) {
			return errCrossSlot
		}
		r.several = r.several || string(r.first) != string(key)
	}
	if (r.moving || r.coming) && !spec.shards() {
		if _, found := e.ks.DB(0).Lookup(key, kv.NoTouch|kv.NoExpire); found {
			r.here++
		} else {
			r.absent++
		}
	}
	return nil
}

// sendTo is the error that sends a client to another node.
func (e *Engine) sendTo(word string, slot int, n *cluster.Node, overTLS bool) error {
	to := n.Endpoint(e.cfg.Enum("cluster-preferred-endpoint-type"))
	return redirection(word + " " + strconv.Itoa(slot) + " " + to + ":" + strconv.Itoa(n.ClientPort(overTLS)))
}

// routeScript is redirect for what a script calls, in the words of scripts.
func (e *Engine) routeScript(sc *script, spec *Spec, argv [][]byte) error {
	slot, err := e.route(sc.caller.Asking, spec, argv, nil)
	switch err {
	case nil:
	case errClusterDown:
		return errScriptDown
	case errClusterReads:
		return errScriptReads
	case errUnserved:
		return errScriptUnserved
	case errCrossSlot:
		return Errorf("ERR Command '%s' in script attempted to access keys that don't hash to the same slot", spec.full)
	case errUnstable:
		return Errorf("ERR Unable to execute command '%s' in script because undeclared keys were accessed during rehashing of the slot", spec.full)
	default:
		return errScriptElsewhere
	}
	if slot == noSlot || sc.crossSlots {
		return nil
	}
	if sc.slot == noSlot {
		sc.slot = slot
	}
	if sc.slot != slot {
		return errScriptSlots
	}
	return nil
}

// redirectBlocked answers clients that wait for keys which are no longer served here.
func (e *Engine) redirectBlocked() {
	var away []*session.Session
	for _, list := range e.blocked.byKey {
		for _, s := range list {
			if !slices.Contains(away, s) && e.lostKeys(s) != nil {
				away = append(away, s)
			}
		}
	}
	for _, s := range away {
		err := e.lostKeys(s)
		e.finishWait(s, func(*session.Wait) { e.replyError(s, err) })
	}
}

// lostKeys says why a client no longer waits here with reason, or nil.
func (e *Engine) lostKeys(s *session.Session) error {
	st := e.cluster
	if !st.OK {
		reads := s.Wait.Spec.(*Spec).Flags&Write == 0 && e.cfg.Bool("cluster-allow-reads-when-down")
		if !reads {
			return errClusterDown
		}
	}
	for _, k := range s.Wait.Keys {
		slot := cluster.KeySlot([]byte(k.Key))
		switch n := st.Owner(slot); {
		case n == st.Me || st.Importing(slot) != nil || n != nil && n == st.Me.Of && s.ReadOnly:
		case n == nil:
			return errUnserved
		default:
			return e.sendTo("MOVED", int(slot), n, s.TLS)
		}
	}
	return nil
}

// DropShardChannels ends subscriptions to shard channels whose slots are no longer served here.
func (e *Engine) DropShardChannels() {
	if e.hub.Len(pubsub.Shards) == 0 {
		return
	}
	e.Sessions(func(s *session.Session) {
		if s.Subs.Count(pubsub.Shards) == 0 {
			return
		}
		var lost []string
		s.Subs.Names(pubsub.Shards, func(name []byte) {
			if owner := e.cluster.Owner(cluster.KeySlot(name)); owner != e.cluster.Me && (owner == nil || owner != e.cluster.Me.Of) {
				lost = append(lost, string(name))
			}
		})
		for _, name := range lost {
			e.hub.Unsubscribe(pubsub.Shards, &s.Subs, []byte(name))
			w := resp.Writer{Proto: s.W.Proto}
			w.Push(3)
			w.BulkString("sunsubscribe")
			w.BulkString(name)
			w.Int(int64(s.Subs.Count(pubsub.Shards)))
			s.Push(w.Buf)
		}
	})
}
