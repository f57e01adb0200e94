package conformance

import (
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// RDB files as servers since Redis 2.0 wrote them, put together here byte by byte: every version, every encoding there ever was, every
// string also as an LZF block. What stock servers load is loaded here, with the same DEBUG DIGEST; what they refuse is refused.

// rdbFile puts a file together.
type rdbFile struct {
	lzf bool // strings of some length are LZF blocks
	b   []byte
}

func (f *rdbFile) raw(s string) *rdbFile { f.b = append(f.b, s...); return f }

func (f *rdbFile) length(n int) *rdbFile {
	switch {
	case n < 1<<6:
		f.b = append(f.b, byte(n))
	case n < 1<<14:
		f.b = append(f.b, byte(n>>8)|0x40, byte(n))
	default:
		f.b = binary.BigEndian.AppendUint32(append(f.b, 0x80), uint32(n))
	}
	return f
}

// str adds a string, as an LZF block of nothing but literals if the file likes it.
func (f *rdbFile) str(s string) *rdbFile {
	if !f.lzf || s == "" {
		return f.length(len(s)).raw(s)
	}
	packed := ""
	for p := range slices.Chunk([]byte(s), 32) {
		packed += string(rune(len(p)-1)) + string(p)
	}
	return f.raw("\xc3").length(len(packed)).length(len(s)).raw(packed)
}

func (f *rdbFile) strs(s ...string) *rdbFile {
	f.length(len(s))
	for _, e := range s {
		f.str(e)
	}
	return f
}

// key begins a key of a type.
func (f *rdbFile) key(typ byte, name string) *rdbFile { return f.raw(string([]byte{typ})).str(name) }

// end makes it a file of a version.
func (f *rdbFile) end(version int) []byte {
	b := fmt.Appendf(nil, "REDIS%04d", version)
	b = append(append(b, f.b...), 0xff)
	if version < 5 {
		return b
	}
	// The checksum of Redis has no inversions.
	sum := ^crc64.Update(^uint64(0), crc64.MakeTable(0x95ac9329ac4bc9b5), b)
	return binary.LittleEndian.AppendUint64(b, sum)
}

func le16(n int) string    { return string(binary.LittleEndian.AppendUint16(nil, uint16(n))) }
func le32(n int) string    { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
func le64(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }
func streamID(ms, n int) string {
	return string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(ms)), uint64(n)))
}

// zipList is a ziplist of entries that are already encoded.
func zipList(entries ...string) string {
	body, before, tail := "", 0, 10
	for _, e := range entries {
		tail = 10 + len(body)
		if before < 254 {
			e = string([]byte{byte(before)}) + e
		} else {
			e = "\xfe" + le32(before) + e
		}
		before = len(e)
		body += e
	}
	return le32(11+len(body)) + le32(tail) + le16(len(entries)) + body + "\xff"
}

// zipStr is a ziplist's entry of a string, of fewer than 64 bytes or of fewer than 16384.
func zipStr(s string) string {
	if len(s) < 64 {
		return string([]byte{byte(len(s))}) + s
	}
	return string([]byte{byte(0x40 | len(s)>>8), byte(len(s))}) + s
}

// listPack is a listpack of entries: numbers from 0 to 127, and strings of fewer than 64 bytes.
func listPack(entries ...any) string {
	body := ""
	for _, e := range entries {
		switch e := e.(type) {
		case int:
			body += string([]byte{byte(e), 1})
		case string:
			body += string([]byte{byte(0x80 | len(e))}) + e + string([]byte{byte(1 + len(e))})
		}
	}
	return le32(7+len(body)) + le16(len(entries)) + body + "\xff"
}

func intSet(width int, members ...int) string {
	s := le32(width) + le32(len(members))
	for _, m := range members {
		s += le64(uint64(m))[:width]
	}
	return s
}

