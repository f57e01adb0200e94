package damage

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"frankenredis/heal"
	"frankenredis/kv"
	"frankenredis/snapshot"
	"frankenredis/wal"
)

const cell = 4096

// scene is a file, what its bytes are, and what of it is damaged.
type scene struct {
	p    []byte
	bad  spans
	rng  *rand.Rand
	seed uint64
}

// cells picks damaged cells: a run or a few, as reports name them.
func (s *scene) cells() {
	n := int64(len(s.p)+cell-1) / cell
	for range 1 + s.rng.IntN(3) {
		at := s.rng.Int64N(n)
		run := min(1+s.rng.Int64N(4), n-at)
		s.bad = append(s.bad, heal.Range{Pos: at * cell, Bytes: min(run*cell, int64(len(s.p))-at*cell)})
	}
	s.bad = s.bad.merged()
}

// spoil changes the bytes in the damaged cells.
func (s *scene) spoil() []byte {
	p := bytes.Clone(s.p)
	for _, g := range s.bad {
		q := p[g.Pos : g.Pos+g.Bytes]
		switch s.rng.IntN(4) {
		case 0:
			clear(q)
		case 1:
			for i := range q {
				q[i] = byte(s.rng.Uint32())
			}
		default:
			for range 1 + s.rng.IntN(4) {
				q[s.rng.IntN(len(q))] ^= byte(1 + s.rng.IntN(255))
			}
		}
	}
	return p
}

func (s *scene) walk(p []byte, holes spans) *walk {
	return &walk{collector: collector{e: &Extent{}, most: 1 << 20, seen: map[uint64]int{}}, f: bytes.NewReader(p), size: int64(len(p)),
		bad: s.bad, holes: holes, o: Options{Keys: keysOf, Stop: func() error { return nil }}}
}

// keysOf knows the commands of this test.
func keysOf(argv [][]byte) (at []int, known bool) {
	switch string(argv[0]) {
	case "SET":
		return []int{1}, true
	case "SELECT", "MULTI", "EXEC":
		return nil, true
	case "MSET":
		for i := 1; i < len(argv); i += 2 {
			at = append(at, i)
		}
		return at, true
	}
	return nil, false
}

// place is a key with where it stands, and, of the log, the positions of the command or transaction.
type place struct {
	db       int
	key      string
	pos, end int64
}

func (p place) String() string { return fmt.Sprintf("%d %q", p.db, p.key) }

