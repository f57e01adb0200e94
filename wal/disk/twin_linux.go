package disk

import (
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
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
	// CanTry says whether TryTwice is of use here and now: not while another file is being synced, which can make it wait for the device in
	// spite of all. Any goroutine.
	CanTry() bool
	// TryTwice is WriteTwice for a goroutine that waits no longer than patience for the device, however slow that is. Not done: Finish must
	// be called before anything else, by whoever may wait, and p left alone until then; so too after an error.
	TryTwice(p []byte, at [2]int64, meanwhile func(), patience time.Duration) (done bool)
	// Finish waits for what TryTwice left under way and makes it durable.
	Finish() error
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
	f     *os.File
	fd    int
	ctx   uintptr // of the kernel's asynchronous I/O
	syncs bool    // the kernel can sync asynchronously

	p       []byte   // what is being written,
	at      [2]int64 // where,
	refused [2]bool  // and where the kernel did not take it
	flying  int      // requests that the kernel works on
	syncing bool     // the sync is among them, or has ended
	err     error    // the first

	blocks  [2]iocb
	list    [2]*iocb
	events  [2]ioEvent
	timeout unix.Timespec
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

// Operations of an iocb.
const (
	iocbPwrite = 1 // IOCB_CMD_PWRITE
	iocbFdsync = 3 // IOCB_CMD_FDSYNC, since Linux 4.18
)

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
	// The kernel does not begin a write at once where its page cache has something.
	_ = unix.Fadvise(t.fd, 0, 0, unix.FADV_DONTNEED)
	t.syncs = t.beginSync(unix.Syscall) && t.Finish() == nil
	return t, nil
}

func (t *osTwin) WriteTwice(p []byte, at [2]int64, meanwhile func()) error {
	t.begin(p, at, 0, unix.Syscall)
	meanwhile()
	return t.Finish()
}

func (t *osTwin) CanTry() bool { return t.syncs && !Syncing() }

// TryTwice goes around the Go scheduler, which would give the thread's P away in the middle of so short a wait. With RWF_NOWAIT the kernel refuses
// a write that it cannot begin at once, also where somebody has read or written through the page cache since.
func (t *osTwin) TryTwice(p []byte, at [2]int64, meanwhile func(), patience time.Duration) (done bool) {
	until := time.Now().Add(patience)
	t.begin(p, at, unix.RWF_NOWAIT, unix.RawSyscall)
	meanwhile()
	t.await(until)
	if t.flying > 0 || t.err != nil || t.refused[0] || t.refused[1] || !t.syncs || !t.beginSync(unix.RawSyscall) {
		return false
	}
	t.await(until)
	if t.flying > 0 || t.err != nil {
		return false
	}
	t.p = nil
	return true
}

// systemCall is unix.Syscall, or unix.RawSyscall for calls that do not wait.
type systemCall func(trap, a1, a2, a3 uintptr) (r1, r2 uintptr, err unix.Errno)

// begin hands both writes to the kernel.
func (t *osTwin) begin(p []byte, at [2]int64, flags int32, call systemCall) {
	t.p, t.at, t.flying, t.syncing, t.err = p, at, 0, false, nil
	for i := range t.blocks {
		t.blocks[i] = iocb{data: uint64(i), rw: flags, opcode: iocbPwrite, fd: uint32(t.fd), buf: uint64(uintptr(unsafe.Pointer(&p[0]))),
			nbytes: uint64(len(p)), offset: at[i]}
		t.list[i] = &t.blocks[i]
	}
	t.flying = t.submit(len(t.list), call)
	for i := range t.refused {
		t.refused[i] = i >= t.flying
	}
}

// beginSync hands the sync to the kernel; false: it does not take it.
func (t *osTwin) beginSync(call systemCall) bool {
	t.blocks[0] = iocb{opcode: iocbFdsync, fd: uint32(t.fd)}
	t.list[0] = &t.blocks[0]
	t.flying = t.submit(1, call)
	t.syncing = t.flying == 1
	return t.syncing
}

// submit hands the first n requests to the kernel and says how many it took.
func (t *osTwin) submit(n int, call systemCall) int {
	for {
		got, _, errno := call(unix.SYS_IO_SUBMIT, t.ctx, uintptr(n), uintptr(unsafe.Pointer(&t.list[0])))
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return 0
		default:
			return int(got)
		}
	}
}

// await waits for what is under way, no longer than until then.
func (t *osTwin) await(until time.Time) {
	for t.flying > 0 {
		wait := max(time.Until(until), 0)
		t.timeout = unix.NsecToTimespec(int64(wait))
		got, _, errno := unix.RawSyscall6(unix.SYS_IO_GETEVENTS, t.ctx, uintptr(t.flying), uintptr(t.flying), uintptr(unsafe.Pointer(&t.events[0])),
			uintptr(unsafe.Pointer(&t.timeout)), 0)
		if errno == 0 {
			t.ended(int(got))
		}
		if wait == 0 {
			return
		}
	}
}

// Finish implements Twin. Its own sync is a plain one: that takes no other thread of the kernel's.
func (t *osTwin) Finish() error {
	for t.flying > 0 {
		got, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, t.ctx, uintptr(t.flying), uintptr(t.flying), uintptr(unsafe.Pointer(&t.events[0])), 0, 0)
		switch errno {
		case 0:
			t.ended(int(got))
		case unix.EINTR:
		default:
			// Writes are under way in memory that nobody may use again; this cannot happen with arguments that are right.
			panic("io_getevents: " + errno.Error())
		}
	}
	for i, at := range t.at {
		if t.refused[i] && t.err == nil {
			n, err := unix.Pwrite(t.fd, t.p, at)
			t.note("write", n, err)
		}
	}
	t.refused = [2]bool{}
	t.p = nil
	if t.err == nil && !t.syncing {
		t.note("fdatasync", 0, retry(func() error { return unix.Fdatasync(t.fd) }))
	}
	return t.err
}

// ended takes note of the first n events.
func (t *osTwin) ended(n int) {
	t.flying -= n
	for _, e := range t.events[:n] {
		switch {
		case t.syncing && e.res < 0:
			t.note("fdatasync", 0, unix.Errno(-e.res))
		case t.syncing:
		case e.res == -int64(unix.EAGAIN): // RWF_NOWAIT
			t.refused[e.data] = true
		case e.res < 0:
			t.note("write", 0, unix.Errno(-e.res))
		default:
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
