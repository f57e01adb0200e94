package lab

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"frankenredis/conformance/crashfs"
	"frankenredis/wal/disk"
)

// A mutant is our engine with one thing wrong: the disk it is given leaves out one call, or does something else instead. So any
// call of the source can be left out without a copy of the source.

// site is a call in the source that makes something durable, or names or unnames a file.
type site struct {
	File string // from the root of the module: wal/log.go
	Line int
	Func string // the function that it stands in
	Op   string // Sync, SyncData, SyncDir, Rename, Remove
	Nth  int    // of the same kind in that function, from 1
}

// String names a site so that lines may come and go: wal/log.go openLast SyncDir.
func (s site) String() string {
	text := s.File + " " + s.Func + " " + s.Op
	if s.Nth > 1 {
		text += fmt.Sprintf(" (%d)", s.Nth)
	}
	return text
}

// sites lists the calls in packages below root.
func sites(root string, packages ...string) ([]site, error) {
	var all []site
	for _, pkg := range packages {
		entries, err := os.ReadDir(filepath.Join(root, pkg))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(root, pkg, e.Name()), nil, 0)
			if err != nil {
				return nil, err
			}
			for _, decl := range f.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
					all = append(all, sitesIn(fset, path.Join(pkg, e.Name()), fn)...)
				}
			}
		}
	}
	return all, nil
}

func sitesIn(fset *token.FileSet, file string, fn *ast.FuncDecl) (all []site) {
	nth := map[string]int{}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Sync", "SyncData", "SyncDir", "Rename", "Remove"}, sel.Sel.Name) {
			return true
		}
		op := sel.Sel.Name
		nth[op]++
		all = append(all, site{File: file, Line: fset.Position(sel.Sel.Pos()).Line, Func: fn.Name.Name, Op: op, Nth: nth[op]})
		return true
	})
	return all
}

// caller is the place in our packages that a call on the disk comes from.
func caller() (file string, line int) {
	var pcs [12]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		dir, name := path.Split(f.Function) // frankenredis/recovery/ and ledger.(*writer).put
		pkg, _, _ := strings.Cut(name, ".")
		if pkg = strings.TrimPrefix(dir+pkg, "frankenredis/"); pkg != "conformance/lab" {
			return path.Join(pkg, path.Base(f.File)), f.Line
		}
		if !more {
			return "", 0
		}
	}
}

// mutation says what is wrong with the disk. Nil members change nothing.
type mutation struct {
	// skip says that a call is left out and said to have worked.
	skip func(op, name string) bool
	// write, sync and rename take the place of the call.
	write    func(f disk.File, p []byte, off int64) (int, error)
	sync     func(f disk.File, call func() error) error
	rename   func(fs disk.FS, from, to string) error
	truncate func(f disk.File, size int64) error
	syncDir  func(fs disk.FS, dir string) error
	hits     atomic.Int64
}

// skipSite leaves out one call of the source.
func skipSite(s site) *mutation {
	m := &mutation{}
	m.skip = func(op, _ string) bool {
		if op != s.Op {
			return false
		}
		file, line := caller()
		return file == s.File && line == s.Line
	}
	return m
}

// skipNamed leaves out calls of one kind for files of a pattern; op "": Sync and SyncData.
func skipNamed(op, pattern string) *mutation {
	return &mutation{skip: func(o, name string) bool {
		ok, _ := path.Match(pattern, path.Base(name))
		return ok && (o == op || op == "" && (o == "Sync" || o == "SyncData"))
	}}
}

// under is the disk with the mutation.
func (m *mutation) under(fs *crashfs.FS) disk.FS { return &mutantFS{fs, m} }

func (m *mutation) skips(op, name string) bool {
	if m.skip == nil || !m.skip(op, name) {
		return false
	}
	m.hits.Add(1)
	return true
}

type mutantFS struct {
	disk.FS
	m *mutation
}

func (fs *mutantFS) file(f disk.File, err error) (disk.File, error) {
	if err != nil {
		return nil, err
	}
	return &mutantFile{File: f, m: fs.m}, nil
}

func (fs *mutantFS) Open(name string) (disk.File, error)      { return fs.file(fs.FS.Open(name)) }
func (fs *mutantFS) Create(name string) (disk.File, error)    { return fs.file(fs.FS.Create(name)) }
func (fs *mutantFS) CreateNew(name string) (disk.File, error) { return fs.file(fs.FS.CreateNew(name)) }
func (fs *mutantFS) OpenAppend(name string) (disk.File, error) {
	return fs.file(fs.FS.OpenAppend(name))
}
func (fs *mutantFS) OpenReadWrite(name string) (disk.File, error) {
	return fs.file(fs.FS.OpenReadWrite(name))
}

func (fs *mutantFS) Rename(from, to string) error {
	if fs.m.skips("Rename", from) {
		return nil
	}
	if fs.m.rename != nil {
		fs.m.hits.Add(1)
		return fs.m.rename(fs.FS, from, to)
	}
	return fs.FS.Rename(from, to)
}

func (fs *mutantFS) Remove(name string) error {
	if fs.m.skips("Remove", name) {
		return nil
	}
	return fs.FS.Remove(name)
}

func (fs *mutantFS) SyncDir(dir string) error {
	if fs.m.skips("SyncDir", dir) {
		return nil
	}
	if fs.m.syncDir != nil {
		fs.m.hits.Add(1)
		return fs.m.syncDir(fs.FS, dir)
	}
	return fs.FS.SyncDir(dir)
}

// mutantFile is a file of it. Like the interface it leaves the order of writes to the caller.
type mutantFile struct {
	disk.File
	m *mutation
}

func (f *mutantFile) Sync() error     { return f.sync("Sync", f.File.Sync) }
func (f *mutantFile) SyncData() error { return f.sync("SyncData", f.File.SyncData) }

func (f *mutantFile) sync(op string, call func() error) error {
	if f.m.skip != nil && f.m.skip(op, f.Name()) {
		f.m.hits.Add(1)
		return nil
	}
	if f.m.sync != nil {
		f.m.hits.Add(1)
		return f.m.sync(f.File, call)
	}
	return call()
}

func (f *mutantFile) Write(p []byte) (int, error) {
	if f.m.write != nil {
		f.m.hits.Add(1)
		return f.m.write(f.File, p, -1)
	}
	return f.File.Write(p)
}

func (f *mutantFile) WriteAt(p []byte, off int64) (int, error) {
	if f.m.write != nil {
		f.m.hits.Add(1)
		return f.m.write(f.File, p, off)
	}
	return f.File.WriteAt(p, off)
}

func (f *mutantFile) Truncate(size int64) error {
	if f.m.skips("Truncate", f.Name()) {
		return nil
	}
	if f.m.truncate != nil {
		f.m.hits.Add(1)
		return f.m.truncate(f.File, size)
	}
	return f.File.Truncate(size)
}
