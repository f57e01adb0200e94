package config

import (
	"slices"
	"strings"
	"testing"
)

// Visible parameters of 7.2.4, aliases counted.
const visibleParameters = 195

// unlike lists what a relative of 7.2.4 has and 7.2.4 has not, or has otherwise.
var unlike = map[string][]string{
	"redict-server": {
		"aof-rewrite-cpulist", "bgsave-cpulist", "bio-cpulist", "server-cpulist",
		"max-new-connections-per-cycle", "max-new-tls-connections-per-cycle",
	},
	"redis-server": {"aof-disable-auto-gc"}, // hidden since 7.2
}

func TestVisibleParameters(t *testing.T) {
	n := 0
	for _, p := range Defaults().Get([]string{"*"}) {
		if !strings.HasPrefix(p.Name, "fr-") {
			n++
		}
	}
	if n != visibleParameters {
		t.Errorf("CONFIG GET * shows %d parameters of Redis, want %d", n, visibleParameters)
	}
}

func TestDefaultsAgainstPeers(t *testing.T) {
	for _, name := range []string{"redict-server", "redis-server"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := startPeer(t, name, dir)
			ours := make(map[string]string)
			for _, q := range Defaults().Get([]string{"*"}) {
				ours[q.Name] = q.Value
			}
			reply := p.do("CONFIG", "GET", "*")
			theirs := make(map[string]string)
			for i := 0; i+1 < len(reply); i += 2 {
				theirs[reply[i]] = asRedis(reply[i+1])
			}
			for n, v := range theirs {
				switch n {
				case "port", "unixsocket", "dir":
					continue
				}
				if got, ok := ours[n]; !ok && !slices.Contains(unlike[name], n) {
					t.Errorf("%s: missing here", n)
				} else if ok && got != v {
					t.Errorf("%s: %q here, %q there", n, got, v)
				}
			}
			if name == "redict-server" {
				for n := range ours {
					if _, ok := theirs[n]; !ok && !strings.HasPrefix(n, "fr-") {
						t.Errorf("%s: only here", n)
					}
				}
			}
		})
	}
}

// Each parameter takes the value it shows, save for those that cannot be set at run time.
func TestSetToOwnValue(t *testing.T) {
	s := Defaults()
	for _, p := range s.Get([]string{"*"}) {
		r, _ := Lookup(p.Name)
		err := s.Set([]Pair{p}, Access{Local: true})
		if r.Is(Immutable) || r.Is(Protected) {
			if err == nil {
				t.Errorf("%s can be set", p.Name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if got := s.String(r.Name); got != p.Value {
			t.Errorf("%s: %q became %q", p.Name, p.Value, got)
		}
	}
}

func TestRowsAreConsistent(t *testing.T) {
	for i := range rows {
		r := &rows[i]
		if r.Name != strings.ToLower(r.Name) || byName[r.Name] != i {
			t.Errorf("%s: name is used twice or not lower case", r.Name)
		}
		if r.Alias != "" && byName[r.Alias] != i {
			t.Errorf("%s: alias %s is used twice", r.Name, r.Alias)
		}
		if _, ok := r.kind.(savePoints); ok != r.appends {
			t.Errorf("%s: appends is %v", r.Name, r.appends)
		}
	}
	for _, c := range []struct {
		name, kind string
		lo, hi     int64
		words      int
	}{{"hz", "int", 0, maxInt, 0}, {"maxmemory", "memory", 0, -1, 0}, {"appendfsync", "enum", 0, 0, 3}, {"save", "special", 0, 0, 0}, {"dir", "special", 0, 0, 0}} {
		r, _ := Lookup(c.name)
		lo, hi, ok := r.Range()
		if r.Kind() != c.kind || lo != c.lo || hi != c.hi || ok != (c.hi != 0) || len(r.Words()) != c.words {
			t.Errorf("%s: kind %s, range %d to %d, words %q", c.name, r.Kind(), lo, hi, r.Words())
		}
	}
	if len(Pending()) == 0 || len(Rows()) != len(rows) {
		t.Error("Pending or Rows is empty")
	}
}
