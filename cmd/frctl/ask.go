package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"frankenredis/heal"
	"frankenredis/wal/disk"
)

// asked is a connection to a server that looks after the sidecars of a folder.
type asked struct {
	conn net.Conn
	r    *bufio.Reader
}

// askServer connects to the server that has the lock of root's sidecars. The password, if it needs one, is that of redis-cli:
// REDISCLI_AUTH.
func askServer(root string) (*asked, error) {
	path := filepath.Join(root, heal.Folder, heal.ServerFile)
	p, err := disk.ReadFile(disk.OS(), path, 4096)
	if err != nil {
		return nil, fmt.Errorf("another process looks after the sidecars in %s, and %s does not say where it is: %w", root, path, err)
	}
	network, address, _ := strings.Cut(strings.TrimSpace(string(p)), " ")
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("another process looks after the sidecars in %s: %w", root, err)
	}
	a := &asked{conn, bufio.NewReader(conn)}
	if auth := os.Getenv("REDISCLI_AUTH"); auth != "" {
		if _, err := a.do("AUTH", auth); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", address, err), conn.Close())
		}
	}
	return a, nil
}

// do sends a command and returns its reply: a string, an int64, a slice, or nil.
func (a *asked) do(args ...string) (any, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(a.conn, b.String()); err != nil {
		return nil, err
	}
	return a.reply()
}

func (a *asked) reply() (any, error) {
	line, err := a.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return nil, errors.New("an empty line is no reply")
	}
	rest := line[1:]
	n, nerr := strconv.ParseInt(rest, 10, 64)
	switch line[0] {
	case '+':
		return rest, nil
	case '-':
		return nil, errors.New(rest)
	case ':':
		return n, nerr
	case '$', '*':
		const most = 1 << 20
		if nerr != nil || n > most {
			return nil, fmt.Errorf("%q is no reply", line)
		}
		if n < 0 {
			return nil, nil
		}
		if line[0] == '$' {
			p := make([]byte, n+2)
			_, err := io.ReadFull(a.r, p)
			return string(p[:n]), err
		}
		all := make([]any, n)
		for i := range all {
			if all[i], err = a.reply(); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	return nil, fmt.Errorf("%q is no reply", line)
}

// status is FR.SCRUB STATUS.
func (a *asked) status() (fields map[string]any, err error) {
	r, err := a.do("FR.SCRUB", "STATUS")
	if err != nil {
		return nil, err
	}
	return pairs(r), nil
}

func pairs(r any) map[string]any {
	fields := map[string]any{}
	list, _ := r.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if name, ok := list[i].(string); ok {
			fields[name] = list[i+1]
		}
	}
	return fields
}

// scrubThere has the server that holds the lock do a scrub or a repair, waits for its end, and prints what is damaged then.
func scrubThere(cmd *cobra.Command, root, name string, o *healOptions) error {
	a, err := askServer(root)
	if err != nil {
		return err
	}
	defer a.conn.Close()
	before, err := a.status()
	if err != nil {
		return err
	}
	request := []string{"FR.SCRUB", "START"}
	if o.repairs {
		if request[1] = "REPAIR"; name != "." {
			request = append(request, filepath.Join(root, filepath.FromSlash(name)))
		}
	}
	if _, err := a.do(request...); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "the server at %s does it, which has the files open\n", a.conn.RemoteAddr())
	var after map[string]any
	for {
		if after, err = a.status(); err != nil {
			return err
		}
		if after["scrubbing"] == int64(0) && after["waiting"] == int64(0) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	worst := exitClean
	if after["files-repaired"] != before["files-repaired"] || after["sidecars-made-anew"] != before["sidecars-made-anew"] {
		worst = exitRepaired
	}
	damaged, _ := after["damaged"].([]any)
	for _, d := range damaged {
		f := pairs(d)
		e := healEvent{Note: "reported by the server", Exit: exitDamaged}
		e.Name, _ = f["file"].(string)
		if rel, err := filepath.Rel(root, e.Name); err == nil {
			e.Name = filepath.ToSlash(rel)
		}
		state, _ := f["state"].(string)
		e.State = heal.State(state)
		cells, _ := f["cells"].(int64)
		if e.Cells = int(cells); e.State == heal.Beyond {
			e.Exit = exitCorrupt
		}
		worst = max(worst, e.Exit)
		if err := e.print(cmd, o.json); err != nil {
			return err
		}
	}
	count := func(name string) int64 {
		b, _ := before[name].(int64)
		n, _ := after[name].(int64)
		return n - b
	}
	if !o.json {
		fmt.Fprintf(cmd.OutOrStdout(), "%d repaired, %d sidecars made anew, %d files damaged\n", count("files-repaired"), count("sidecars-made-anew"), len(damaged))
	}
	if worst != exitClean {
		return statusError(worst)
	}
	return nil
}
