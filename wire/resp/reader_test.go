package resp

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// outcome is what a connection's bytes lead to.
type outcome struct {
	Commands []string // arguments quoted, inline commands marked
	Err      string
	Left     int // bytes waiting at the end
}

// parse hands the chunks to a Reader, one read each, and collects the commands.
func parse(t testing.TB, limits *Limits, chunks ...[]byte) outcome {
	t.Helper()
	var r Reader
	var out outcome
	total := 0
	for _, chunk := range chunks {
		for len(chunk) > 0 && out.Err == "" {
			space := r.Space(1)
			if len(space) == 0 {
				t.Fatal("Space is empty")
			}
			n := copy(space, chunk)
			r.Filled(n)
			chunk = chunk[n:]
			total += n
			drain(t, &r, limits, &out)
			if r.Buffered()+int(r.Offset()) != total {
				t.Fatalf("Buffered %d + Offset %d, received %d", r.Buffered(), r.Offset(), total)
			}
		}
	}
	out.Left = r.Buffered()
	checkReader(t, &r)
	r.Reset()
	return out
}

func drain(t testing.TB, r *Reader, limits *Limits, out *outcome) {
	t.Helper()
	for {
		argv, err := r.Next(limits)
		if err != nil {
			out.Err = errText(err)
			if again, err2 := r.Next(limits); again != nil || err2 != err {
				t.Fatalf("after the error %v Next gives %q, %v", err, again, err2)
			}
			return
		}
		if argv == nil {
			return
		}
		out.Commands = append(out.Commands, show(argv, r.Inline()))
		for _, a := range argv {
			clobber(a) // they belong to the caller for now, and no other bytes may suffer
		}
	}
}

func errText(err error) string {
	var p *ProtocolError
	if errors.As(err, &p) {
		return p.Text
	}
	return err.Error()
}

func show(argv [][]byte, inline bool) string {
	var b strings.Builder
	if inline {
		b.WriteString("inline")
	}
	for _, a := range argv {
		if len(a) > 100 {
			fmt.Fprintf(&b, " %q*%d", a[:10], len(a))
			continue
		}
		fmt.Fprintf(&b, " %q", a)
	}
	return b.String()
}

func clobber(p []byte) {
	if cap(p) != len(p) {
		panic("an argument reaches beyond its bytes")
	}
	for i := range p {
		p[i] = '!'
	}
}

// checkReader checks what holds between calls.
func checkReader(t testing.TB, r *Reader) {
	t.Helper()
	switch {
	case r.pos < 0 || r.pos > len(r.buf) || r.pos+r.scanned > len(r.buf):
		t.Fatalf("pos %d, scanned %d of %d", r.pos, r.scanned, len(r.buf))
	case r.blk != nil && len(r.buf) > 0 && &r.buf[0] != &r.blk.mem[0]:
		t.Fatal("buf is not in blk")
	case r.want == 0 && (len(r.held) > 0 || r.big != nil) && !r.taken && r.err == nil:
		t.Fatalf("%d blocks held for no command", len(r.held))
	}
}

// pieces cuts p into pieces of n bytes.
func pieces(p []byte, n int) [][]byte {
	return slices.Collect(slices.Chunk(p, n))
}

const ping = "*1\r\n$4\r\nPING\r\n"

