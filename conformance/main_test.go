package conformance

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
)

var update = flag.Bool("update", false, "record the replies of a live redict-server in testdata")

func TestMain(m *testing.M) {
	if lie := os.Getenv("FR_LIE"); lie != "" {
		os.Exit(liar(lie, os.Args[1:]))
	}
	if os.Getenv("FR_CONFINE") != "" {
		os.Exit(confine(os.Args[1:]))
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getenv("FR_SERVER") == "" && !*update {
		dir, err := os.MkdirTemp("", "frankenredis")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		bin := filepath.Join(dir, "frankenredis")
		if out, err := exec.Command("go", "build", "-o", bin, "frankenredis/cmd/frankenredis").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build ./cmd/frankenredis: %v\n%s", err, out)
			return 1
		}
		testbed.DefaultSubject = bin
	}
	code := m.Run()
	if names := testbed.Missing(); len(names) > 0 {
		fmt.Printf("conformance: NOT COMPARED with %s: not on this machine; conformance/peers.sh fetches them\n", strings.Join(names, ", "))
	}
	return code
}

// long reports whether the long forms of the tests were asked for.
func long() bool { return os.Getenv("FR_LONG") != "" }

// isStock reports whether a server is Redis or one of its forks, which promise less than we do.
func isStock(t testing.TB, binary string) bool {
	t.Helper()
	return identify(t, binary).Name != subjectName
}
