// What programs do with BullMQ: jobs with priorities, delays, retries, parents, rate limits, schedulers. Usage: as ioredis.js. Times and
// random names are left out of the output.
const { Queue, Worker, QueueEvents, FlowProducer, UnrecoverableError, DelayedError } = require('bullmq');
const Redis = require('ioredis');
const port = +process.argv[2];
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const pause = ms => new Promise(done => setTimeout(done, ms));
const until = async f => { for (let i = 0; i < 500; i++) { const v = await f(); if (v) return v; await pause(20); } throw new Error('waited in vain for ' + f); };
const say = async (name, f) => {
  let v;
  try { v = await f(); } catch (e) { v = 'error ' + e.message; }
  console.log(name, JSON.stringify(v));
};
const counts = async q => { const c = await q.getJobCounts(); return Object.fromEntries(Object.entries(c).filter(([, n]) => n)); };
(async () => {
  const r = new Redis(connection);
  await r.flushall();

  const q = new Queue('work', { connection });
  await say('add', async () => { const j = await q.add('one', { a: 1 }, { jobId: 'j1' }); return [j.id, j.name, await j.getState()]; });
  await say('add again', async () => (await q.add('one', { a: 2 }, { jobId: 'j1' })).id);
  await say('bulk', async () => (await q.addBulk([1, 2, 3].map(n => ({ name: 'b', data: { n }, opts: { priority: 4 - n, jobId: 'b' + n } })))).map(j => j.id));
  await say('delayed', async () => { const j = await q.add('later', {}, { delay: 60000, jobId: 'd1' }); return [await j.getState(), await q.getDelayedCount()]; });
  await say('lifo', async () => { await q.add('last', {}, { lifo: true, jobId: 'l1' }); return (await q.getWaiting()).map(j => j.id); });
  await say('counts', () => counts(q));
  await say('prioritized', async () => (await q.getPrioritized()).map(j => [j.id, j.priority]));
  await say('change priority', async () => { const j = await q.getJob('b1'); await j.changePriority({ priority: 1 }); return (await q.getPrioritized()).map(j => j.id); });
  await say('promote', async () => { const j = await q.getJob('d1'); await j.promote(); return j.getState(); });
  await say('pause', async () => { await q.pause(); return [await q.isPaused(), await counts(q)]; });
  await say('resume', async () => { await q.resume(); return [await q.isPaused(), await counts(q)]; });
  await say('data, progress, log', async () => {
    const j = await q.getJob('j1');
    await j.updateData({ a: 3 }); await j.updateProgress(42); await j.log('line'); await j.log('more');
    const again = await q.getJob('j1');
    return [again.data, again.progress, await q.getJobLogs('j1')];
  });
  await say('remove', async () => [await q.remove('l1'), await q.remove('none'), await counts(q)]);
  await say('duplicate', async () => {
    const a = await q.add('dup', {}, { deduplication: { id: 'same', ttl: 60000 }, jobId: 'u1' }), b = await q.add('dup', {}, { deduplication: { id: 'same', ttl: 60000 }, jobId: 'u2' });
    return [a.id, b.id, await q.getDeduplicationJobId('same')];
  });

  const order = [], failed = [];
  const w = new Worker('work', async (job, token) => {
    order.push(job.id);
    if (job.name === 'retry' && job.attemptsMade < 2) throw new Error('attempt ' + job.attemptsMade);
    if (job.name === 'fatal') throw new UnrecoverableError('no more');
    if (job.name === 'again' && !job.data.seen) { await job.updateData({ seen: true }); await job.moveToDelayed(Date.now() + 30, token); throw new DelayedError(); }
    return { done: job.id };
  }, { connection, autorun: false, concurrency: 1 });
  w.on('failed', (j, e) => failed.push([j.id, j.attemptsMade, e.message]));
  w.run();
  await until(async () => Object.keys(await counts(q)).join() === 'completed');
  await say('worked in this order', async () => order);
  await say('after work', () => counts(q));
  await say('results', async () => (await q.getCompleted()).map(j => [j.id, j.returnvalue]).sort());

  await q.add('retry', {}, { attempts: 3, backoff: { type: 'fixed', delay: 20 }, jobId: 'r1' });
  await q.add('fatal', {}, { attempts: 5, jobId: 'f1' });
  await q.add('again', {}, { jobId: 'a1' });
  await until(async () => (await (await q.getJob('r1')).getState()) === 'completed' && (await (await q.getJob('f1')).getState()) === 'failed' && (await (await q.getJob('a1')).getState()) === 'completed');
  await say('failures', async () => failed.sort());
  await say('failed job', async () => { const j = await q.getJob('f1'); return [j.failedReason, j.attemptsMade, j.stacktrace.length]; });
  await say('retry a failed job', async () => { const j = await q.getJob('f1'); await j.retry(); await until(async () => (await j.getState()) === 'failed'); return counts(q); });

  await say('events', async () => {
    const events = new QueueEvents('work', { connection });
    await events.waitUntilReady();
    const job = await q.add('seen', {}, { jobId: 's1' });
    const v = await job.waitUntilFinished(events, 10000);
    await events.close();
    return v;
  });
  await say('remove on complete', async () => {
    const j = await q.add('gone', {}, { removeOnComplete: true, jobId: 'g1' });
    return until(async () => (await q.getJob('g1')) === undefined);
  });
  await say('clean', async () => [(await q.clean(0, 100, 'completed')).sort(), await counts(q)]);
  await w.close();

  const flow = new FlowProducer({ connection });
  await say('flow', async () => {
    const tree = await flow.add({ name: 'parent', queueName: 'flow', data: {}, opts: { jobId: 'p' }, children: [1, 2, 3].map(n => ({ name: 'child', queueName: 'flow', data: { n }, opts: { jobId: 'c' + n } })) });
    return [tree.job.id, await tree.job.getState(), tree.children.map(c => c.job.id)];
  });
  const fw = new Worker('flow', async job => job.name === 'parent' ? Object.values(await job.getChildrenValues()).sort() : job.data.n * 10, { connection });
  const fq = new Queue('flow', { connection });
  await say('flow done', async () => { const p = await fq.getJob('p'); await until(async () => (await p.getState()) === 'completed'); return [(await fq.getJob('p')).returnvalue, await p.getDependenciesCount()]; });
  await fw.close();

  const lq = new Queue('limited', { connection });
  const took = [];
  await lq.addBulk([1, 2, 3, 4, 5].map(n => ({ name: 'x', data: {}, opts: { jobId: 'x' + n } })));
  const lw = new Worker('limited', async () => took.push(Date.now()), { connection, limiter: { max: 2, duration: 300 } });
  await until(async () => took.length === 5);
  await say('limited', async () => [took[4] - took[0] >= 300, await lq.getGlobalConcurrency()]);
  await lw.close();

  const sq = new Queue('scheduled', { connection });
  const ran = [];
  await say('scheduler', async () => {
    await sq.upsertJobScheduler('tick', { every: 50 }, { name: 'tick', data: { t: 1 } });
    const sw = new Worker('scheduled', async j => { ran.push(j.data); }, { connection });
    await until(async () => ran.length >= 3);
    const list = (await sq.getJobSchedulers()).map(s => [s.key, s.every]);
    const removed = await sq.removeJobScheduler('tick');
    await sw.close();
    return [ran[0], list, removed, await sq.getJobSchedulersCount()];
  });
  await say('stalled', async () => {
    const st = new Queue('stalled', { connection });
    await st.add('s', {}, { jobId: 'st' });
    const w1 = new Worker('stalled', null, { connection, lockDuration: 100, autorun: false });
    await w1.getNextJob('token1');
    await w1.close(true);
    const w2 = new Worker('stalled', async j => 'saved', { connection, stalledInterval: 100 });
    await until(async () => (await (await st.getJob('st')).getState()) === 'completed');
    await w2.close();
    const v = [(await st.getJob('st')).returnvalue, (await st.getJob('st')).stalledCounter];
    await st.close();
    return v;
  });
  await say('moved without the lock', async () => {
    const wq = new Queue('locks', { connection });
    await wq.add('s', {}, { jobId: 'k' });
    const w1 = new Worker('locks', null, { connection, autorun: false });
    const job = await w1.getNextJob('token1');
    const v = [];
    for (const token of ['other', 'token1', 'token1']) {
      try { v.push(await job.moveToCompleted('v', token, false) === undefined); } catch (e) { v.push(e.message); }
    }
    await w1.close(); await wq.close();
    return v;
  });
  await say('drain and obliterate', async () => { await lq.drain(true); await lq.obliterate({ force: true }); return (await r.keys('bull:limited:*')).filter(k => !k.endsWith(':limiter')); }); // that one expires
  await say('keys', async () => (await r.keys('bull:work:*')).filter(k => !k.includes('stalled')).sort());
  process.exit(0); // timers of the schedulers would go on
})();