// history is a file's content with all types up to the newest one.
func history(lzf bool, newest int) *rdbFile {
	f := &rdbFile{lzf: lzf}
	long := strings.Repeat("long ", 60)
	f.raw("\xfa").str("redis-ver").str("2.0.0").raw("\xfa").str("remark").raw("\xc1\x39\x30")
	f.raw("\xfe\x00\xfb\x05\x02")
	f.key(0, "string").str("value").key(0, "long string").str(long)
	f.key(0, "int 8").raw("\xc0\x85").key(0, "int 16").raw("\xc1\x00\x80").key(0, "int 32").raw("\xc2\x00\x00\x00\x80").raw("\x00\xc0\x07").str("key is int")
	f.raw("\xfd"+le32(math.MaxInt32)).key(0, "seconds").str("v")
	f.raw("\xfc"+le64(33_177_117_420_000)).key(0, "milliseconds").str("v")
	f.raw("\xfd"+le32(1)).key(0, "expired").str("v")
	f.raw("\xfd\xff\xff\xff\xff").key(0, "expired before 1970").str("v")
	f.raw("\xfc"+le64(math.MaxUint64)).key(0, "no expiry").str("v")
	f.raw("\xf8\x05").key(0, "idle").str("v").raw("\xf9\x09").key(0, "frequency").str("v")

	f.key(1, "list").strs("a", "12", long, "").key(1, "empty list").length(0)
	f.key(10, "ziplist list").str(zipList(zipStr("a"), "\xf1", "\xfd", "\xfe\x80", "\xc0\xff\x7f", "\xf0\x00\x00\x80", "\xd0\xff\xff\xff\x7f",
		"\xe0\x00\x00\x00\x00\x00\x00\x00\x80", zipStr(long), zipStr(""), zipStr("z")))
	f.key(14, "quicklist").strs(zipList(zipStr("a"), zipStr(long)), zipList("\xf3"), zipList())
	f.key(2, "set").strs("a", "b", "3", long).key(2, "set of ints").strs("1", "2", "-70000")
	f.key(11, "intset 16").str(intSet(2, -32768, 0, 32767)).key(11, "intset 32").str(intSet(4, -70000, 0, 70000)).
		key(11, "intset 64").str(intSet(8, math.MinInt64, 0, math.MaxInt64))
	f.key(4, "hash").length(2).str("f").str("v").str("g").str(long)
	f.key(9, "zipmap").str("\x02\x01a\x02\x00bc\x03foo\x03\x02bar\x00\x00\xff")
	f.key(9, "zipmap, long").str("\xfe\x01a\xfe" + le32(len(long)) + "\x00" + long + "\xff")
	f.key(13, "ziplist hash").str(zipList(zipStr("f"), "\xf5", "\xfe\x50", zipStr(long)))
	f.key(3, "zset").length(5).str("a").raw("\x031.5").str("b").raw("\xfe").str("c").raw("\xff").str("d").raw("\x02-3").str("e").raw("\x0525e-2")
	f.key(12, "ziplist zset").str(zipList(zipStr("a"), "\xf2", zipStr("b"), zipStr("1.5"), zipStr("c"), "\xfe\x50"))
	f.raw("\xfe\x03")
	if newest >= 5 {
		f.key(5, "zset 2").length(3).str("a").raw(le64(math.Float64bits(0.125))).str("b").raw(le64(math.Float64bits(math.Inf(1)))).
			str("c").raw(le64(math.Float64bits(math.Copysign(0, -1))))
	}
	if newest >= 15 {
		f.stream(15, "stream")
		f.key(15, "empty stream").length(0).length(0).length(7).length(1).length(1).str("g").length(0).length(0).length(0).length(0)
	}
	if newest >= 19 {
		f.key(16, "listpack hash").str(listPack("f", "v", 7, "w")).key(17, "listpack zset").str(listPack("a", 1, "b", "1.5"))
		f.key(18, "quicklist 2").length(3).length(2).str(listPack("a", 1)).length(1).str(long).length(2).str(listPack("z"))
		f.stream(19, "stream 2")
		f.raw("\xf5").str("#!lua name=old\nredis.register_function('old', function() return 42 end)")
	}
	if newest >= 21 {
		f.key(20, "listpack set").str(listPack("a", 1, "b"))
		f.stream(21, "stream 3")
	}
	return f.raw("\xfd" + le32(1)) // an expiry that no key follows
}

