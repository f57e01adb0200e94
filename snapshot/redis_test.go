package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer starts the installed redis-server in dir and connects to database db.
func redisServer(t *testing.T, dir string, args ...string) *redis.Client {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	var log bytes.Buffer
	cmd := exec.Command(path, append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", ""}, args...)...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() {
		client.Close()
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for deadline := time.Now().Add(2 * time.Minute); client.Ping(t.Context()).Err() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return client
}

// A stock server loads what is written here and holds the same data.
func TestRedisLoadsOurs(t *testing.T) {
	dir := t.TempDir()
	ks := fill(t, 3000)
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), write(t, ks, Meta{Version: 10}), 0o644); err != nil {
		t.Fatal(err)
	}
	if check, err := exec.LookPath("redis-check-rdb"); err == nil {
		out, err := exec.Command(check, filepath.Join(dir, "dump.rdb")).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "RDB looks OK!") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	client := redisServer(t, dir)
	var got []string
	for db := range ks.Len() {
		conn := client.Conn()
		ctx := context.Background()
		if err := conn.Select(ctx, db).Err(); err != nil {
			t.Fatal(err)
		}
		keys, err := conn.Keys(ctx, "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			v, err := conn.Get(ctx, k).Bytes()
			if err != nil {
				t.Fatal(err)
			}
			at, err := conn.PExpireTime(ctx, k).Result()
			if err != nil {
				t.Fatal(err)
			}
			it := Item{DB: db, Key: []byte(k), Value: v, ExpireMs: NoExpiry, Idle: -1, Freq: -1}
			if at > 0 {
				it.ExpireMs = at.Milliseconds()
			}
			got = append(got, show(it))
		}
		conn.Close()
	}
	slices.Sort(got)
	if want := content(ks); !slices.Equal(got, want) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
}

// What a stock server saves is loaded here, and written again has the same bytes.
func TestOursLoadsRedis(t *testing.T) {
	dir := t.TempDir()
	client := redisServer(t, dir)
	ctx := t.Context()
	pipe := client.Pipeline()
	for i := range 2000 {
		v := strings.Repeat(fmt.Sprintf("%x", i*i), 1+i%40)
		pipe.Set(ctx, fmt.Sprintf("k%d", i), v, time.Duration(i%3)*time.Hour)
		pipe.Set(ctx, fmt.Sprint(i*1_000_003), i*i*i*i, 0)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	if err := client.Save(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	ks, info := load(t, raw)
	if info.Keys != 4000 {
		t.Fatalf("%d keys", info.Keys)
	}
	theirs, ours := records(t, raw), records(t, write(t, ks, Meta{Version: 10}))
	if !slices.Equal(theirs, ours) {
		for i := range theirs {
			if i >= len(ours) || theirs[i] != ours[i] {
				t.Fatalf("%q: %q, want %q", theirs[i].key, ours[i].bytes, theirs[i].bytes)
			}
		}
	}
}
