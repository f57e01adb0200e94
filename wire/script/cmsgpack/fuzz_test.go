package cmsgpack_test

import (
	"errors"
	"testing"

	"frankenredis/wire/script/cmsgpack"
	"frankenredis/wire/script/lua"
	"frankenredis/wire/script/structs"
)

// FuzzUnpack reads anything with both binary libraries: errors are fine, faults are not.
func FuzzUnpack(f *testing.F) {
	f.Add("\x93\x01\xa2ab\x81\xa1k\x91\x05", "bBhHiIlLT", 1)
	f.Add("\xdd\xff\xff\xff\xff", ">!8i16c0sfdx", -3)
	f.Add("\x03abc", "bc0", 0)
	f.Fuzz(func(t *testing.T, data, format string, at int) {
		l := lua.New(lua.Options{MaxMemory: 64 << 20})
		l.Globals().SetField("cmsgpack", cmsgpack.Open(l).Value())
		l.Globals().SetField("struct", structs.Open(l).Value())
		fn, err := l.Load(`local data, format, at = ...
			local values = {pcall(cmsgpack.unpack, data)}
			pcall(cmsgpack.pack, unpack(values))
			pcall(cmsgpack.unpack_limit, data, at, at)
			pcall(struct.size, format)
			pcall(struct.pack, format, unpack({pcall(struct.unpack, format, data, at)}, 2))`, "@fuzz", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Call(fn.Value(), nil, l.NewString(data), l.NewString(format), lua.Int(at))
		var failure *lua.Error
		if errors.As(err, &failure) && failure.Fatal != nil {
			t.Fatal(err)
		}
	})
}