// What Redis does was observed with redis-server 7.0.15 for every row here, with the bytes sent at once and one by one.
var requests = []struct {
	name  string
	input string
	want  []string
	err   string
	left  int
}{
	{"one", ping, []string{` "PING"`}, "", 0},
	{"pipeline", ping + "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" + ping, []string{` "PING"`, ` "GET" "k"`, ` "PING"`}, "", 0},
	{"mixed with inline", ping + "PING\r\n" + ping, []string{` "PING"`, `inline "PING"`, ` "PING"`}, "", 0},
	{"binary", "*2\r\n$4\r\nECHO\r\n$6\r\n\r\n\x00\xff*$\r\n", []string{` "ECHO" "\r\n\x00\xff*$"`}, "", 0},
	{"empty argument", "*1\r\n$0\r\n\r\n", []string{` ""`}, "", 0},
	{"eleven arguments", "*11\r\n" + strings.Repeat("$1\r\na\r\n", 11), []string{strings.Repeat(` "a"`, 11)}, "", 0},
	{"header not finished", "*1\r\n$4\r\nPING\r\n*1", []string{` "PING"`}, "", 2},
	{"argument not finished", "*2\r\n$4\r\nPING\r\n$3\r\nab", nil, "", 20},
	{"end of argument not finished", "*1\r\n$4\r\nPING\r", nil, "", 13},

	{"no arguments", "*0\r\n" + ping, []string{` "PING"`}, "", 0},
	{"null command", "*-1\r\n" + ping, []string{` "PING"`}, "", 0},
	{"smallest count", "*-9223372036854775808\r\n" + ping, []string{` "PING"`}, "", 0},
	{"count below int64", "*-9223372036854775809\r\n" + ping, nil, "invalid multibulk length", 37},
	{"count empty", "*\r\n", nil, "invalid multibulk length", 3},
	{"count not a number", "*a\r\n", nil, "invalid multibulk length", 4},
	{"count with plus", "*+1\r\n", nil, "invalid multibulk length", 5},
	{"count with zero before", "*01\r\n", nil, "invalid multibulk length", 5},
	{"count with space", "*1 \r\n", nil, "invalid multibulk length", 5},
	{"count minus zero", "*-0\r\n", nil, "invalid multibulk length", 5},
	{"largest count", "*2147483647\r\n", nil, "", 13},
	{"count too large", "*2147483648\r\n", nil, "invalid multibulk length", 13},
	{"count 2^63-1", "*9223372036854775807\r\n", nil, "invalid multibulk length", 22},
	{"count 2^63", "*9223372036854775808\r\n", nil, "invalid multibulk length", 22},
	{"count 2^64+1", "*18446744073709551617\r\n", nil, "invalid multibulk length", 23},
	{"count of 30 digits", "*100000000000000000000000000000\r\n", nil, "invalid multibulk length", 33},
	{"count waits for the byte after CR", "*x\r", nil, "", 3},

	{"byte after CR is not looked at", "*1\rX$4\rYPINGZZ" + ping, []string{` "PING"`, ` "PING"`}, "", 0},
	{"only LF is no end of a header", "*1\n$4\nPING\n", nil, "", 11},
	{"LF within a header", "*1\n$4\nPING\n\r\n", nil, "invalid multibulk length", 13},

	{"length missing", "*1\r\n$\r\n", nil, "invalid bulk length", 7},
	{"length -1", "*1\r\n$-1\r\n", nil, "invalid bulk length", 9},
	{"length -2", "*1\r\n$-2\r\n", nil, "invalid bulk length", 9},
	{"length minus zero", "*1\r\n$-0\r\n", nil, "invalid bulk length", 9},
	{"length with zero before", "*1\r\n$04\r\nPING\r\n", nil, "invalid bulk length", 15},
	{"length 512 MiB", "*1\r\n$536870912\r\n", nil, "", 16},
	{"length beyond 512 MiB", "*1\r\n$536870913\r\n", nil, "invalid bulk length", 16},
	{"length 2^63-1", "*1\r\n$9223372036854775807\r\n", nil, "invalid bulk length", 26},
	{"length 2^63-2", "*1\r\n$9223372036854775806\r\n", nil, "invalid bulk length", 26},
	{"length 2^63", "*1\r\n$9223372036854775808\r\n", nil, "invalid bulk length", 26},
	{"length 2^64", "*1\r\n$18446744073709551616\r\n", nil, "invalid bulk length", 27},
	{"length -2^63", "*1\r\n$-9223372036854775808\r\n", nil, "invalid bulk length", 27},
	{"second length", "*2\r\n$1\r\na\r\n$x\r\n", nil, "invalid bulk length", 15},

	{"not a string", "*1\r\n:4\r\n", nil, "expected '$', got ':'", 8},
	{"not a string, high byte", "*1\r\n\xff4\r\n", nil, "expected '$', got '\xff'", 8},
	{"not a string, line not finished", "*1\r\n:4", nil, "", 6},
	{"CR instead of a string", "*1\r\n\r\nPING\r\n", nil, "expected '$', got ' '", 12},
	{"LF instead of a string", "*1\r\n\n4\r\n", nil, "expected '$', got ' '", 8},
	{"another protocol's string is inline", "$4 PING\r\n", []string{`inline "$4" "PING"`}, "", 0},

	{"zero byte in a count", "*1\x00\r\n$4\r\nPING\r\n", nil, "", 15},
	{"zero byte in a length", "*1\r\n$4\x00\r\nPING\r\n", nil, "", 15},
	{"zero byte in a line", "PI\x00NG\r\nPING\r\n", nil, "", 13},
	{"zero byte first", "\x00\r\nPING\r\n", nil, "", 9},

	{"inline", "SET k v\r\n", []string{`inline "SET" "k" "v"`}, "", 0},
	{"inline ends with LF", "PING\nPING\n", []string{`inline "PING"`, `inline "PING"`}, "", 0},
	{"inline not finished", "PING", nil, "", 4},
	{"empty lines", "\r\n\r\n\n\nPING\r\n\n", []string{`inline "PING"`}, "", 0},
	{"lines of spaces", "   \r\n \t\v\f \n \r \nPING\n", []string{`inline "PING"`}, "", 0},
	{"CRs around", "\r\r\nPING\r\r\r\n", []string{`inline "PING"`}, "", 0},
	{"quotes", "SET 'a b' \"c\\n\"\r\n", []string{`inline "SET" "a b" "c\n"`}, "", 0},
	{"quotes not closed", "SET 'a\r\nPING\r\n", nil, "unbalanced quotes in request", 14},
	{"text behind a quote", "ECHO \"foo\"bar\r\n", nil, "unbalanced quotes in request", 15},
	{"empty word alone", "\"\"\r\n", []string{`inline ""`}, "", 0},
}

