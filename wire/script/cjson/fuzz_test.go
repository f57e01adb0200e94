package cjson_test

import (
	"errors"
	"testing"

	"frankenredis/wire/script/cjson"
	"frankenredis/wire/script/lua"
)

// FuzzDecode: what is decoded encodes to something that decodes again, and nothing is a fault.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,null,true,"x\u00e9\ud83d\ude00"]}`, `[[[`, `"\u12`, "-0x1p", "1e", "[1,2", `{"":{}}`, "nan", "\"\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := lua.New(lua.Options{MaxMemory: 64 << 20})
		l.Globals().SetField("cjson", cjson.Open(l).Value())
		fn, err := l.Load("cjson.encode_invalid_numbers('null') cjson.encode_sparse_array(true) "+
			"local v = cjson.decode(...) local ok, e = pcall(cjson.encode, v) if not ok then return e end "+
			"if not pcall(cjson.decode, e) then return 'lost' end", "@fuzz", nil)
		if err != nil {
			t.Fatal(err)
		}
		results, err := l.Call(fn.Value(), nil, l.NewString(text))
		var failure *lua.Error
		if errors.As(err, &failure) && failure.Fatal != nil {
			t.Fatal(err)
		}
		if len(results) > 0 {
			t.Error(results[0].Text())
		}
	})
}