// stream adds a stream of two entries, with one between them deleted, and a group of two consumers; one has an entry.
func (f *rdbFile) stream(typ byte, name string) {
	f.key(typ, name).length(1).str(streamID(5, 1)).str(listPack(2, 1, 1, "f", 0, 2, 0, 0, 7, 4, 3, 0, 1, 8, 4, 0, 0, 2, 1, "g", 9, 6))
	f.length(2).length(5).length(3)
	if typ > 15 {
		f.length(5).length(1).length(5).length(2).length(3)
	}
	f.length(1).str("group").length(5).length(1)
	if typ > 15 {
		f.length(1)
	}
	f.length(1).raw(streamID(5, 1) + le64(1_700_000_000_000)).length(3).length(2)
	for i, consumer := range []string{"ann", "bob"} {
		f.str(consumer).raw(le64(1_700_000_000_001))
		if typ > 19 {
			f.raw(le64(1_700_000_000_000))
		}
		if f.length(1 - i); i == 0 {
			f.raw(streamID(5, 1))
		}
	}
}

// loadHistory starts a server with a file; nil says that it refused it.
func loadHistory(t *testing.T, binary string, file []byte) (*testbed.Client, string) {
	t.Helper()
	dir := testbed.TempDir(t)
	ok(t, os.WriteFile(filepath.Join(dir, "dump.rdb"), file, 0o644))
	s, err := testbed.Launch(testbed.Options{Binary: binary, Dir: dir, Args: []string{"--enable-debug-command", "yes", "--dbfilename", "dump.rdb"}})
	if err != nil {
		return nil, err.Error()
	}
	t.Cleanup(s.Kill)
	return s.Dial(t), ""
}

func TestHistoricalFiles(t *testing.T) {
	for _, peer := range exchangePeers {
		theirs := testbed.Peer(t, peer)
		last := map[string]int{"redis": 10, "valkey": 11, "redict": 12}[identify(t, theirs).Name]
		for version := 1; version <= last; version++ {
			if !long() && version > 1 && version < last-1 && version != 4 && version != 5 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", peer, version), func(t *testing.T) {
				newest := 3
				for _, step := range [][2]int{{8, 5}, {9, 15}, {10, 19}, {11, 21}} {
					if version >= step[0] {
						newest = step[1]
					}
				}
				file := history(version%2 == 0, newest).end(version)
				want, why := loadHistory(t, theirs, file)
				if want == nil {
					t.Fatalf("%s does not load it: %s", peer, why)
				}
				got, why := loadHistory(t, testbed.Subject(t), file)
				if got == nil {
					t.Fatalf("we do not load it: %s", why)
				}
				sameServers(t, want, got, peer != "redis-server", true)
			})
		}
	}
}

