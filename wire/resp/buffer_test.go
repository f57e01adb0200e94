package resp

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// allocated is what f takes from the heap in bytes.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func TestClaimsTakeNoMemory(t *testing.T) {
	const connections = 100
	for _, c := range []struct {
		name, input string
		each        int64 // bytes a connection may take
	}{
		{"argument of 512 MiB", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc", 300 << 10},
		{"argument of 64 TiB", "*1\r\n$70368744177664\r\n", 300 << 10},
		{"2147483647 arguments", "*2147483647\r\n$1\r\na\r\n", 40 << 10},
		{"2147483647 arguments, a big one", "*2147483647\r\n$40000\r\na", 100 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			readers := make([]Reader, connections)
			limits := &Limits{MaxBulk: addressable}
			took := allocated(func() {
				for i := range readers {
					r := &readers[i]
					r.Feed([]byte(c.input))
					if argv, err := r.Next(limits); argv != nil || err != nil {
						t.Fatal(argv, err)
					}
					r.Space(1)
				}
			})
			if took > connections*c.each {
				t.Errorf("%d bytes a connection, want at most %d", took/connections, c.each)
			}
			for i := range readers {
				if got := int64(readers[i].Size()); got > c.each {
					t.Fatalf("Size %d", got)
				}
				readers[i].Reset()
			}
		})
	}
}

// Of an argument of any length no more than 1 MiB is copied, and none of it burdens the heap: it arrives in a mapping that
// goes with the command.
func TestHugeArgumentIsMapped(t *testing.T) {
	probe := mapBlock(1 << 20)
	if probe == nil {
		t.Skip("no mappings here: the system is another one, or the race detector is on")
	}
	probe.free()
	value := bytes.Repeat([]byte("0123456789abcdef"), 4<<20) // 64 MiB
	var r Reader
	took := allocated(func() {
		r.Feed([]byte(fmt.Sprintf("*2\r\n$4\r\nECHO\r\n$%d\r\n", len(value))))
		for at := 0; at < len(value); {
			if argv, err := r.Next(nil); argv != nil || err != nil {
				t.Fatal(len(argv), err)
			}
			n := copy(r.Space(1), value[at:])
			r.Filled(n)
			at += n
			if at > largestPooled && r.Size() > at+2*standardBlock+blockSlack {
				t.Fatalf("Size %d with %d bytes there", r.Size(), at)
			}
		}
		r.Feed([]byte("\r\n"))
	})
	if took > 4*largestPooled {
		t.Errorf("%d bytes of the heap", took)
	}
	argv, err := r.Next(nil)
	if err != nil || len(argv) != 2 || !bytes.Equal(argv[1], value) {
		t.Fatalf("%d arguments, %v", len(argv), err)
	}
	r.Release()
	if r.Size() != 0 {
		t.Errorf("Size %d after the command", r.Size())
	}
}