func TestRequests(t *testing.T) {
	for _, c := range requests {
		t.Run(c.name, func(t *testing.T) {
			input := []byte(c.input)
			got := parse(t, nil, bytes.Clone(input))
			if !slices.Equal(got.Commands, c.want) || got.Err != c.err {
				t.Fatalf("got %+v, want %q %q", got, c.want, c.err)
			}
			if c.err == "" && got.Left != c.left {
				t.Errorf("%d bytes left, want %d", got.Left, c.left)
			}
			sameInPieces(t, nil, input, got)
		})
	}
}

// sameInPieces checks that input leads to want wherever a read ends.
func sameInPieces(t *testing.T, limits *Limits, input []byte, want outcome) {
	t.Helper()
	check := func(what string, got outcome) {
		t.Helper()
		if want.Err != "" {
			got.Left = want.Left // what came after the error was not read
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", what, got, want)
		}
	}
	for i := 1; i < len(input); i++ {
		check(fmt.Sprintf("cut at byte %d", i), parse(t, limits, bytes.Clone(input[:i]), bytes.Clone(input[i:])))
	}
	for _, size := range []int{1, 2, 3, 7} {
		check(fmt.Sprintf("%d bytes a read", size), parse(t, limits, pieces(bytes.Clone(input), size)...))
	}
}

