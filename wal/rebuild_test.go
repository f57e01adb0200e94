package wal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// rebuildable is a log of some generations that was closed, its folder as it is, and its manifest's bytes.
func rebuildable(t *testing.T) (*memFS, *Directory) {
	t.Helper()
	fs := newMemFS()
	l := createTest(t, quickOptions(fs, EverySec))
	for range 3 {
		l.Commit(set("a", "1"), 0)
		if _, err := switchNow(l); err != nil {
			t.Fatal(err)
		}
	}
	l.Commit(set("b", "2"), 0)
	if err := l.Close(true); err != nil {
		t.Fatal(err)
	}
	d, err := ReadDirectory(fs, testDir, defaultName)
	if err != nil || d.Facts == nil || d.HalfFacts || d.Rebuilt != nil {
		t.Fatalf("%+v, %v", d, err)
	}
	return fs, d
}

func put(t *testing.T, fs *memFS, name string, p []byte) {
	t.Helper()
	f, err := fs.Create(filepath.Join(testDir, name))
	if err == nil {
		_, err = f.Write(p)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// I1: whatever one block of a manifest, a companion or its twin turns into, the other files say what it was, byte for byte.
func TestManifestAndCompanionSurviveABlock(t *testing.T) {
	fs, whole := rebuildable(t)
	rng := rand.New(rand.NewPCG(1, 1))
	names := append(FactsNames(defaultName, whole.Facts.Generation), ManifestName(defaultName))
	for _, name := range names {
		was, err := readFile(fs, filepath.Join(testDir, name))
		if err != nil {
			t.Fatal(err)
		}
		for round := range 300 {
			p := bytes.Clone(was)
			switch block := p[rng.IntN(len(p)):]; round % 4 {
			case 0:
				clear(block)
			case 1:
				for i := range block {
					block[i] = byte(rng.Uint32())
				}
			case 2:
				copy(block, was[rng.IntN(len(was)):])
			default:
				p = p[:rng.IntN(len(p))]
			}
			if bytes.Equal(p, was) {
				continue
			}
			put(t, fs, name, p)
			d, err := ReadDirectory(fs, testDir, defaultName)
			var bad *ManifestError
			switch {
			case err != nil && !errors.As(err, &bad):
				t.Fatalf("%s: %v", name, err)
			case name != ManifestName(defaultName):
				if d.Facts == nil || d.Facts.Generation != whole.Facts.Generation || !d.HalfFacts || d.Rebuilt != nil {
					t.Fatalf("%s became %q: %+v", name, p, d)
				}
			case d.Rebuilt == nil || !bytes.Equal(d.Rebuilt.Manifest.AppendTo(nil), was) || d.Rebuilt.Facts.Generation != whole.Facts.Generation:
				t.Fatalf("the manifest became %q: %+v", p, d)
			}
		}
		put(t, fs, name, was)
	}
}

// A generation that was made ready, never came into force and did not go with its attempt counts for nothing once its last increment has grown.
func TestRebuildTakesTheGenerationInForce(t *testing.T) {
	fs, whole := rebuildable(t)
	next := &Facts{Generation: whole.Facts.Generation + 1, UUID: whole.Facts.UUID, Position: whole.Facts.Position, Files: map[string]FileFacts{}}
	for name, f := range whole.Facts.Files {
		next.Files[name] = f
	}
	m := whole.Manifest.Clone()
	last := *m.Last()
	info, err := fs.Stat(filepath.Join(testDir, last.Name))
	if err != nil {
		t.Fatal(err)
	}
	f := next.Files[last.Name]
	f.Sealed, f.End, f.Size = true, f.Start+1, info.Size()
	next.Files[last.Name] = f
	ref, err := m.addIncr(defaultName)
	if err != nil {
		t.Fatal(err)
	}
	next.Files[ref.Name] = FileFacts{UUID: NewUUID(), Start: f.End, DB: -1}
	next.Manifest = SumOf(m.AppendTo(nil))
	put(t, fs, FactsName(defaultName, next.Generation), next.AppendTo(nil, m))
	put(t, fs, ref.Name, nil)
	put(t, fs, ManifestName(defaultName), []byte("gone"))
	generation := func() uint64 {
		d, _ := ReadDirectory(fs, testDir, defaultName)
		if d == nil || d.Rebuilt == nil {
			t.Fatal("nothing says what the manifest was")
		}
		return d.Rebuilt.Facts.Generation
	}
	if got := generation(); got != next.Generation {
		t.Errorf("generation %d, and %d says the same and more", got, next.Generation)
	}
	g, err := fs.OpenAppend(filepath.Join(testDir, last.Name))
	if err == nil {
		_, err = g.Write([]byte("*1\r\n$4\r\nPING\r\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := generation(); got != whole.Facts.Generation {
		t.Errorf("generation %d, whose last increment ends before what was written to it", got)
	}
	if err := fs.Remove(filepath.Join(testDir, last.Name)); err != nil {
		t.Fatal(err)
	}
	if d, _ := ReadDirectory(fs, testDir, defaultName); d.Rebuilt != nil {
		t.Errorf("made anew although a file is missing: %+v", d.Rebuilt)
	}
}
