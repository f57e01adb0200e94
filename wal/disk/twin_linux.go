package disk

import (
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"frankenredis/thread"
)

// TwinFS is implemented by a disk that can write the same bytes to two places of a file at once, past its page cache.
type TwinFS interface {
	// OpenTwin opens an existing file. An error says that the file system, or the machine, cannot do it: then there is File.
	OpenTwin(name string) (Twin, error)
}

// Twin is a file that is only overwritten, in two places at a time. One goroutine at a time uses it.
type Twin interface {
	// WriteTwice writes p at both positions and makes it durable, and calls meanwhile while the device is at work. p is from Aligned; its
	// length and the positions are multiples of 4 KiB and lie within the file.
	WriteTwice(p []byte, at [2]int64, meanwhile func()) error
	// Alone says that no file is being synced just now, twins aside: then nothing but the device makes WriteTwice wait. Any goroutine.
	Alone() bool
	io.Closer
}

// twinAlign is what direct writes are aligned to: no disk has larger blocks.
const twinAlign = 4096

// Aligned returns n bytes that WriteTwice takes, also from a multiple of 4 KiB on.
func Aligned(n int) []byte {
	p := make([]byte, n+twinAlign)
	skip := int(-uintptr(unsafe.Pointer(&p[0])) & (twinAlign - 1))
	return p[skip : skip+n : skip+n]
}

// osTwin hands both writes to the device before it waits for either: one after the other they take twice as long, and through the page
// cache the sync has to find them first.
type osTwin struct {
	f    *os.File
	fd   int
	ctx  uintptr // of the kernel's asynchronous I/O
	spin thread.Spin

	p      []byte   // what is being written,
	at     [2]int64 // and where
	flying int      // requests that the kernel works on
	err    error    // the first

	blocks [2]iocb
	list   [2]*iocb
	events [2]ioEvent
	now    unix.Timespec // no time at all
}

// iocb is struct iocb of linux/aio_abi.h on a little-endian machine.
type iocb struct {
	data   uint64
	key    uint32
	rw     int32
	opcode uint16
	prio   int16
	fd     uint32
	buf    uint64
	nbytes uint64
	offset int64
	_      uint64
	flags  uint32
	resfd  uint32
}

const iocbPwrite = 1 // IOCB_CMD_PWRITE

// ioEvent is struct io_event.
type ioEvent struct {
	data, obj uint64
	res, res2 int64
}

func (osFS) OpenTwin(name string) (Twin, error) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return nil, err
	}
	t := &osTwin{f: f, fd: int(f.Fd())}
	if _, _, errno := unix.Syscall(unix.SYS_IO_SETUP, uintptr(len(t.events)), uintptr(unsafe.Pointer(&t.ctx)), 0); errno != 0 {
		f.Close()
		return nil, &os.PathError{Op: "io_setup", Path: name, Err: errno}
	}
	// A direct write first has to put out what the page cache has of its place.
	_ = unix.Fadvise(t.fd, 0, 0, unix.FADV_DONTNEED)
	return t, nil
}

// WriteTwice implements Twin. The sync is a plain one. An asynchronous one is done by a worker of the kernel's, which waits for its core behind
// whatever has it: beside programs of the lowest priority that never sleep up to 38 ms.
func (t *osTwin) WriteTwice(p []byte, at [2]int64, meanwhile func()) error {
	t.begin(p, at)
	meanwhile()
	refused := t.at[t.flying:]
	t.await()
	for _, at := range refused {
		if t.err == nil {
			n, err := unix.Pwrite(t.fd, t.p, at)
			t.note("write", n, err)
		}
	}
	t.p = nil
	if t.err == nil {
		t.note("fdatasync", 0, retry(func() error { return unix.Fdatasync(t.fd) }))
	}
	return t.err
}

func (t *osTwin) Alone() bool { return !Syncing() }

// begin hands both writes to the kernel.
func (t *osTwin) begin(p []byte, at [2]int64) {
	t.p, t.at, t.flying, t.err = p, at, 0, nil
	for i := range t.blocks {
		t.blocks[i] = iocb{opcode: iocbPwrite, fd: uint32(t.fd), buf: uint64(uintptr(unsafe.Pointer(&p[0]))), nbytes: uint64(len(p)), offset: at[i]}
		t.list[i] = &t.blocks[i]
	}
	for errno := unix.EINTR; errno == unix.EINTR; {
		var n uintptr
		n, _, errno = unix.Syscall(unix.SYS_IO_SUBMIT, t.ctx, uintptr(len(t.list)), uintptr(unsafe.Pointer(&t.list[0])))
		if errno == 0 {
			t.flying = int(n)
		}
	}
}

// await waits until the writes under way are done.
func (t *osTwin) await() {
	t.spin.Begin()
	for t.flying > 0 && t.spin.On() {
		n, _, errno := unix.RawSyscall6(unix.SYS_IO_GETEVENTS, t.ctx, 1, uintptr(t.flying), uintptr(unsafe.Pointer(&t.events[0])),
			uintptr(unsafe.Pointer(&t.now)), 0)
		if errno == 0 {
			t.ended(int(n))
		}
	}
	for t.flying > 0 {
		n, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, t.ctx, uintptr(t.flying), uintptr(t.flying), uintptr(unsafe.Pointer(&t.events[0])), 0, 0)
		switch errno {
		case 0:
			t.ended(int(n))
		case unix.EINTR:
		default:
			// Writes are under way in memory that nobody may use again; this cannot happen with arguments that are right.
			panic("io_getevents: " + errno.Error())
		}
	}
	t.spin.End()
}

// ended takes note of the first n events.
func (t *osTwin) ended(n int) {
	t.flying -= n
	for _, e := range t.events[:n] {
		if e.res < 0 {
			t.note("write", 0, unix.Errno(-e.res))
		} else {
			t.note("write", int(e.res), nil)
		}
	}
}

// note takes note of how a call ended; n bytes were written.
func (t *osTwin) note(op string, n int, err error) {
	if err == nil && op == "write" && n < len(t.p) {
		err = io.ErrShortWrite
	}
	if err != nil && t.err == nil {
		t.err = &os.PathError{Op: op, Path: t.f.Name(), Err: err}
	}
}

func (t *osTwin) Close() error {
	_, _, _ = unix.Syscall(unix.SYS_IO_DESTROY, t.ctx, 0, 0)
	t.fd = -1
	return t.f.Close()
}