func TestLongLines(t *testing.T) {
	line := func(begin string, n int) string { return begin + strings.Repeat("x", n-len(begin)) }
	cases := []struct {
		name, before, begin, end string
		fits, tooLong            string
	}{
		{"inline", "", "PING ", "\n", "", "too big inline request"},
		{"count", "", "*1", "\r\n", "invalid multibulk length", "too big mbulk count string"},
		{"length", "*1\r\n", "$1", "\r\n", "invalid bulk length", "too big bulk count string"},
		{"wrong type", "*1\r\n", ":1", "\r\n", "expected '$', got ':'", "too big bulk count string"},
		{"inline with zero byte", "", "PI\x00NG", "", "", "too big inline request"},
		{"count with zero byte", "", "*1\x00\r\n", "", "", "too big mbulk count string"},
		{"length with zero byte", "*1\r\n", "$1\x00\r\n", "", "", "too big bulk count string"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, length := range []int{maxLine - 1, maxLine, maxLine + 1, maxLine + 100, 3 * maxLine} {
				want := c.fits
				if length > maxLine {
					want = c.tooLong
				}
				input := []byte(c.before + line(c.begin, length) + c.end)
				for _, size := range []int{len(input), 16 << 10, 4095, 100} {
					if got := parse(t, nil, pieces(bytes.Clone(input), size)...); got.Err != want {
						t.Errorf("line of %d bytes, %d a read: %q, want %q", length, size, got.Err, want)
					}
				}
			}
		})
	}
}

func TestUnauthenticated(t *testing.T) {
	limits := &Limits{Unauthenticated: true}
	arg := func(n int) string { return fmt.Sprintf("$%d\r\n%s\r\n", n, strings.Repeat("a", n)) }
	cases := []struct {
		name, input, err string
		commands         int
	}{
		{"ten arguments", "*10\r\n" + strings.Repeat(arg(1), 10), "", 1},
		{"eleven arguments", "*11\r\n", "unauthenticated multibulk length", 0},
		{"too large a count for anyone", "*2147483648\r\n", "invalid multibulk length", 0},
		{"16384 bytes", "*1\r\n" + arg(16384), "", 1},
		{"16385 bytes", "*1\r\n$16385\r\n", "unauthenticated bulk length", 0},
		{"too long for anyone", "*1\r\n$536870913\r\n", "invalid bulk length", 0},
		{"inline words are not counted", strings.Repeat("a ", 30) + "\n", "", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := parse(t, limits, []byte(c.input))
			if got.Err != c.err || len(got.Commands) != c.commands {
				t.Fatalf("got %+v, want %d commands, %q", got, c.commands, c.err)
			}
			if len(c.input) < 100 {
				sameInPieces(t, limits, []byte(c.input), got)
			}
		})
	}
}

func TestMaxBulk(t *testing.T) {
	for _, c := range []struct {
		max    int64
		length string
		err    string
	}{
		{1 << 20, "1048576", ""},
		{1 << 20, "1048577", "invalid bulk length"},
		{math.MaxInt64, "70368744177664", ""},
		{math.MaxInt64, "70368744177665", "invalid bulk length"},
		{math.MaxInt64, "9223372036854775807", "invalid bulk length"},
		{-1, "536870912", ""},
	} {
		if got := parse(t, &Limits{MaxBulk: c.max}, []byte("*1\r\n$"+c.length+"\r\n")); got.Err != c.err {
			t.Errorf("limit %d, length %s: %q, want %q", c.max, c.length, got.Err, c.err)
		}
	}
}

func TestQueryLimit(t *testing.T) {
	limits := &Limits{MaxQuery: 1000}
	fits := "*2\r\n$3\r\nGET\r\n$975\r\n" + strings.Repeat("a", 975) + "\r\n"
	if len(fits) != 996 {
		t.Fatal(len(fits))
	}
	if got := parse(t, limits, []byte(fits)); got.Err != "" || len(got.Commands) != 1 {
		t.Errorf("996 bytes: %+v", got)
	}
	if got := parse(t, limits, pieces([]byte(strings.Repeat(fits, 5)), len(fits)/12)...); got.Err != "" || len(got.Commands) != 5 {
		t.Errorf("one after the other: %+v", got)
	}
	if got := parse(t, limits, []byte(fits+ping)); got.Err != ErrQueryLimit.Error() || len(got.Commands) != 0 {
		t.Errorf("1010 bytes: %+v", got)
	}
	// A command counts in full while it arrives, wherever its parts lie.
	limits.MaxQuery = 200 << 10
	input := "*3\r\n$3\r\nSET\r\n$102400\r\n" + strings.Repeat("k", 102400) + "\r\n$102400\r\n" + strings.Repeat("v", 102400) + "\r\n"
	if got := parse(t, limits, pieces([]byte(input), 1000)...); got.Err != ErrQueryLimit.Error() {
		t.Errorf("two big arguments: %+v", got)
	}
}

