package main

import (
	"strings"
	"testing"
)

func TestDumpRDB(t *testing.T) {
	path := rdbOf(t, "\xfa\x01n\x01v\xfe\x03\xfb\x02\x01\xfd\x01\x00\x00\x00\xf8\x05\x00\x01k\x01v\x02\x01s\x01\x01a")
	out, status := frctl("dump", path)
	want := []string{
		"  byte 0          size 9        524544495330303131        header",
		"  byte 9          size 5        fa016e0176                aux n = v",
		"  byte 14         size 2        fe03                      database 3",
		"  byte 16         size 3        fb0201                    sizes of the database",
		"  byte 19         size 5        fd01000000                expiry of the next key",
		"  byte 24         size 2        f805                      access time",
		"  byte 26         size 5        00016b0176                db 3 string k",
		"  byte 31         size 6        020173010161              db 3 set s",
		"  byte 37         size 9        ff0000000000000000        end and checksum",
	}
	if status != 0 || !strings.HasPrefix(out, strings.Join(want, "\n")+"\n") {
		t.Errorf("status %d\n%s", status, out)
	}
	out, _ = frctl("dump", "--from", "14", "--to", "20", "--limit", "2", path)
	if strings.Count(out, "  byte ") != 2 || !strings.Contains(out, "database 3") || !strings.Contains(out, "sizes") {
		t.Error(out)
	}
}

func TestDumpLog(t *testing.T) {
	dir := makeLog(t)
	out, status := frctl("dump", "--from", "23", "--to", "50", incr(dir))
	if status != 0 || strings.Count(out, "  byte ") != 1 || !strings.Contains(out, `  byte 23         size 27       2a330d0a24330d0a5345540d  LSN 23         db 0  "SET" "a" "1"`) {
		t.Errorf("status %d\n%s", status, out)
	}
	if out, _ = frctl("dump", "--json", dir); !strings.Contains(out, `"kind":"record"`) || !strings.Contains(out, `"kind":"line"`) {
		t.Error(out)
	}
	if _, status = frctl("dump", "--from", "2", "--to", "1", dir); status != exitUsage {
		t.Errorf("status %d", status)
	}
}
