package ledger

import (
	"path/filepath"
	"testing"
)

// Whatever stands in a segment, reading it ends, and the writer goes on behind it with a chain that says so.
func FuzzSegment(f *testing.F) {
	fs := newDisk()
	l := Start(testOptions(fs))
	l.Record(entry(1))
	l.Close()
	path := filepath.Join(dir, SegmentName(1))
	f.Add([]byte(tree(fs, path)))
	f.Add([]byte(tree(fs, path) + `{"prev":"`))
	f.Add([]byte("\n\n{}\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		fs := newDisk()
		fs.Put(path, string(p))
		before, _ := walk(t, fs)
		l := Start(testOptions(fs))
		l.Record(entry(7))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		after, got := walk(t, fs)
		if len(got) == 0 || got[len(got)-1] != "file7" || after.Last <= before.Last {
			t.Fatalf("%+v, then %+v %v", before, after, got)
		}
		if before.Sound() != after.Sound() {
			t.Fatalf("damage came or went: %+v, then %+v", before, after)
		}
	})
}
