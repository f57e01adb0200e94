package snapshot

import "frankenredis/kv"

// MinWritten is the oldest version that is written: that of Redis 5.0 to 6.2.
const MinWritten = 9

// What a value or a file holds and an older version has no place for. A server that loads the file derives it, or does without.
const (
	LostFunctions   = "function libraries"
	LostModules     = "data of modules"
	LostModuleValue = "a value of a module's type"
	LostActiveTimes = "when consumers were last active"
	LostStreamFacts = "entries ever added, highest deleted id and first id of a stream"
	LostGroupCounts = "entries read by consumer groups"
)

// lostOf says what of a value a version has no place for; nil when all of it comes back as it was.
func lostOf(v kv.Value, version int) (lost []string) {
	if v.Type() != kv.Stream || version >= 11 {
		return nil
	}
	s := v.Stream()
	if version < 10 {
		// This is what a reader makes of the old type.
		derived := kv.StreamInfo{Length: s.Length, Last: s.Last, Added: s.Length, First: kv.MaxStreamID}
		if first, ok := s.Edge(false, false); ok {
			derived.First = first
		}
		if derived != s.Info() {
			lost = append(lost, LostStreamFacts)
		}
		same := true
		s.EachGroup(func(g kv.StreamGroup) bool {
			same = g.Read() == derived.Distance(g.Last())
			return same
		})
		if !same {
			lost = append(lost, LostGroupCounts)
		}
	}
	same := true
	s.EachGroup(func(g kv.StreamGroup) bool {
		g.EachConsumer(func(c kv.StreamConsumer) bool {
			same = c.Active() == c.Seen()
			return same
		})
		return same
	})
	if !same {
		lost = append(lost, LostActiveTimes)
	}
	return lost
}

// oldestOf is the oldest version that holds a value, at least min.
func oldestOf(v kv.Value, min int) int {
	for min < Version && len(lostOf(v, min)) > 0 {
		min++
	}
	return min
}

// OldestVersion is the oldest version from MinWritten on that holds all of a view, which may be nil, and the function libraries.
func OldestVersion(f *kv.Frozen, functions [][]byte) int {
	oldest := MinWritten
	if len(functions) > 0 {
		oldest = 10
	}
	if f == nil {
		return oldest
	}
	for i := range f.Len() {
		f.DB(i).Each(func(it kv.Item) bool {
			oldest = oldestOf(it.Value(), oldest)
			return oldest < Version
		})
	}
	return oldest
}
