package wal

import (
	"bytes"
	"errors"
	iofs "io/fs"
	"path/filepath"
	"reflect"
	"testing"

	"frankenredis/wal/disk"
)

func sampleFacts(t testing.TB) (*Manifest, *Facts) {
	t.Helper()
	m := &Manifest{}
	m.setBase("my log", false, 0)
	m.addIncr("my log")
	m.addIncr("my log")
	f := &Facts{Generation: 12, UUID: NewUUID(), Manifest: SumOf(m.AppendTo(nil)), Position: Position{testID, 3, 777},
		Cut: "my log.1.incr.aof", Files: map[string]FileFacts{
			"my log.1.base.rdb": {UUID: NewUUID(), Start: 5, DB: -1, Sealed: true, End: 5, Size: 100, Sum: SumOf([]byte("b")), HasSum: true},
			"my log.1.incr.aof": {UUID: NewUUID(), Start: 5, DB: 0, Sealed: true, End: 500, Size: 700},
			"my log.2.incr.aof": {UUID: NewUUID(), Start: 500, DB: 15},
		}}
	return m, f
}

func TestFacts(t *testing.T) {
	m, f := sampleFacts(t)
	p := f.AppendTo(nil, m)
	got, err := ParseFacts(p)
	f.Refs = m.files()
	if err != nil || !reflect.DeepEqual(got, f) {
		t.Fatalf("read back %+v, %v\nwant %+v", got, err, f)
	}
	if again := got.Rebuild(); again == nil || !reflect.DeepEqual(again, m) {
		t.Errorf("the manifest made anew is %+v, want %+v", again, m)
	}
	for i := range p {
		for bit := range 8 {
			q := bytes.Clone(p)
			q[i] ^= 1 << bit
			if _, err := ParseFacts(q); err == nil {
				t.Errorf("bit %d of byte %d changed: read", bit, i)
			}
		}
		if _, err := ParseFacts(p[:i]); err == nil {
			t.Errorf("cut at %d: read", i)
		}
	}
	for _, name := range FactsNames("my log", 12) {
		if g, ok := parseFactsName("my log", name); !ok || g != 12 {
			t.Errorf("name %q: %d, %v", name, g, ok)
		}
	}
	for _, name := range []string{"my log.manifest", "my log.manifest.fr", "my log.manifest.x.fr", "my log.manifest.01.fr", "other.manifest.1.fr", "my log.manifest.1.fr2",
		"my log.manifest.1.twin", "my log.manifest.twin.fr", "my log.manifest.1.twin.twin.fr"} {
		if g, ok := parseFactsName("my log", name); ok {
			t.Errorf("%q taken for generation %d", name, g)
		}
	}
}

func FuzzFacts(f *testing.F) {
	m, facts := sampleFacts(f)
	f.Add(facts.AppendTo(nil, m))
	f.Fuzz(func(t *testing.T, p []byte) {
		_, _ = ParseFacts(p)
		// Behind a right checksum anything may stand.
		_, _ = ParseFacts(append(appendChecksum(bytes.Clone(p), p), '\n'))
	})
}

// The companion that counts is the one whose digest is the manifest's; a stock server's manifest has none.
func TestReadDirectory(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, EverySec))
	if _, err := switchNow(l); err != nil {
		t.Fatal(err)
	}
	l.Close(true)
	d, err := ReadDirectory(fs, testDir, defaultName)
	if err != nil || d.Facts == nil || d.Facts.Generation != 2 || d.Generation != 2 || len(d.Broken) != 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	good, manifest := d.Facts, d.ManifestBytes
	write := func(name, text string) {
		f, _ := fs.Create(filepath.Join(testDir, name))
		f.Write([]byte(text))
	}
	write(FactsName(defaultName, 1), "nonsense")
	write(FactsName(defaultName, 9), "nonsense") // newer than the one that counts: it was yet to be filled
	if d, err = ReadDirectory(fs, testDir, defaultName); err != nil || d.Facts == nil || d.Generation != 9 || len(d.Broken) != 1 || d.Broken[FactsName(defaultName, 1)] == nil {
		t.Errorf("with a broken companion: %+v, %v", d, err)
	}
	write(ManifestName(defaultName), string(d.ManifestBytes)+"# a person was here\n")
	if d, err = ReadDirectory(fs, testDir, defaultName); err != nil || d.Facts != nil || d.Manifest == nil {
		t.Errorf("with another manifest: %+v, %v", d, err)
	}
	changed := bytes.Clone(manifest)
	changed[7] ^= 0x40
	if pos, was, ok := good.ChangedByte(changed); !ok || pos != 7 || was != manifest[7] {
		t.Errorf("one byte changed: %d, %q, %t", pos, was, ok)
	}
	changed[9] ^= 1
	if pos, _, ok := good.ChangedByte(changed); ok {
		t.Errorf("two bytes changed: %d", pos)
	}
	write(ManifestName(defaultName), "# \nfile a\n")
	var me *ManifestError
	if d, err = ReadDirectory(fs, testDir, defaultName); !errors.As(err, &me) || me.Line != 2 || me.Pos != 3 || d.Generation != 9 || d.Manifest != nil {
		t.Errorf("with a manifest that cannot be read: %+v, %v", d, err)
	}
	write(ManifestName(defaultName), "")
	if _, err = ReadDirectory(fs, testDir, defaultName); !errors.As(err, &me) || me.Line != 0 {
		t.Errorf("with an empty manifest: %v", err)
	}
	fs.Remove(filepath.Join(testDir, ManifestName(defaultName)))
	if d, err = ReadDirectory(fs, testDir, defaultName); err != nil || d.Manifest != nil || d.Facts != nil {
		t.Errorf("without a manifest: %+v, %v", d, err)
	}
	if d, err = ReadDirectory(disk.OS(), filepath.Join(t.TempDir(), "none"), defaultName); err != nil || d.Manifest != nil {
		t.Errorf("without a folder: %+v, %v", d, err)
	}
}

