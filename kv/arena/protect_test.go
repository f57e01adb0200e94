//go:build linux && !race

package arena

import (
	"runtime/debug"
	"testing"
)

// faults says whether f dies of a memory fault.
func faults(f func()) (fault bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if e := recover(); e != nil {
			_, fault = e.(interface{ Addr() uintptr })
			if !fault {
				panic(e)
			}
		}
	}()
	f()
	return false
}

func TestProtect(t *testing.T) {
	a := New(Options{Protect: true})
	defer a.Close()
	r, other := a.Alloc(64), a.Alloc(5000)
	a.Store64(r, 1)
	stray := a.At(r, 8)
	if faults(func() { stray[0] = 2 }) {
		t.Fatal("a write faults without a view")
	}
	v1 := a.Freeze()
	v2 := a.Freeze()
	write := func() { stray[0] = 3 }
	if !faults(write) {
		t.Error("a stray write to a frozen page went through")
	}
	if !faults(func() { a.At(other, 5000)[4999] = 1 }) {
		t.Error("a stray write to a frozen slab of several pages went through")
	}
	a.Mut(r, 8)[0] = 4
	if !faults(write) {
		t.Error("a stray write to a version that only views see went through")
	}
	if v1.Load64(r) != 2 || v2.Load64(r) != 2 || a.Load64(r) != 4 {
		t.Errorf("views hold %d and %d, the arena %d", v1.Load64(r), v2.Load64(r), a.Load64(r))
	}
	v2.Close()
	a.Reclaim(100)
	if !faults(write) || !faults(func() { a.At(other, 8)[0] = 1 }) {
		t.Error("protection ended with the first of two views")
	}
	v1.Close()
	for a.Reclaim(100) > 0 {
	}
	if faults(func() { a.At(other, 5000)[4999] = 1 }) {
		t.Error("a page is still read-only after its last view")
	}
	for range 2000 { // every frame that comes round again is writable
		clear(a.Mut(a.Alloc(5000), 5000))
	}
	mustCheck(t, a)
}

// More differently protected ranges than the system allows cost protection, not the process.
func TestProtectBeyondTheSystemsLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	a := New(Options{Protect: true})
	defer a.Close()
	refs := make([]Ref, 200_000)
	for i := range refs {
		refs[i] = a.Alloc(4096 / 8)
	}
	var pages []Ref
	for i, r := range refs {
		if i%16 == 0 { // every other page
			pages = append(pages, r)
		}
	}
	for range 2 {
		v := a.Freeze()
		for _, r := range pages {
			a.Store64(r, 1)
		}
		v.Close()
		for a.Reclaim(1<<20) > 0 {
		}
	}
	for _, r := range refs {
		a.Store64(r, 2)
	}
	mustCheck(t, a)
}