// TestLargeCommands sends commands of many shapes in reads of many sizes and compares every byte.
func TestLargeCommands(t *testing.T) {
	const seed = 20
	rng := rand.New(rand.NewSource(seed))
	fill := func(n int) []byte {
		p := make([]byte, n)
		rng.Read(p)
		return p
	}
	shapes := map[string][]int{
		"small":                  {3, 10, 64},
		"just below big":         {3, bigArg - 1, bigArg - 1},
		"big":                    {3, 5, bigArg},
		"big ones in a row":      {3, bigArg, bigArg + 1, 100 << 10, 1, 50 << 10},
		"beyond the first block": {3, 5, firstBig - 2, firstBig - 1, firstBig, firstBig + 1},
		"grown often":            {3, 5, 6 << 20},
		"big first":              {70 << 10, 1, 1},
		"beyond the pool":        {3, largestPooled + 1, 10},
	}
	many := []int{4}
	for range 20000 {
		many = append(many, rng.Intn(40))
	}
	shapes["many arguments"] = many
	mixed := []int{4}
	for range 60 {
		mixed = append(mixed, rng.Intn(40), rng.Intn(3*bigArg))
	}
	shapes["many of all sizes"] = mixed

	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			var want [][]byte
			for _, n := range shape {
				want = append(want, fill(n))
			}
			input := AppendCommand([]byte(ping), want...)
			input = append(input, ping...)
			for _, size := range []int{len(input), 64 << 10, 16 << 10, 5000, 1447, 100} {
				if len(input)/size > 10000 {
					continue
				}
				checkCommand(t, input, size, want)
			}
		})
	}
}

// checkCommand expects PING, want, PING.
func checkCommand(t *testing.T, input []byte, size int, want [][]byte) {
	t.Helper()
	var r Reader
	defer r.Reset()
	seen := 0
	for chunk := range slices.Chunk(input, size) {
		for len(chunk) > 0 {
			n := copy(r.Space(1), chunk)
			r.Filled(n)
			chunk = chunk[n:]
			for {
				argv, err := r.Next(nil)
				if err != nil {
					t.Fatalf("%d bytes a read: %v", size, err)
				}
				if argv == nil {
					break
				}
				if seen == 1 && !slices.EqualFunc(argv, want, bytes.Equal) {
					t.Fatalf("%d bytes a read: the arguments differ", size)
				}
				if seen != 1 && show(argv, false) != ` "PING"` {
					t.Fatalf("%d bytes a read: command %d is %s", size, seen, show(argv, false))
				}
				seen++
			}
			checkReader(t, &r)
		}
	}
	if seen != 3 || !r.Idle() {
		t.Fatalf("%d bytes a read: %d commands, %d bytes left", size, seen, r.Buffered())
	}
}

func TestFeedMoreThanABigArgument(t *testing.T) {
	value := bytes.Repeat([]byte("v"), 100<<10)
	input := AppendCommand(nil, []byte("SET"), []byte("k"), value)
	var r Reader
	r.Feed(input[:40<<10])
	if argv, err := r.Next(nil); argv != nil || err != nil {
		t.Fatal(argv, err)
	}
	// The rest of the argument and what follows come in one piece.
	r.Feed(append(input[40<<10:], ping...))
	argv, err := r.Next(nil)
	if err != nil || len(argv) != 3 || !bytes.Equal(argv[2], value) {
		t.Fatal(len(argv), err)
	}
	if argv, err = r.Next(nil); err != nil || show(argv, r.Inline()) != ` "PING"` {
		t.Fatal(argv, err)
	}
}

