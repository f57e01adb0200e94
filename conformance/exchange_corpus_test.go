package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

// A snapshot with every type, encoding and size goes both ways between this server and stock ones, and to older ones in the versions
// that they load.

// corpus fills several databases, with nothing that RDB version 10 has no place for. Times are written as they will be read: nothing depends on when the test runs.
func corpus(t *testing.T, c *testbed.Client) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(5, 6))
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return string(b)
	}
	call := func(args ...string) { t.Helper(); c.Call(t, args...) }
	for db := range 3 {
		call("SELECT", strconv.Itoa(db*4))
		for i, v := range []string{"", "x", "0", "-129", "32768", "-2147483649", "9223372036854775807", "12345678901234567890", "007", noise(44), noise(45),
			noise(20_000), strings.Repeat("lzf ", 5000)} {
			call("SET", fmt.Sprintf("string %d", i), v)
		}
		call("SET", "lifetime", "v", "PXAT", "33177117420000")
		call("SET", "123456", "key of digits")
		call("PFADD", "hll sparse", "a", "b", "c")
		for _, n := range []int{1, 7, 100, 2000} {
			size := strconv.Itoa(n)
			list, set, intset := []string{"RPUSH", "list " + size}, []string{"SADD", "set " + size}, []string{"SADD", "intset " + size}
			hash, zset, hll := []string{"HSET", "hash " + size}, []string{"ZADD", "zset " + size}, []string{"PFADD", "hll " + size}
			for i := range n {
				e, long := fmt.Sprintf("e%d", i), ""
				if i%50 == 49 {
					long = strings.Repeat(e, 200)
				}
				list = append(list, e, strconv.Itoa(i*i*i-500), long)
				set, hll = append(set, e), append(hll, e)
				intset = append(intset, strconv.FormatInt(int64(i)*int64(n)*1_000_000-7, 10))
				hash = append(hash, e, strconv.Itoa(i-3), strconv.Itoa(i), e)
				zset = append(zset, strconv.FormatFloat(float64(i%9)/4-1, 'f', -1, 64), e)
				if db == 0 || n <= 100 {
					call("XADD", "stream "+size, fmt.Sprintf("%d-%d", 1+i/3, i+1), "field", e, "n", strconv.Itoa(i))
				}
			}
			for _, args := range [][]string{list, set, intset, hash, zset, hll} {
				call(args...)
			}
		}
		call("RPUSH", "list plain", "a", noise(9000), "b", strings.Repeat("z", 70_000))
		call("HSET", "hash long", "f", strings.Repeat("v", 70))
		call("SADD", "set long", strings.Repeat("v", 70))
		call("ZADD", "zset long", "+inf", strings.Repeat("v", 70), "-inf", "m")
		call("EXPIREAT", "hash 100", "33177117420")
		call("XDEL", "stream 100", "3-8", "34-100")
		streams := []string{"stream 100"}
		if db == 0 {
			call("XTRIM", "stream 2000", "MAXLEN", "1500")
			streams = append(streams, "stream 2000")
		}
		for _, key := range streams {
			call("XGROUP", "CREATE", key, "g", "0")
			call("XGROUP", "CREATE", key, "late", "$")
			for i := range 3 {
				call("XREADGROUP", "GROUP", "g", "consumer "+strconv.Itoa(i), "COUNT", strconv.Itoa(2+i*5), "STREAMS", key, ">")
			}
			call("XACK", key, "g", "1-2", "2-5")
		}
		call("XGROUP", "CREATE", "stream empty", "g", "7-7", "MKSTREAM")
	}
}

// handSnapshot lets one server write the corpus and another load it, after change has had the file; both are returned.
func handSnapshot(t *testing.T, from, to string, change func(path string), args ...string) (wrote, loaded *testbed.Client) {
	t.Helper()
	dir, other := testbed.TempDir(t), testbed.TempDir(t)
	args = append(args, "--dbfilename", "dump.rdb")
	debug := []string{"--enable-debug-command", "yes", "--dbfilename", "dump.rdb"}
	s := testbed.Start(t, testbed.Options{Binary: from, Dir: dir, Args: append(args, "--enable-debug-command", "yes")})
	wrote = s.Dial(t)
	corpus(t, wrote)
	wrote.Call(t, "DEBUG", "RELOAD") // an encoding that only a change explains is gone; the file is there
	path := filepath.Join(other, "dump.rdb")
	ok(t, os.WriteFile(path, []byte(readFile(t, filepath.Join(dir, "dump.rdb"))), 0o644))
	change(path)
	if check := testbed.Peer(t, "redis-check-rdb"); readFile(t, path)[5:9] <= "0010" {
		if out, err := exec.Command(check, path).CombinedOutput(); err != nil || !strings.Contains(string(out), "RDB looks OK!") {
			t.Errorf("redis-check-rdb: %v\n%s", err, out)
		}
	}
	return wrote, testbed.Start(t, testbed.Options{Binary: to, Dir: other, Args: debug}).Dial(t)
}

func TestExchangeCorpus(t *testing.T) {
	as := func(string) {}
	frctl := filepath.Join(t.TempDir(), "frctl")
	if out, err := exec.Command("go", "build", "-o", frctl, "frankenredis/cmd/frctl").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/frctl: %v\n%s", err, out)
	}
	convert := func(version string) func(path string) {
		return func(path string) {
			if out, err := exec.Command(frctl, "convert", "--to", version, "--lossy", path, path).CombinedOutput(); err != nil {
				t.Errorf("frctl convert --to %s: %v\n%s", version, err, out)
			}
			if v := readFile(t, path)[5:9]; strings.TrimLeft(v, "0") != version {
				t.Errorf("version %s, want %s", v, version)
			}
		}
	}
	ours := testbed.Subject(t)
	for _, peer := range exchangePeers {
		theirs := testbed.Peer(t, peer)
		newer := peer != "redis-server"
		t.Run("from "+peer, func(t *testing.T) {
			want, got := handSnapshot(t, theirs, ours, as)
			sameServers(t, want, got, newer, true)
		})
		t.Run("to "+peer, func(t *testing.T) {
			var args []string
			if !newer {
				args = []string{"--fr-rdb-oldest-version", "yes"}
			}
			want, got := handSnapshot(t, ours, theirs, as, args...)
			sameServers(t, want, got, newer, true)
		})
		t.Run("converted to "+peer, func(t *testing.T) {
			if !newer {
				want, got := handSnapshot(t, ours, theirs, convert("10"))
				sameServers(t, want, got, newer, true)
			}
			// Version 9 has no place for what streams count.
			want, got := handSnapshot(t, ours, theirs, convert("9"))
			sameServers(t, want, got, newer, false)
		})
	}
}
