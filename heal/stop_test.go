package heal

import (
	"syscall"

	"frankenredis/wal/disk"
)

// unreadable is a disk on which one byte of each file named name cannot be read.
type unreadable struct {
	disk.FS
	name string
	pos  int64
}

func (u unreadable) Open(name string) (disk.File, error) {
	f, err := u.FS.Open(name)
	if err != nil || name != u.name {
		return f, err
	}
	return unreadableFile{f, u.pos}, nil
}

type unreadableFile struct {
	disk.File
	pos int64
}

func (f unreadableFile) ReadAt(p []byte, off int64) (int, error) {
	if off <= f.pos && f.pos < off+int64(len(p)) {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(p, off)
}

// stopping is a disk that refuses every change after some number of them.
type stopping struct {
	disk.FS
	left *int
	err  error
}

func (s stopping) spend() error {
	if *s.left--; *s.left < 0 {
		return s.err
	}
	return nil
}

func (s stopping) Create(name string) (disk.File, error) {
	if err := s.spend(); err != nil {
		return nil, err
	}
	f, err := s.FS.Create(name)
	return stoppingFile{f, s}, err
}

func (s stopping) CreateNew(name string) (disk.File, error) {
	if err := s.spend(); err != nil {
		return nil, err
	}
	f, err := s.FS.CreateNew(name)
	if err != nil {
		return nil, err
	}
	return stoppingFile{f, s}, nil
}

func (s stopping) OpenReadWrite(name string) (disk.File, error) {
	f, err := s.FS.OpenReadWrite(name)
	if err != nil {
		return nil, err
	}
	return stoppingFile{f, s}, nil
}

func (s stopping) Rename(a, b string) error {
	if err := s.spend(); err != nil {
		return err
	}
	return s.FS.Rename(a, b)
}

func (s stopping) Remove(name string) error {
	if err := s.spend(); err != nil {
		return err
	}
	return s.FS.Remove(name)
}

func (s stopping) SyncDir(dir string) error {
	if err := s.spend(); err != nil {
		return err
	}
	return s.FS.SyncDir(dir)
}

type stoppingFile struct {
	disk.File
	s stopping
}

func (f stoppingFile) Write(p []byte) (int, error) {
	if err := f.s.spend(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f stoppingFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.s.spend(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f stoppingFile) Sync() error {
	if err := f.s.spend(); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f stoppingFile) SyncData() error {
	if err := f.s.spend(); err != nil {
		return err
	}
	return f.File.SyncData()
}

func (f stoppingFile) Truncate(size int64) error {
	if err := f.s.spend(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}
