package disk

import (
	"errors"
	"io"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TwinFS is implemented by a disk that can write the same bytes to two places of a file at once, past its page cache.
type TwinFS interface {
	// OpenTwin opens an existing file. An error says that the file system, or the machine, cannot do it: then there is File.
	OpenTwin(name string) (Twin, error)
}

// Twin is a file that is only overwritten, in two places at a time. Not for concurrent use.
type Twin interface {
	// WriteTwice writes p at both positions and makes it durable, and calls meanwhile while the device is at work. p is from Aligned; its
	// length and the positions are multiples of 4 KiB and lie within the file.
	WriteTwice(p []byte, at [2]int64, meanwhile func()) error
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
	f      *os.File
	fd     int
	ctx    uintptr // of the kernel's asynchronous I/O
	blocks [2]iocb
	list   [2]*iocb
	events [2]ioEvent
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
	return t, nil
}

func (t *osTwin) WriteTwice(p []byte, at [2]int64, meanwhile func()) error {
	for i := range t.blocks {
		t.blocks[i] = iocb{opcode: iocbPwrite, fd: uint32(t.fd), buf: uint64(uintptr(unsafe.Pointer(&p[0]))), nbytes: uint64(len(p)), offset: at[i]}
		t.list[i] = &t.blocks[i]
	}
	sent := t.submit()
	meanwhile()
	err := t.collect(sent, len(p))
	for i := sent; i < len(at) && err == nil; i++ { // the kernel had no room
		n, werr := unix.Pwrite(t.fd, p, at[i])
		if werr == nil && n < len(p) {
			werr = io.ErrShortWrite
		}
		err = werr
	}
	runtime.KeepAlive(p)
	if err != nil {
		return &os.PathError{Op: "write", Path: t.f.Name(), Err: err}
	}
	if err := retry(func() error { return unix.Fdatasync(t.fd) }); err != nil {
		return &os.PathError{Op: "fdatasync", Path: t.f.Name(), Err: err}
	}
	return nil
}

// submit hands the writes to the kernel and says how many it took.
func (t *osTwin) submit() int {
	for {
		n, _, errno := unix.Syscall(unix.SYS_IO_SUBMIT, t.ctx, uintptr(len(t.list)), uintptr(unsafe.Pointer(&t.list[0])))
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return 0
		default:
			return int(n)
		}
	}
}

// collect waits for n writes of size bytes.
func (t *osTwin) collect(n, size int) (err error) {
	for n > 0 {
		got, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, t.ctx, uintptr(n), uintptr(n), uintptr(unsafe.Pointer(&t.events[0])), 0, 0)
		if errors.Is(errno, unix.EINTR) {
			continue
		}
		if errno != 0 {
			// Writes are under way in memory that nobody may use again; this cannot happen with arguments that are right.
			panic("io_getevents: " + errno.Error())
		}
		for _, e := range t.events[:got] {
			switch {
			case e.res < 0:
				err = unix.Errno(-e.res)
			case e.res < int64(size) && err == nil:
				err = io.ErrShortWrite
			}
		}
		n -= int(got)
	}
	return err
}

func (t *osTwin) Close() error {
	_, _, _ = unix.Syscall(unix.SYS_IO_DESTROY, t.ctx, 0, 0)
	t.fd = -1
	return t.f.Close()
}
