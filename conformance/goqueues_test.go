package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"frankenredis/conformance/testbed"
)

// asynq, whose every step is a script: a run of its own gives the same on the subject and on redict.
func TestAsynq(t *testing.T) {
	t.Parallel()
	got, want := asynqRun(t, testbed.Subject(t)), asynqRun(t, testbed.Peer(t, "redict-server"))
	for i := range max(len(got), len(want)) {
		if at(got, i) != at(want, i) {
			t.Errorf("step %d: %s\nwant %s", i+1, at(got, i), at(want, i))
		}
	}
	if len(want) < 20 {
		t.Errorf("%d steps", len(want))
	}
}

// asynqRun works through queues and says what it saw.
func asynqRun(t *testing.T, binary string) (seen []string) {
	s := testbed.Start(t, testbed.Options{Binary: binary})
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf(format, args...))
	}
	addr := asynq.RedisClientOpt{Addr: s.Addr(), DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience}
	client, inspector := asynq.NewClient(addr), asynq.NewInspector(addr)
	defer client.Close()
	defer inspector.Close()
	enqueue := func(kind, id string, options ...asynq.Option) {
		info, err := client.Enqueue(asynq.NewTask(kind, []byte(id)), append(options, asynq.TaskID(id))...)
		if err != nil {
			say("enqueue %s: %v", id, err)
			return
		}
		say("enqueue %s: %s in %s, retries %d", id, info.State, info.Queue, info.MaxRetry)
	}
	figures := func() {
		for _, name := range []string{"critical", "default"} {
			q, err := inspector.GetQueueInfo(name)
			if err != nil {
				say("%s: %v", name, err)
				continue
			}
			say("%s: size %d pending %d active %d scheduled %d retry %d archived %d completed %d aggregating %d groups %d processed %d failed %d paused %v", name, q.Size, q.Pending,
				q.Active, q.Scheduled, q.Retry, q.Archived, q.Completed, q.Aggregating, q.Groups, q.ProcessedTotal, q.FailedTotal, q.Paused)
		}
	}
	enqueue("work", "a")
	enqueue("work", "a")
	enqueue("work", "b", asynq.Queue("critical"), asynq.Retention(time.Hour))
	enqueue("work", "once", asynq.Unique(time.Hour))
	enqueue("work", "once", asynq.Unique(time.Hour))
	enqueue("work", "later", asynq.ProcessIn(time.Hour))
	enqueue("fail", "retried", asynq.MaxRetry(1))
	enqueue("fail", "archived", asynq.MaxRetry(0))
	enqueue("skip", "skipped", asynq.MaxRetry(5))
	for i := range 3 {
		enqueue("grouped", fmt.Sprintf("g%d", i), asynq.Group("gr"))
	}
	enqueue("work", "deleted")
	say("delete: %v", inspector.DeleteTask("default", "deleted"))
	say("delete again: %v", inspector.DeleteTask("default", "deleted"))
	say("pause: %v", inspector.PauseQueue("critical"))
	figures()
	say("resume: %v", inspector.UnpauseQueue("critical"))

	var handled []string
	server := asynq.NewServer(addr, asynq.Config{Concurrency: 1, Queues: map[string]int{"critical": 6, "default": 1}, StrictPriority: true, LogLevel: asynq.FatalLevel,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Second },
		DelayedTaskCheckInterval: 200 * time.Millisecond, TaskCheckInterval: 50 * time.Millisecond,
		GroupGracePeriod: time.Second, GroupMaxSize: 3, GroupAggregator: asynq.GroupAggregatorFunc(func(group string, tasks []*asynq.Task) *asynq.Task {
			return asynq.NewTask("sum", fmt.Appendf(nil, "%s of %d", group, len(tasks)))
		})})
	done := make(chan struct{}, 64)
	ok(t, server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		mu.Lock()
		handled = append(handled, task.Type()+" "+string(task.Payload()))
		mu.Unlock()
		done <- struct{}{}
		switch task.Type() {
		case "fail":
			return errors.New("failed")
		case "skip":
			return asynq.SkipRetry
		}
		if w := task.ResultWriter(); w != nil {
			_, err := w.Write([]byte("result of " + string(task.Payload())))
			return err
		}
		return nil
	})))
	for range 8 { // a, b, once, retried twice, archived, skipped, the sum
		select {
		case <-done:
		case <-time.After(patience):
			server.Shutdown()
			t.Fatalf("only %q were handled", handled)
		}
	}
	waitForText(t, func() string {
		q, err := inspector.GetQueueInfo("default")
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(q.Active, q.Archived)
	}, "0 3")
	server.Shutdown()
	first := handled[0]
	slices.Sort(handled)
	say("the first was %s, all were %q", first, handled)
	figures()
	if b, err := inspector.GetTaskInfo("critical", "b"); err != nil {
		say("b: %v", err)
	} else {
		say("b: %s %q", b.State, b.Result)
	}
	archived, err := inspector.ListArchivedTasks("default")
	var ids []string
	for _, a := range archived {
		ids = append(ids, fmt.Sprintf("%s %d %s", a.ID, a.Retried, a.LastErr))
	}
	slices.Sort(ids)
	say("archived: %q %v", ids, err)
	say("run: %v, run none: %v", inspector.RunTask("default", "later"), inspector.RunTask("default", "none"))
	n, err := inspector.RunAllArchivedTasks("default")
	say("run archived: %d %v", n, err)
	n, err = inspector.ArchiveAllPendingTasks("default")
	say("archive pending: %d %v", n, err)
	n, err = inspector.DeleteAllArchivedTasks("default")
	say("delete archived: %d %v", n, err)
	n, err = inspector.DeleteAllCompletedTasks("critical")
	say("delete completed: %d %v", n, err)
	figures()
	say("delete queue: %v", inspector.DeleteQueue("critical", false))
	queues, err := inspector.Queues()
	say("queues: %v %v", queues, err)
	return seen
}

