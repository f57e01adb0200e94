# What programs do with rq: jobs, results, dependencies, retries, schedules. Usage: as redis-py.py.
import datetime
import logging
import sys

import redis
from rq import Queue, Retry, SimpleWorker
from rq.job import Job
from rq.registry import DeferredJobRegistry, FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry, StartedJobRegistry
from rq.command import send_shutdown_command
from rq.worker import Worker

logging.disable(logging.CRITICAL)
port = int(sys.argv[1])
r = redis.Redis(port=port)
r.flushall()


def say(name, f):
    try:
        v = f()
    except Exception as e:
        v = type(e).__name__ + ": " + str(e)
    print(name, repr(v))


def work(burst=True, scheduler=False):
    w = SimpleWorker([high, low], connection=r, name="w")
    return w.work(burst=burst, with_scheduler=scheduler)


high, low = Queue("high", connection=r), Queue("low", connection=r)
say("enqueue", lambda: [high.enqueue("operator.add", 1, 2, job_id="sum").get_status(), low.enqueue("operator.add", "a", "b", job_id="text").id])
say("front", lambda: [low.enqueue("operator.neg", 5, job_id="first", at_front=True).id, low.job_ids, len(low), high.count])
say("queues", lambda: sorted(q.name for q in Queue.all(connection=r)))
say("depends", lambda: high.enqueue("operator.neg", 3, job_id="child", depends_on="sum").get_status())
say("depends on two", lambda: low.enqueue("operator.neg", 4, job_id="child2", depends_on=["sum", "text"]).get_status())
say("deferred", lambda: sorted(DeferredJobRegistry("high", connection=r).get_job_ids() + DeferredJobRegistry("low", connection=r).get_job_ids()))
say("fails", lambda: high.enqueue("operator.truediv", 1, 0, job_id="zero").id)
say("retries", lambda: high.enqueue("operator.truediv", 1, 0, job_id="retry", retry=Retry(max=2)).retries_left)
say("at", lambda: low.enqueue_at(datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc), "operator.neg", 1, job_id="late").get_status())
say("in", lambda: low.enqueue_in(datetime.timedelta(hours=1), "operator.neg", 1, job_id="soon").get_status())
say("scheduled", lambda: sorted(ScheduledJobRegistry("low", connection=r).get_job_ids()))
say("work", work)
say("results", lambda: [Job.fetch(j, connection=r).result for j in ("sum", "text", "first", "child", "child2")])
say("status", lambda: [Job.fetch(j, connection=r).get_status() for j in ("sum", "zero", "retry", "late")])
say("failed", lambda: sorted(FailedJobRegistry("high", connection=r).get_job_ids()))
say("error", lambda: Job.fetch("zero", connection=r).exc_info.strip().splitlines()[-1])
say("finished", lambda: [sorted(FinishedJobRegistry(q, connection=r).get_job_ids()) for q in ("high", "low")])
say("started", lambda: StartedJobRegistry("high", connection=r).count)
say("requeue", lambda: [FailedJobRegistry("high", connection=r).requeue("zero").id, high.job_ids])
say("cancel", lambda: [Job.fetch("zero", connection=r).cancel(), Job.fetch("zero", connection=r).get_status(), high.job_ids])
say("meta", lambda: [setattr(Job.fetch("sum", connection=r), "meta", {}), Job.fetch("sum", connection=r).save_meta()])
say("many", lambda: [j.id for j in low.enqueue_many([Queue.prepare_data("operator.neg", (i,), job_id="m%d" % i) for i in range(3)])])
say("delete", lambda: [Job.fetch("m1", connection=r).delete(), low.job_ids])
say("empty", lambda: [low.empty(), low.job_ids, r.exists("rq:job:m0")])
say("compact", lambda: [low.enqueue("operator.neg", 1, job_id="c1").id, r.delete("rq:job:c1"), low.compact(), low.job_ids])
say("workers", lambda: Worker.all(connection=r))
say("remove queue", lambda: [high.delete(delete_jobs=True), sorted(q.name for q in Queue.all(connection=r))])
say("lost job", lambda: Job.fetch("none", connection=r))
say("keys", lambda: sorted(k.decode() for k in r.scan_iter("rq:*") if b"worker" not in k))
