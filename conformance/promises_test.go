package conformance

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// PROMISES.md has a row for each promise, and what it names is there: the tests, and the files.
func TestPromises(t *testing.T) {
	text := readFile(t, "PROMISES.md")
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	ok(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		p, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(p), -1) {
			there[m[1]] = true
		}
		return err
	}))
	names := 0
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(text, -1) {
		names++
		if !there[m[1]] {
			t.Errorf("there is no %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`(\\w+/[\\w/]+\\.go)(?:`|:)").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Error(err)
		}
	}
	for n := 1; n <= 22; n++ {
		row := regexp.MustCompile(`(?m)^\| I` + strconv.Itoa(n) + ` \|(.*)\|$`).FindStringSubmatch(text)
		if row == nil {
			t.Errorf("I%d has no row", n)
			continue
		}
		cells := strings.Split(row[1], " | ")
		if len(cells) != 4 {
			t.Errorf("I%d has %d cells", n, len(cells))
			continue
		}
		for i, want := range map[int]string{1: "`Test", 3: "`Test"} {
			if !strings.Contains(cells[i], want) {
				t.Errorf("I%d: no test in %q", n, cells[i])
			}
		}
	}
	if names < 60 {
		t.Errorf("only %d tests are named", names)
	}
}
