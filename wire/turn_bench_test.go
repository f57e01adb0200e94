package wire_test

import (
	"net"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"frankenredis/kv"
	"frankenredis/wire"
	"frankenredis/wire/command"
	"frankenredis/wire/config"
	"frankenredis/wire/engine"
)

// BenchmarkTurn is a turn of the executor in which nothing happens, and one in which so many clients are answered one GET each, with what the
// clients themselves spend in the kernel.
func BenchmarkTurn(b *testing.B) {
	for _, clients := range []int{0, 1, 4} {
		b.Run(strconv.Itoa(clients), func(b *testing.B) { benchmarkTurn(b, clients) })
	}
}

func benchmarkTurn(b *testing.B, clients int) {
	r, err := wire.NewReactor()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	ks := kv.New(kv.Options{Databases: 1})
	defer ks.Close()
	e := engine.New(engine.Options{Keyspace: ks, Table: command.Table(), Config: config.Defaults(), Poller: r})
	r.Bind(e)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	if err := r.Listen(wire.TCP, []string{"127.0.0.1"}, port, 64); err != nil {
		b.Fatal(err)
	}
	turn := func() {
		if err := e.Turn(); err != nil {
			b.Fatal(err)
		}
	}
	var fds []int
	for range clients {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			b.Fatal(err)
		}
		fds = append(fds, fd)
	}
	turn()
	request, reply := []byte("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"), make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		for _, fd := range fds {
			if _, err := unix.Write(fd, request); err != nil {
				b.Fatal(err)
			}
		}
		turn()
		for _, fd := range fds {
			if n, err := unix.Read(fd, reply); err != nil || string(reply[:n]) != "$-1\r\n" {
				b.Fatalf("%q, %v", reply[:n], err)
			}
		}
	}
}