// makeSnapshot is an RDB file with values of many sizes and types in two databases.
func makeSnapshot(t *testing.T, rng *rand.Rand) (p []byte, places []place) {
	ks := kv.New(kv.Options{})
	defer ks.Close()
	for range 1 + rng.IntN(600) {
		db := ks.DB(rng.IntN(2) * 3)
		key := fmt.Appendf(nil, "key:%d:%s", rng.IntN(1<<30), strings.Repeat("k", rng.IntN(60)*rng.IntN(2)))
		if rng.IntN(8) == 0 {
			key = fmt.Append(nil, rng.IntN(1<<20))
		}
		value := make([]byte, rng.IntN(1+1<<rng.IntN(12)))
		for i := range value {
			value[i] = "0123456789abcdef\x00\xff \r\n"[rng.IntN(20)]
		}
		switch rng.IntN(4) {
		case 0:
			s, err := db.EditSet(key, []byte("x"), 0)
			if err != nil {
				t.Fatal(err)
			}
			for range 1 + rng.IntN(300) {
				s.Add(fmt.Append(nil, "member", rng.Uint32()))
			}
			s.Done()
		case 1:
			z, err := db.EditZSet(key, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 1 + rng.IntN(300) {
				z.Add(fmt.Append(nil, "member", i), rng.Float64())
			}
			z.Done()
		default:
			db.SetString(key, value, false)
		}
	}
	f := ks.Freeze()
	defer f.Close()
	var out bytes.Buffer
	if _, err := snapshot.Write(&out, f, snapshot.Meta{Functions: [][]byte{[]byte("#!lua name=lib\n")}, NoCompress: rng.IntN(2) == 0}); err != nil {
		t.Fatal(err)
	}
	r := snapshot.NewReader(bytes.NewReader(out.Bytes()), snapshot.Options{})
	defer r.Close()
	var b snapshot.Batch
	var err error
	for err == nil {
		err = r.Next(&b)
		for _, it := range b.Items {
			if !it.Begins() {
				places[len(places)-1].end = it.End
				continue
			}
			places = append(places, place{it.DB, string(it.Key), it.Pos, it.End})
		}
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	return out.Bytes(), places
}

// check compares what was named with the keys that stand in damaged bytes. Without holes it must be just these. With holes each of them must
// be named, be one whose changed name is a doubtful one, or stand where the extent says that it could not read; and what it is sure of
// must be among them.
func (s *scene) check(t *testing.T, e *Extent, want []place, holes bool) (named, missed int) {
	t.Helper()
	wrong := map[string]bool{} // names that are none, and whether they are doubtful
	byName, byPlace := map[string]bool{}, map[string]bool{}
	for _, k := range e.Keys {
		byPlace[place{db: k.DB, key: string(k.Name)}.String()] = true
		if k.Doubtful || k.DoubtfulDB {
			byName[string(k.Name)] = true
		}
		wrong[string(k.Name)] = k.Doubtful
	}
	changed := 0
	for _, w := range want {
		switch {
		case byPlace[w.String()] || byName[w.key]:
			named++
			delete(wrong, w.key)
		case holes && spans(e.Unread).meets(w.pos, w.end):
			missed++
		case holes:
			changed++
		default:
			t.Fatalf("seed %d: %v, in bytes %d to %d, is not named; bad %v, unread %v, keys %v", s.seed, w, w.pos, w.end, s.bad, e.Unread, e.KeysText(5))
		}
	}
	for name, doubtful := range wrong {
		if !doubtful {
			t.Fatalf("seed %d: %s is named, and stands in no damaged byte of %v", s.seed, name, s.bad)
		}
	}
	if changed > len(wrong) {
		t.Fatalf("seed %d: %d keys are not named, and %d names are changed ones; bad %v, unread %v, keys %v", s.seed, changed, len(wrong), s.bad, e.Unread, e.KeysText(50))
	}
	return named, missed + changed
}

// The keys named of an RDB file are those that stand in damaged cells: exactly these where the bytes can be brought back; else each of them
// is named or lies where the report says that no names are left.
func TestNamesOfSnapshots(t *testing.T) {
	named, missed, scenes := 0, 0, 30
	if testing.Short() {
		scenes = 10
	}
	for seed := range uint64(scenes) {
		s := &scene{rng: rand.New(rand.NewPCG(seed, 1)), seed: seed}
		var places []place
		s.p, places = makeSnapshot(t, s.rng)
		s.cells()
		var want []place
		for _, pl := range places {
			if s.bad.meets(pl.pos, pl.end) {
				want = append(want, pl)
			}
		}
		w := s.walk(s.p, nil)
		if _, err := w.snapshot(); err != nil {
			t.Fatal(err)
		}
		s.check(t, w.e, want, false)
		if len(w.e.Unread) > 0 || len(w.e.Keys) != len(want) || slices.ContainsFunc(w.e.Keys, func(k Key) bool { return k.Doubtful }) {
			t.Fatalf("seed %d: %v of a file that is whole", seed, w.e)
		}
		w = s.walk(s.spoil(), s.bad)
		if _, err := w.snapshot(); err != nil {
			t.Fatal(err)
		}
		n, m := s.check(t, w.e, want, true)
		named, missed = named+n, missed+m
		unread := int64(0)
		for _, pl := range places {
			if spans(w.e.Unread).meets(pl.pos, pl.end) {
				unread++
			}
		}
		if w.e.UnnamedKeys > unread {
			t.Fatalf("seed %d: at least %d keys are said to have no name, it is %d", seed, w.e.UnnamedKeys, unread)
		}
	}
	t.Logf("of %d keys in lost cells, %d are named", named+missed, named)
	if 3*named < missed {
		t.Errorf("of %d keys in lost cells only %d are named", named+missed, named)
	}
}

// makeLog is an increment with lines of ours, transactions and two databases. Of each key it says where the command stands, or the
// transaction; of the log the places of commands and transactions in file and stream.
func makeLog(rng *rand.Rand, start wal.LSN) (p []byte, places []place, units []unitPlace) {
	lsn, db, since := start, 0, []byte(nil)
	command := func(args ...string) {
		from := len(p)
		p = fmt.Appendf(p, "*%d\r\n", len(args))
		for _, a := range args {
			p = fmt.Appendf(p, "$%d\r\n%s\r\n", len(a), a)
		}
		since = append(since, p[from:]...)
		lsn += wal.LSN(len(p) - from)
	}
	key := func() string { return fmt.Sprintf("key:%d", rng.IntN(1<<30)) }
	for range 1 + rng.IntN(800) {
		from, fromLSN := len(p), lsn
		var keys []string
		some := func() {
			switch rng.IntN(3) {
			case 0:
				keys = append(keys, key(), key())
				command("MSET", keys[len(keys)-2], "1", keys[len(keys)-1], strings.Repeat("v", rng.IntN(100)))
			default:
				keys = append(keys, key())
				command("SET", keys[len(keys)-1], strings.Repeat("value\r\n", rng.IntN(1+1<<rng.IntN(10))))
			}
		}
		switch rng.IntN(10) {
		case 0:
			db = rng.IntN(3)
			command("SELECT", fmt.Sprint(db))
		case 1:
			command("MULTI")
			for range 1 + rng.IntN(5) {
				some()
			}
			command("EXEC")
		default:
			some()
		}
		units = append(units, unitPlace{int64(from), int64(len(p)), fromLSN, lsn})
		for _, k := range keys {
			places = append(places, place{db, k, int64(from), int64(len(p))})
		}
		if rng.IntN(20) == 0 {
			l := wal.Line{Position: wal.Position{ID: wal.NewReplID(), Epoch: 1, LSN: lsn}, Len: int64(len(since)), Sum: wal.SumOf(since), Durable: start}
			p = l.AppendTo(p)
			since = nil
		}
	}
	return p, places, units
}

type unitPlace struct {
	pos, end     int64
	from, toward wal.LSN
}

// What is named of an increment is what stands in damaged cells: keys as for RDB files, and the positions of the commands and
// transactions from the first to the last that has a damaged byte; exactly, wherever something behind the damage tells.
func TestNamesOfIncrements(t *testing.T) {
	named, missed, scenes, exact, wide := 0, 0, 200, 0, 0
	if testing.Short() {
		scenes = 40
	}
	for seed := range uint64(scenes) {
		s := &scene{rng: rand.New(rand.NewPCG(seed, 2)), seed: seed}
		start := wal.LSN(s.rng.IntN(1 << 20))
		var places []place
		var units []unitPlace
		s.p, places, units = makeLog(s.rng, start)
		s.cells()
		facts := &wal.FileFacts{Start: start, Sealed: s.rng.IntN(2) == 0, End: units[len(units)-1].toward}
		var want []place
		for _, pl := range places {
			if s.bad.meets(pl.pos, pl.end) {
				want = append(want, pl)
			}
		}
		var lsn *Positions
		for _, u := range units {
			if !s.bad.meets(u.pos, u.end) {
				continue
			}
			if lsn == nil {
				lsn = &Positions{From: u.from}
			}
			lsn.To = u.toward
		}
		look := func(p []byte, holes spans) *Extent {
			w := s.walk(p, holes)
			in := &increment{walk: w, stream: true, facts: facts}
			if err := in.run(0); err != nil {
				t.Fatal(err)
			}
			return w.e
		}
		e := look(s.p, nil)
		s.check(t, e, want, false)
		if lsn != nil && (e.LSN == nil || *e.LSN != *lsn) || len(e.Unread) > 0 {
			t.Fatalf("seed %d: positions %v, want %v; unread %v", seed, e.LSN, lsn, e.Unread)
		}
		e = look(s.spoil(), s.bad)
		n, m := s.check(t, e, want, true)
		named, missed = named+n, missed+m
		if lsn == nil {
			continue
		}
		if e.LSN == nil || e.LSN.From > lsn.From || e.LSN.To < lsn.To {
			t.Fatalf("seed %d: positions %v do not cover %v, bad %v of %d", seed, e.LSN, lsn, s.bad, len(s.p))
		}
		switch {
		case *e.LSN == *lsn:
			exact++
		case !e.LSN.AtMost && (lsn.From-e.LSN.From > 0 || e.LSN.To-lsn.To > 8*cell):
			t.Fatalf("seed %d: positions %v, want %v, bad %v of %d", seed, e.LSN, lsn, s.bad, len(s.p))
		default:
			wide++
		}
	}
	t.Logf("of %d keys in lost cells, %d are named; positions exact %d times, wider %d times", named+missed, named, exact, wide)
	if 2*named < missed || exact < 5*wide {
		t.Errorf("of %d keys in lost cells only %d are named; positions exact %d times, wider %d times", named+missed, named, exact, wide)
	}
}