// What stock servers refuse is refused with the same words.
func TestHistoricalFilesRefused(t *testing.T) {
	const module = "\x81\xb5\xeb\x2d\xf9\xa9\xf5\xb0\x03" // "testmodul", version 3
	for _, c := range []struct {
		name, body string
		version    int
		words      string
	}{
		{"value of a module", "\x07\x01m" + module + "\x02\x05\x00", 9,
			"The RDB file contains module data I can't load: no matching module type '"},
		{"module of a candidate", "\x06\x01m" + module + "xxx", 9, "Pre-release module format not supported"},
		{"data of a module", "\xf7" + module + "\x02\x02\x05\x04data\x00", 11,
			"The RDB file contains AUX module data I can't load: no matching module '"},
		{"function of a candidate", "\xf6\x03lib", 10, "Pre-release function format not supported."},
		{"type of no version", "\x08\x01k\x01v", 10, "Unknown RDB encoding type 8"},
		{"database beyond the last", "\xfe\x10\x00\x01k\x01v", 10, "server configured to handle more than 16 databases. Exiting"},
		{"old version", "", 0, "Can't handle RDB format version 0"},
		{"new version", "", 13, "Can't handle RDB format version 13"},
	} {
		file := new(rdbFile).raw(c.body).end(c.version)
		for _, binary := range []string{testbed.Peer(t, "redict-server"), testbed.Subject(t)} {
			if client, why := loadHistory(t, binary, file); client != nil || !strings.Contains(why, c.words) {
				t.Errorf("%s: %s loads it or does not say %q: %s", c.name, filepath.Base(binary), c.words, why)
			}
		}
	}
	file := history(false, 21).end(11)
	file[len(file)-1] ^= 1
	for _, binary := range []string{testbed.Peer(t, "redict-server"), testbed.Subject(t)} {
		if client, why := loadHistory(t, binary, file); client != nil || !strings.Contains(why, "Wrong RDB checksum expected: (") {
			t.Errorf("a wrong checksum: %s: %s", filepath.Base(binary), why)
		}
	}
}

// sameServers compares DEBUG DIGEST of all and of each key, and what it leaves out: encodings, lifetimes, groups of streams. Keys
// that differ are named. Encodings are not to be compared with 7.0, which has fewer, nor
// what streams know of themselves with what comes from a version without a place for it.
func sameServers(t *testing.T, want, got *testbed.Client, encodings, streams bool) {
	t.Helper()
	for _, c := range []*testbed.Client{want, got} {
		for db := range 16 { // what has expired goes before anything is compared
			c.Call(t, "SELECT", strconv.Itoa(db))
			for _, k := range c.Call(t, "KEYS", "*").Elems {
				c.Call(t, "EXISTS", k.Str)
			}
		}
	}
	if w, g := want.Call(t, "DEBUG", "DIGEST").Str, got.Call(t, "DEBUG", "DIGEST").Str; w != g {
		t.Errorf("DEBUG DIGEST %s, want %s", g, w)
	}
	keys := 0
	for db := range 16 {
		want.Call(t, "SELECT", strconv.Itoa(db))
		got.Call(t, "SELECT", strconv.Itoa(db))
		if w, g := want.Call(t, "DBSIZE"), got.Call(t, "DBSIZE"); w.Int != g.Int {
			t.Errorf("db %d has %d keys, want %d", db, g.Int, w.Int)
		}
		for _, k := range want.Call(t, "KEYS", "*").Elems {
			keys++
			ask := [][]string{{"TYPE", k.Str}, {"PEXPIRETIME", k.Str}, {"DEBUG", "DIGEST-VALUE", k.Str}}
			if encodings {
				ask = append(ask, []string{"OBJECT", "ENCODING", k.Str})
			}
			if streams && want.Call(t, "TYPE", k.Str).Str == "stream" {
				ask = append(ask, []string{"XINFO", "STREAM", k.Str, "FULL", "COUNT", "0"})
			}
			for _, args := range ask {
				w, g := testbed.Format(want.Call(t, args...)), testbed.Format(got.Call(t, args...))
				if args[0] == "XINFO" {
					w, g = comparableStream(w), comparableStream(g)
				}
				if w != g {
					t.Errorf("db %d: %.100q: %.2000s\nwant %.2000s", db, args, g, w)
				}
			}
		}
	}
	if keys < 20 {
		t.Errorf("only %d keys were compared", keys)
	}
}

// comparableStream leaves out of XINFO STREAM what belongs to a server's memory, and what 7.0 does not know.
func comparableStream(s string) string {
	lines := strings.Split(s, "\n")
	var out []string
	for i := 0; i < len(lines); i++ {
		switch {
		case strings.Contains(lines[i], "radix-tree-"), strings.Contains(lines[i], "active-time"):
			i++ // and its value
		default:
			out = append(out, strings.TrimLeft(lines[i], " 0123456789)")) // positions shift with what is left out
		}
	}
	return strings.Join(out, "\n")
}
