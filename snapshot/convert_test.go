package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"frankenredis/kv"
	"frankenredis/wal/disk"
)

// convert runs Convert and returns what was written and lost.
func convert(t testing.TB, raw []byte, version int) (out []byte, losses []string, done Converted) {
	t.Helper()
	var buf bytes.Buffer
	done, err := Convert(&buf, bytes.NewReader(raw), ConvertOptions{Version: version, Lost: func(l Loss) {
		losses = append(losses, fmt.Sprintf("%d %s: %s", l.DB, l.Key, l.What))
	}})
	if err != nil {
		t.Fatal(err)
	}
	if done.Written != int64(buf.Len()) || done.Losses != int64(len(losses)) || done.To != version {
		t.Errorf("%+v of %d bytes, %d losses", done, buf.Len(), len(losses))
	}
	slices.Sort(losses)
	return buf.Bytes(), losses, done
}

// From each version to each: all there is comes through but what the narrowest of them has no place for, and that is named.
func TestConvert(t *testing.T) {
	ks := fillTypes(t)
	ks.DB(3).SetString([]byte("12"), []byte("34"), false)
	ks.DB(3).SetExpire([]byte("12"), 1_700_000_000_005)
	want := dumps(ks)
	meta := Meta{Created: time.Unix(1_700_000_000, 0), Access: AccessIdle, Replication: &Replication{ID: strings.Repeat("a", 40), Offset: 7}}
	for from := MinWritten; from <= Version; from++ {
		meta.Version = from
		raw := write(t, ks, meta)
		_, before := load(t, write(t, fill(t, 0), meta))
		for to := MinWritten; to <= Version; to++ {
			out, losses, done := convert(t, raw, to)
			if done.Keys != int64(len(want)) || done.From != from || done.Read != int64(len(raw)) {
				t.Errorf("%d to %d: %+v", from, to, done)
			}
			var lost []string
			if from == 11 && to < 11 {
				lost = append(lost, "0 stream active: "+LostActiveTimes)
			}
			if from >= 10 && to < 10 {
				lost = append(lost, "0 stream added: "+LostStreamFacts)
			}
			if !slices.Equal(losses, lost) {
				t.Errorf("%d to %d lost %q, want %q", from, to, losses, lost)
			}
			back := storeAll(t, out)
			for key, dump := range dumps(back) {
				if from < 10 && key == "0 list plain" {
					continue // its nodes are those of another limit
				}
				lossy := min(from, to) < 11 && key == "0 stream active" || min(from, to) < 10 && key == "0 stream added"
				if same := dump == want[key]; same == lossy {
					t.Errorf("%d to %d: %s: the same is %v", from, to, key, same)
				}
			}
			rd := NewReader(bytes.NewReader(out), Options{})
			var b Batch
			if err := rd.Next(&b); err != nil {
				t.Fatal(err)
			}
			info := rd.Info()
			if !slices.Equal(info.Aux, before.Aux) || info.Version != to || info.Sizes[0] != (DBSize{0, 16, 0}) || b.Items[0].Idle != 0 {
				t.Errorf("%d to %d: %+v, idle %d", from, to, info, b.Items[0].Idle)
			}
			rd.Close()
			entry, _ := back.DB(3).Lookup([]byte("12"), kv.NoExpire)
			if at, ok := entry.Expire(); !ok || at != 1_700_000_000_005 {
				t.Errorf("%d to %d: expiry %d, %v", from, to, at, ok)
			}
		}
	}
}

// Functions and data of modules go where they can; keys without elements nowhere.
func TestConvertBeside(t *testing.T) {
	module := string([]byte{opModuleAux}) + string(appendLen(nil, 1<<40)) + "\x02\x02\x00"
	raw := finish("REDIS0011\xf5\x06#!lua \xf5\x06#!lua2" + module + "\xfe\x00\x02\x01e\x00\xfd\x01\x00\x00\x00\x00\x01k\x01v")
	out, losses, done := convert(t, raw, 10)
	if _, info := load(t, out); len(info.Functions) != 2 || len(losses) != 1 || !strings.Contains(losses[0], LostModules+": ") || done.Empty != 1 {
		t.Errorf("functions %q, losses %q, %+v", info.Functions, losses, done)
	}
	if out, losses, _ = convert(t, raw, 9); len(losses) != 2 || !bytes.Contains(out, []byte("\xfc\xe8\x03\x00\x00\x00\x00\x00\x00\x00\x01k\x01v")) {
		t.Errorf("losses %q, %q", losses, out)
	}
}

// What is wrong with the input is found, with the place, wherever it is cut or changed; and a value that does not hold together.
func TestConvertRefuses(t *testing.T) {
	raw := write(t, fillTypes(t), Meta{})
	for n := 0; n < len(raw); n += 1 + n/20 {
		var bad *Error
		if _, err := Convert(&bytes.Buffer{}, bytes.NewReader(raw[:n]), ConvertOptions{}); !errors.As(err, &bad) || !errors.Is(err, ErrTruncated) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	for body, want := range map[string]string{
		"\x02\x01s\x02\x01a\x01a": `at 9: db 0 key "s": snapshot: an element occurs twice: corrupt`,
		"\x06\x01m":               `db 0 key "m": Pre-release module format not supported`,
	} {
		if _, err := Convert(&bytes.Buffer{}, bytes.NewReader(finish("REDIS0009"+body)), ConvertOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", body, err, want)
		}
	}
	if _, err := Convert(&bytes.Buffer{}, bytes.NewReader(raw), ConvertOptions{Version: 8}); err == nil {
		t.Error("version 8 was written")
	}
}

// Large values do not stay in memory once they are written.
func TestConvertMemory(t *testing.T) {
	ks := kv.New(kv.Options{})
	defer ks.Close()
	for i := range 8 {
		h, err := ks.DB(0).EditHash(fmt.Append(nil, i))
		if err != nil {
			t.Fatal(err)
		}
		for j := range 20_000 {
			h.Set(fmt.Append(nil, "field", j), fmt.Append(nil, "a value of some length", j))
		}
		h.Done()
	}
	one := ks.UsedBytes() / 8
	c := &converter{o: ConvertOptions{Version: 9}, e: newEncoder(&bytes.Buffer{}, false, true), ks: kv.New(kv.Options{Databases: 1}), db: -1,
		rd: NewReader(bytes.NewReader(write(t, ks, Meta{})), Options{})}
	defer c.ks.Close()
	defer c.rd.Close()
	most := int64(0)
	c.o.Progress = func(int64, int64) { most = max(most, c.ks.UsedBytes()) }
	if err := c.run(); err != nil || c.done.Keys != 8 {
		t.Fatal(err, c.done.Keys)
	}
	if most > one*3/2 || most < one/2 {
		t.Errorf("%d bytes for values of %d", most, one)
	}
}

// The file is whole or not there, and the one it replaces stays until then.
func TestConvertFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.rdb")
	raw := write(t, fillTypes(t), Meta{})
	run := func(in []byte) error {
		_, err := ConvertFile(SaveOptions{FS: disk.OS(), Dir: dir, Name: "out.rdb"}, bytes.NewReader(in), ConvertOptions{Version: 10})
		return err
	}
	if err := run(raw); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil || string(first[5:9]) != "0010" {
		t.Fatalf("%.9q, %v", first, err)
	}
	if err := run(raw[:1000]); !errors.Is(err, ErrTruncated) {
		t.Error(err)
	}
	again, _ := os.ReadFile(path)
	files, _ := os.ReadDir(dir)
	if !bytes.Equal(first, again) || len(files) != 1 {
		t.Errorf("the file changed, or others are left: %v", files)
	}
}