func TestMemoryFollowsTheBytes(t *testing.T) {
	const claim = 64 << 20
	var r Reader
	r.Feed([]byte(fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", claim)))
	received := 0
	for received < claim+2 {
		if argv, err := r.Next(nil); argv != nil || err != nil {
			t.Fatal(argv, err)
		}
		n := min(len(r.Space(1)), 64<<10)
		r.Filled(n)
		received += n
		if limit := 4*received + firstBig + 2*standardBlock; r.Size() > limit {
			t.Fatalf("%d bytes for %d that arrived", r.Size(), received)
		}
	}
	argv, err := r.Next(nil)
	if err != nil || len(argv) != 3 || len(argv[2]) != claim {
		t.Fatal(len(argv), err)
	}
	if got := r.Size(); got > claim+2+2*standardBlock {
		t.Errorf("%d bytes for an argument of %d", got, claim)
	}
	if argv, err := r.Next(nil); argv != nil || err != nil || r.Size() > standardBlock {
		t.Errorf("after the command Size is %d", r.Size())
	}
}

func TestMemoryOfManyArguments(t *testing.T) {
	const count = 1 << 20
	arg := []byte("$1\r\na\r\n")
	var r Reader
	took := allocated(func() {
		r.Feed([]byte(fmt.Sprintf("*%d\r\n", count)))
		batch := bytes.Repeat(arg, 1<<10)
		for range count >> 10 {
			if argv, err := r.Next(nil); argv != nil || err != nil {
				t.Fatal(argv, err)
			}
			r.Feed(batch)
		}
	})
	if size := r.Size(); size > count*(len(arg)+40) {
		t.Errorf("%d bytes held for %d arguments", size, count)
	}
	if limit := int64(count * 200); took > limit {
		t.Errorf("took %d bytes for %d arguments, want at most %d", took, count, limit)
	}
	argv, err := r.Next(nil)
	if err != nil || len(argv) != count {
		t.Fatal(len(argv), err)
	}
	for i := range argv {
		if string(argv[i]) != "a" {
			t.Fatalf("argument %d is %q", i, argv[i])
		}
	}
	r.Next(nil)
	r.Release()
	if r.Size() != 0 || r.argv != nil {
		t.Errorf("released: %d bytes, list of %d", r.Size(), cap(r.argv))
	}
}

// TestWholeCommandsAreNotCopied looks where the arguments lie: in the very bytes that were read.
func TestWholeCommandsAreNotCopied(t *testing.T) {
	var r Reader
	defer r.Reset()
	space := r.Space(1)
	input := strings.Repeat(ping, 100)
	copy(space, input)
	r.Filled(len(input))
	for i := range 100 {
		argv, err := r.Next(nil)
		if err != nil || len(argv) != 1 {
			t.Fatal(argv, err)
		}
		if &argv[0][0] != &space[i*len(ping)+8] {
			t.Fatalf("argument of command %d was moved", i)
		}
	}
}

// TestBacklogIsCheap parses one command for each that arrives while a large backlog waits: moving the backlog each time
// would take minutes.
func TestBacklogIsCheap(t *testing.T) {
	var r Reader
	r.Feed(bytes.Repeat([]byte(ping), 1<<19))
	size := r.Size()
	for range 1 << 19 {
		if argv, err := r.Next(nil); len(argv) != 1 || err != nil {
			t.Fatal(argv, err)
		}
		r.Feed([]byte(ping))
	}
	if r.Size() > 2*size {
		t.Errorf("%d bytes for a backlog of %d", r.Size(), r.Buffered())
	}
	r.Reset()
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("pools drop at random under the race detector")
	}
	set := AppendCommand(nil, []byte("SET"), []byte("key:000000000001"), bytes.Repeat([]byte("v"), 64))
	for _, c := range []struct {
		name  string
		input []byte
		limit float64
	}{
		{"SET", set, 0},
		{"pipeline of 16", bytes.Repeat(set, 16), 0},
		{"argument of 100 KB", AppendCommand(nil, []byte("SET"), []byte("k"), make([]byte, 100<<10)), 0},
		{"inline", []byte("SET key \"va\\x41lue\"\r\n"), 0},
		{"100 arguments", AppendCommand(nil, bytes.Split(bytes.Repeat([]byte("a "), 100), []byte(" "))...), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Reader
			var limits Limits
			round := func() {
				for in := c.input; len(in) > 0; {
					n := copy(r.Space(1), in)
					r.Filled(n)
					in = in[n:]
					for {
						argv, err := r.Next(&limits)
						if err != nil {
							t.Fatal(err)
						}
						if argv == nil {
							break
						}
					}
				}
				r.Release()
			}
			if got := testing.AllocsPerRun(200, round); got > c.limit {
				t.Errorf("%v allocations", got)
			}
		})
	}
}

// TestKeep wants an idle Reader to keep its ordinary block and its list, and no larger one, nor what it reads to be any different.
func TestKeep(t *testing.T) {
	var r Reader
	next := func(input string, want ...string) {
		t.Helper()
		r.Feed([]byte(input))
		argv, err := r.Next(nil)
		if err != nil || len(argv) != len(want) {
			t.Fatalf("%d arguments, %v", len(argv), err)
		}
		for i, w := range want {
			if string(argv[i]) != w {
				t.Errorf("argument %d is %.20q, want %.20q", i, argv[i], w)
			}
		}
	}
	next("*1\r\n$4\r\nPING\r\n", "PING")
	block := r.blk
	r.Keep()
	if r.Size() != standardBlock || r.blk != block {
		t.Errorf("idle, and Size is %d", r.Size())
	}
	next("*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\n*1\r\n$4\r\nPI", "ECHO", "abc")
	r.Keep() // not idle: nothing is lost
	next("NG\r\n", "PING")
	if took := testing.AllocsPerRun(100, func() {
		r.Keep()
		next("*1\r\n$4\r\nPING\r\n", "PING")
	}); took > 2 {
		t.Errorf("%v allocations a command", took)
	}
	big := strings.Repeat("x", 3*standardBlock)
	next("*2\r\n$4\r\nECHO\r\n$"+strconv.Itoa(len(big))+"\r\n"+big+"\r\n", "ECHO", big)
	r.Keep()
	if r.Size() > standardBlock {
		t.Errorf("Size %d after a large command", r.Size())
	}
}