// redsync: a lock on three servers, held by one, extended, lost with a majority, and free again.
func TestRedsync(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var servers []*testbed.Server
	var clients []*redis.Client
	for range 3 {
		s := testbed.Start(t, testbed.Options{})
		servers, clients = append(servers, s), append(clients, redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1, DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience}))
		defer clients[len(clients)-1].Close()
	}
	rs := redsync.New(goredis.NewPool(clients[0]), goredis.NewPool(clients[1]), goredis.NewPool(clients[2]))
	options := []redsync.Option{redsync.WithExpiry(time.Hour), redsync.WithTries(2), redsync.WithRetryDelay(10 * time.Millisecond)}
	a, b := rs.NewMutex("m", options...), rs.NewMutex("m", options...)
	ok(t, a.LockContext(ctx))
	if err := b.LockContext(ctx); err == nil || !strings.Contains(err.Error(), "lock already taken") {
		t.Errorf("a second holder: %v", err)
	}
	extended, err := a.ExtendContext(ctx)
	is(t, "extend", extended, err, true)
	if extended, err := b.ExtendContext(ctx); extended || err == nil {
		t.Errorf("extended by who does not hold it: %v, %v", extended, err)
	}
	if unlocked, err := b.UnlockContext(ctx); unlocked || err == nil {
		t.Errorf("unlocked by who does not hold it: %v, %v", unlocked, err)
	}
	servers[0].Kill()
	extended, err = a.ExtendContext(ctx)
	if !extended {
		t.Errorf("extend with two of three: %v", err)
	}
	unlocked, err := a.UnlockContext(ctx)
	if !unlocked {
		t.Errorf("unlock with two of three: %v", err)
	}
	ok(t, b.LockContext(ctx))
	ok(t, clients[1].Del(ctx, "m").Err())
	if extended, err := b.ExtendContext(ctx); extended || err == nil {
		t.Errorf("extended on one of three: %v, %v", extended, err)
	}
	if unlocked, err := b.UnlockContext(ctx); unlocked || err == nil {
		t.Errorf("unlocked on one of three: %v, %v", unlocked, err)
	}
}
