package testbed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Kind is the first byte of a reply on the wire.
type Kind byte

// The kinds of RESP2 and RESP3. A RESP2 null bulk or null array arrives as Null.
const (
	Status    Kind = '+'
	Error     Kind = '-'
	Integer   Kind = ':'
	Bulk      Kind = '$'
	Array     Kind = '*'
	Null      Kind = '_'
	Bool      Kind = '#'
	Double    Kind = ','
	BigNumber Kind = '('
	BlobError Kind = '!'
	Verbatim  Kind = '='
	Map       Kind = '%'
	Set       Kind = '~'
	Push      Kind = '>'
	Attribute Kind = '|'
)

// Reply is one parsed reply.
type Reply struct {
	Kind  Kind
	Str   string  // text of a status, error, bulk, verbatim (without its "txt:"), double, big number
	Int   int64   // an integer; 1 or 0 of a bool
	Elems []Reply // elements; of a map key, value, key, value
}

// String is the reply's text: of an integer its digits, of a null nothing, of an aggregate its redis-cli form.
func (r Reply) String() string {
	switch r.Kind {
	case Integer, Bool:
		return strconv.FormatInt(r.Int, 10)
	case Null:
		return ""
	case Array, Map, Set, Push, Attribute:
		return Format(r)
	}
	return r.Str
}

// Err is the reply as an error when the server answered with one, else nil.
func (r Reply) Err() error {
	if r.Kind == Error || r.Kind == BlobError {
		return errors.New(r.Str)
	}
	return nil
}

// ReadReply reads one reply, of either protocol.
func ReadReply(br *bufio.Reader) (Reply, error) {
	line, err := readLine(br)
	if err != nil {
		return Reply{}, err
	}
	if len(line) == 0 {
		return Reply{}, errors.New("testbed: empty line where a reply was due")
	}
	r := Reply{Kind: Kind(line[0])}
	rest := line[1:]
	switch r.Kind {
	case Status, Error, Double, BigNumber:
		r.Str = rest
	case Integer:
		r.Int, err = strconv.ParseInt(rest, 10, 64)
	case Null:
	case Bool:
		if rest != "t" && rest != "f" {
			return r, fmt.Errorf("testbed: bool %q", rest)
		}
		if rest == "t" {
			r.Int = 1
		}
	case Bulk, BlobError, Verbatim:
		return readBulk(br, r.Kind, rest)
	case Array, Set, Push, Map, Attribute:
		return readAggregate(br, r.Kind, rest)
	default:
		return r, fmt.Errorf("testbed: reply starts with %q", line)
	}
	return r, err
}

func readBulk(br *bufio.Reader, kind Kind, header string) (Reply, error) {
	n, err := strconv.Atoi(header)
	if err != nil || n < -1 {
		return Reply{}, fmt.Errorf("testbed: bulk length %q", header)
	}
	if n == -1 {
		return Reply{Kind: Null}, nil
	}
	buf := make([]byte, n+2)
	if _, err := io.ReadFull(br, buf); err != nil {
		return Reply{}, err
	}
	if buf[n] != '\r' || buf[n+1] != '\n' {
		return Reply{}, errors.New("testbed: bulk does not end in CR LF")
	}
	r := Reply{Kind: kind, Str: string(buf[:n])}
	if kind == Verbatim {
		if n < 4 || r.Str[3] != ':' {
			return r, fmt.Errorf("testbed: verbatim %.20q has no format", r.Str)
		}
		r.Str = r.Str[4:]
	}
	return r, nil
}

func readAggregate(br *bufio.Reader, kind Kind, header string) (Reply, error) {
	n, err := strconv.Atoi(header)
	if err != nil || n < -1 {
		return Reply{}, fmt.Errorf("testbed: aggregate length %q", header)
	}
	if n == -1 {
		return Reply{Kind: Null}, nil
	}
	if kind == Map || kind == Attribute {
		n *= 2
	}
	r := Reply{Kind: kind}
	for range n {
		e, err := ReadReply(br)
		if err != nil {
			return r, err
		}
		r.Elems = append(r.Elems, e)
	}
	if kind == Attribute { // describes the reply that follows; no test needs it
		return ReadReply(br)
	}
	return r, nil
}

func readLine(br *bufio.Reader) (string, error) {
	line, err := br.ReadString('\n')
	if err != nil {
		return "", err
	}
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return "", fmt.Errorf("testbed: line %q does not end in CR LF", line)
	}
	return line[:len(line)-2], nil
}
