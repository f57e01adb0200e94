package resp_test

import (
	"fmt"
	"strings"

	"frankenredis/wire/resp"
)

func ExampleReader() {
	var r resp.Reader
	limits := resp.Limits{MaxBulk: 512 << 20}

	// A read ends in the middle of the second command.
	for _, piece := range []string{"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPI", "NG\r\nSET k 'two words'\r\n*1\r\n!"} {
		n := copy(r.Space(len(piece)), piece)
		r.Filled(n)
		for {
			argv, err := r.Next(&limits)
			if err != nil || argv == nil {
				break
			}
			fmt.Printf("%q inline=%v\n", argv, r.Inline())
		}
		r.Release()
	}
	r.Feed([]byte("4\r\n"))
	_, err := r.Next(&limits)
	fmt.Println(err)
	// Output:
	// ["GET" "k"] inline=false
	// ["PING"] inline=false
	// ["SET" "k" "two words"] inline=true
	// Protocol error: expected '$', got '!'
}

func ExampleWriter() {
	for proto := 2; proto <= 3; proto++ {
		w := resp.Writer{Proto: proto}
		w.Map(1)
		w.BulkString("score")
		w.Double(0.1)
		fmt.Printf("%q\n", w.Buf)
	}
	// Output:
	// "*2\r\n$5\r\nscore\r\n$3\r\n0.1\r\n"
	// "%1\r\n$5\r\nscore\r\n,0.1\r\n"
}

func ExampleReplyReader() {
	server := strings.NewReader("*2\r\n$1\r\na\r\n:1\r\n-ERR no\r\n")
	var r resp.ReplyReader
	for {
		v, err := r.Receive(server)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%c %d elements, error: %v\n", v.Kind, len(v.Elems), v.Err())
	}
	// Output:
	// * 2 elements, error: <nil>
	// - 0 elements, error: ERR no
	// EOF
}