// One copy of three is enough, wherever the damage is, and the newest counts.
func TestRecordCopies(t *testing.T) {
	fs := newMemFS()
	e := Epoch{Epoch: 5, ID: testID, ID2: NewReplID(), End2: 99, BootID: "boot"}
	if err := WriteEpoch(fs, "/data", "log", e); err != nil {
		t.Fatal(err)
	}
	path := "/data/" + EpochName("log")
	whole, _ := readFile(fs, path)
	if len(whole) != cellCopies*cellSize {
		t.Fatalf("%d bytes", len(whole))
	}
	put := func(p []byte) {
		f, _ := fs.Create(path)
		f.Write(p)
	}
	for i := range cellCopies {
		p := make([]byte, len(whole))
		copy(p[i*cellSize:], whole[i*cellSize:(i+1)*cellSize])
		put(p)
		if got, err := ReadEpoch(fs, "/data", "log"); err != nil || got != e {
			t.Errorf("with copy %d alone: %+v, %v", i, got, err)
		}
	}
	for i := range maxRecord {
		p := bytes.Clone(whole)
		p[i] ^= 1
		put(p)
		if got, err := ReadEpoch(fs, "/data", "log"); err != nil || got != e {
			t.Errorf("byte %d changed: %+v, %v", i, got, err)
		}
		put(whole[:i])
		if got, err := ReadEpoch(fs, "/data", "log"); err == nil && got != e {
			t.Errorf("cut at %d: %+v", i, got)
		}
	}
	put(make([]byte, len(whole)))
	if _, err := ReadEpoch(fs, "/data", "log"); err == nil || errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("zeros: %v", err)
	}
	if _, err := ReadEpoch(fs, "/data", "other"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// I12: however a watermark is torn, a whole copy is there, the old one or the new one, and the newer counts. I8: it never
// falls.
func TestWatermarkTorn(t *testing.T) {
	fs := newMemFS()
	first := Watermark{Position: Position{testID, 4, 100}, Seq: 1, Pos: 120, Millis: 1, BootID: "boot"}
	wf, err := createWatermark(fs, "/data", "log", first)
	if err != nil {
		t.Fatal(err)
	}
	second := first
	second.LSN, second.Pos, second.Clean = 200, 230, true
	states := map[LSN]int{}
	fs.setBefore(func(op, name string) error {
		for mode := killed; mode < crashModes; mode++ {
			for seed := range uint64(20) {
				after := fs.crash(mode, newRand(seed))
				w, err := ReadWatermark(after, "/data", "log")
				if err != nil || w.LSN != 100 && w.LSN != 200 {
					t.Errorf("%v before %s: %+v, %v", mode, op, w, err)
				}
				states[w.LSN]++
			}
		}
		return nil
	})
	if err := wf.write(second); err != nil {
		t.Fatal(err)
	}
	fs.setBefore(nil)
	if states[100] == 0 || states[200] == 0 {
		t.Errorf("states seen: %v", states)
	}
	w, err := ReadWatermark(fs.powerCut(), "/data", "log")
	second.rewritten = w.rewritten
	if err != nil || w != second {
		t.Errorf("read back %+v, %v", w, err)
	}
}

// Each start uses up an epoch before anything else is written, and keeps the history before it (I6).
func TestOpenWritesEpoch(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, EverySec))
	l.Commit(set("a", "1"), 0)
	l.Close(true)
	r, err := recoverLog(fs, testDir, true)
	if err != nil {
		t.Fatal(err)
	}
	next := NewReplID()
	l, err = Open(quickOptions(fs, EverySec), Start{Manifest: r.dir.Manifest, Facts: r.dir.Facts, Position: Position{next, 2, r.end}, Tail: r.tail, ID2: testID, End2: r.end})
	if err != nil {
		t.Fatal(err)
	}
	if l.Position() != (Position{next, 2, r.end}) {
		t.Errorf("position %v", l.Position())
	}
	l.Close(true)
	if e, err := ReadEpoch(fs, testDir, defaultName); err != nil || e != (Epoch{2, next, testID, r.end, "boot"}) {
		t.Errorf("epoch %+v, %v", e, err)
	}
}

// Recovery must have read what is to be written: a file that changed since, or was never read, is not gone on in.
func TestOpenRefuses(t *testing.T) {
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, EverySec))
	l.Commit(set("a", "1"), 0)
	l.Close(true)
	r, err := recoverLog(fs, testDir, true)
	if err != nil {
		t.Fatal(err)
	}
	good := Start{Manifest: r.dir.Manifest, Facts: r.dir.Facts, Position: Position{testID, 2, r.end}, Tail: r.tail}
	for name, change := range map[string]func(*Start){
		"no manifest":  func(s *Start) { s.Manifest = nil },
		"not read":     func(s *Start) { s.Tail = nil },
		"another LSN":  func(s *Start) { s.Position.LSN++ },
		"another size": func(s *Start) { tail := *s.Tail; tail.Size--; s.Tail = &tail },
	} {
		s := good
		change(&s)
		if l, err := Open(quickOptions(fs, EverySec), s); err == nil {
			l.Close(false)
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := Create(quickOptions(fs, EverySec), good.Position, Base{}); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("created over a log: %v", err)
	}
}