func TestMillionsOfNothing(t *testing.T) {
	for _, nothing := range []string{"\n", "\r\n", "*0\r\n", "*-1\r\n", "  \n"} {
		var r Reader
		batch := bytes.Repeat([]byte(nothing), 4<<10)
		for range 256 {
			r.Feed(batch)
			if argv, err := r.Next(nil); argv != nil || err != nil {
				t.Fatal(argv, err)
			}
		}
		r.Feed([]byte(ping))
		if argv, err := r.Next(nil); len(argv) != 1 || err != nil {
			t.Fatalf("after a million %q: %q, %v", nothing, argv, err)
		}
	}
}

func TestAccounts(t *testing.T) {
	var r Reader
	state := func() [3]int { return [3]int{r.Buffered(), r.Held(), int(r.Offset())} }
	expect := func(when string, want [3]int) {
		t.Helper()
		if got := state(); got != want {
			t.Errorf("%s: Buffered, Held, Offset %v, want %v", when, got, want)
		}
	}
	expect("new", [3]int{0, 0, 0})
	if !r.Idle() || r.Size() != 0 {
		t.Error("a new Reader is not idle or holds memory")
	}
	n := len(ping)
	r.Feed([]byte(ping + ping + "*1\r\n"))
	expect("fed", [3]int{2*n + 4, 2*n + 4, 0})
	r.Next(nil)
	expect("first command", [3]int{n + 4, 2*n + 4, n})
	r.Next(nil)
	expect("second command", [3]int{4, 2*n + 4, 2 * n})
	if argv, _ := r.Next(nil); argv != nil {
		t.Error(argv)
	}
	expect("drained", [3]int{4, 4, 2 * n})
	if r.Idle() || r.Size() != standardBlock {
		t.Errorf("half a command: idle %v, size %d", r.Idle(), r.Size())
	}
	r.Release()
	expect("Release keeps half a command", [3]int{4, 4, 2 * n})
	r.Feed([]byte(ping[4:]))
	if argv, err := r.Next(nil); show(argv, r.Inline()) != ` "PING"` {
		t.Error(argv, err)
	}
	expect("third command", [3]int{0, n, 3 * n})
	r.Release()
	if !r.Idle() || r.Size() != 0 {
		t.Errorf("released: size %d", r.Size())
	}
	r.Feed([]byte("abc"))
	r.Reset()
	expect("reset", [3]int{0, 0, 0})
}

func TestSpaceIsAsLargeAsAsked(t *testing.T) {
	var r Reader
	for _, n := range []int{0, 1, 100, 16 << 10, 100 << 10, 3 << 20} {
		if got := len(r.Space(n)); got < n || got < leastSpace {
			t.Errorf("Space(%d) has %d", n, got)
		}
	}
	r.Reset()
	r.Feed([]byte("*2\r\n$100000\r\n"))
	r.Next(nil)
	if got := len(r.Space(1 << 20)); got != 100002 {
		t.Errorf("Space within a big argument has %d", got)
	}
}

func TestTwoReadersShareNothing(t *testing.T) {
	// Blocks and argument lists go through pools: what one Reader gave back must not be in use by another.
	readers := make([]Reader, 4)
	rng := rand.New(rand.NewSource(3))
	for round := range 2000 {
		i := rng.Intn(len(readers))
		r := &readers[i]
		var argv [][]byte
		for range 1 + rng.Intn(20) {
			argv = append(argv, bytes.Repeat([]byte{byte('a' + i)}, rng.Intn(4000)))
		}
		input := AppendCommand(nil, argv...)
		cut := rng.Intn(len(input))
		r.Feed(input[:cut])
		if got, err := r.Next(nil); got != nil || err != nil {
			t.Fatal(got, err)
		}
		other := &readers[(i+1)%len(readers)]
		other.Feed(AppendCommand(nil, bytes.Repeat([]byte{'z'}, rng.Intn(40000)), []byte("zz")))
		if got, err := other.Next(nil); len(got) != 2 || err != nil {
			t.Fatal(got, err)
		}
		other.Release()
		r.Feed(input[cut:])
		got, err := r.Next(nil)
		if err != nil || !slices.EqualFunc(got, argv, bytes.Equal) {
			t.Fatalf("round %d: arguments differ, %v", round, err)
		}
		r.Release()
	}
}
