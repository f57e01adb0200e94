package script

import "testing"

func TestParseFlags(t *testing.T) {
	for _, c := range []struct {
		body string
		want Flags
		skip int
		err  string
	}{
		{"return 1", Flags{}, 0, ""},
		{"#!lua\nreturn 1", Flags{Declared: true}, 5, ""},
		{"#!lua flags=no-writes,allow-oom\nreturn 1", Flags{Declared: true, NoWrites: true, AllowOOM: true}, 31, ""},
		{"#!lua flags=\n", Flags{Declared: true}, 12, ""},
		{"#!lua", Flags{}, 0, "ERR Invalid script shebang"},
		{"#!lua \"\n", Flags{}, 0, "ERR Invalid engine in script shebang"},
		{"#!\n", Flags{}, 0, "ERR Unexpected engine in script shebang: #!"},
		{"#!lua flags=x\n", Flags{}, 0, "ERR Unexpected flag in script shebang: x"},
		{"#!lua name=x\n", Flags{}, 0, "ERR Unknown lua shebang option: name=x"},
	} {
		f, skip, err := ParseFlags([]byte(c.body))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if f != c.want || skip != c.skip || text != c.err {
			t.Errorf("%q: %+v, %d, %q", c.body, f, skip, text)
		}
	}
}
