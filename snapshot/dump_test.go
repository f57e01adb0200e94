package snapshot

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"frankenredis/kv"
	"frankenredis/snapshot/crc64"
)

func dumpOf(t testing.TB, value string) []byte {
	ks := kv.New(kv.Options{Databases: 1})
	t.Cleanup(ks.Close)
	return AppendDump(nil, ks.DB(0).SetString([]byte("k"), []byte(value), false), true)
}

// Payloads of valkey 8.0.1, whose DUMP bytes are those of Redis 7.2.4.
func TestDumpBytes(t *testing.T) {
	for value, want := range map[string]string{
		"10":                     "00c00a0b00" + sum("00c00a0b00"),
		"-300":                   "00c1d4fe0b00" + sum("00c1d4fe0b00"),
		"hello":                  "000568656c6c6f0b00" + sum("000568656c6c6f0b00"),
		strings.Repeat("a", 100): "00c309406401616100" + "e057" + "00" + "016161" + "0b00",
	} {
		got := hex.EncodeToString(dumpOf(t, value))
		if len(value) < 100 && got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
		if len(value) == 100 && !strings.HasPrefix(got, "00c3") {
			t.Errorf("100 equal bytes are not compressed: %s", got)
		}
	}
}

func sum(body string) string {
	p, _ := hex.DecodeString(body)
	c := crc64.Checksum(p)
	out := make([]byte, 8)
	for i := range out {
		out[i] = byte(c >> (8 * i))
	}
	return hex.EncodeToString(out)
}

func TestDumpRoundTrip(t *testing.T) {
	for _, value := range []string{"", "x", "0", "-1", "127", "128", "-32769", "2147483648", "9223372036854775807", "007", "-0",
		strings.Repeat("ab", 5000), strings.Repeat("x", 1<<20)} {
		items, err := ParseDump(dumpOf(t, value), Options{})
		if err != nil || len(items) != 1 {
			t.Errorf("%.20q: %d items, %v", value, len(items), err)
			continue
		}
		ks := kv.New(kv.Options{Databases: 1})
		if err := items[0].Store(ks.DB(0), []byte("k"), NoExpiry); err != nil {
			t.Errorf("%.20q: %v", value, err)
		}
		e, _ := ks.DB(0).Lookup([]byte("k"), 0)
		if got := string(e.AppendString(nil)); got != value {
			t.Errorf("%.20q came back as %.20q", value, got)
		}
		ks.Close()
	}
}

// A value of each type in each encoding is the same again when it is stored from its payload, and gives the same payload unless it is a table,
// whose order is that of its hashes.
func TestDumpEachType(t *testing.T) {
	ks := fillTypes(t)
	var keys [][]byte
	ks.DB(0).Each(func(e kv.Entry) bool {
		keys = append(keys, bytes.Clone(e.Key()))
		return true
	})
	other := kv.New(kv.Options{})
	defer other.Close()
	for _, key := range keys {
		e, _ := ks.DB(0).Lookup(key, kv.NoTouch)
		payload := AppendDump(nil, e, true)
		items, err := ParseDump(payload, Options{})
		for i := range items {
			if err == nil {
				err = items[i].Store(other.DB(0), key, NoExpiry)
			}
		}
		back, there := other.DB(0).Lookup(key, kv.NoTouch)
		if err != nil || !there {
			t.Errorf("%s: %v, there: %v", key, err, there)
			continue
		}
		again := AppendDump(nil, back, true)
		if len(again) != len(payload) || back.Encoding() != kv.Hashtable && !bytes.Equal(again, payload) {
			t.Errorf("%s: %d bytes, then %d", key, len(payload), len(again))
		}
	}
}

// Every cut and every flipped bit of a payload is refused by its footer.
func TestDumpDamage(t *testing.T) {
	p := dumpOf(t, strings.Repeat("abc", 30))
	for i := range p {
		if _, err := ParseDump(p[:i], Options{}); !errors.Is(err, ErrDumpFooter) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		for bit := range 8 {
			q := bytes.Clone(p)
			q[i] ^= 1 << bit
			if _, err := ParseDump(q, Options{}); err == nil {
				t.Fatalf("bit %d of byte %d flipped: accepted", bit, i)
			}
		}
	}
}

// With a checksum that fits, and without one checked, whatever the bytes say must end in an error or a value.
func FuzzParseDump(f *testing.F) {
	for _, v := range []string{"1", "hello", strings.Repeat("abc", 30)} {
		f.Add(dumpOf(f, v))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		items, err := ParseDump(p, Options{SkipChecksum: true, MaxString: 1 << 20})
		if err != nil {
			return
		}
		ks := kv.New(kv.Options{Databases: 1})
		defer ks.Close()
		for i := range items {
			if len(items[i].Value) > 1<<20 {
				t.Fatalf("a value of %d bytes", len(items[i].Value))
			}
			if items[i].Store(ks.DB(0), []byte("k"), NoExpiry) != nil {
				break
			}
		}
	})
}
