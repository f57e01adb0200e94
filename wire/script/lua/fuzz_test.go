package lua_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/wire/script/lua"
)

// FuzzLoad compiles anything and runs what compiles: errors are fine, faults are not.
func FuzzLoad(f *testing.F) {
	programs, _ := filepath.Glob("testdata/*.lua")
	for _, path := range programs {
		source, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(source), "\n") {
			f.Add(line)
		}
	}
	enough := errors.New("enough")
	f.Fuzz(func(t *testing.T, source string) {
		calls := 0
		l := lua.New(lua.Options{MaxMemory: 16 << 20, Hook: func(*lua.State) error {
			if calls++; calls > 20 {
				return enough
			}
			return nil
		}})
		fn, err := l.Load(source, "@fuzz", nil)
		if err == nil {
			_, err = l.Call(fn.Value(), nil)
		}
		var failure *lua.Error
		if errors.As(err, &failure) && failure.Fatal != nil && failure.Fatal != enough {
			t.Fatal(err)
		}
	})
}
