// What programs do with Bull, the older of the two, and Bee-Queue: both move jobs by scripts of theirs. Usage: as ioredis.js.
const Bull = require('bull');
const Bee = require('bee-queue');
const Redis = require('ioredis');
const port = +process.argv[2];
const pause = ms => new Promise(done => setTimeout(done, ms));
const until = async f => { for (let i = 0; i < 500; i++) { const v = await f(); if (v) return v; await pause(20); } throw new Error('waited in vain for ' + f); };
const say = async (name, f) => {
  let v;
  try { v = await f(); } catch (e) { v = 'error ' + e.message; }
  console.log(name, JSON.stringify(v));
};
const counted = o => Object.fromEntries(Object.entries(o).filter(([, n]) => n));

async function bull(r) {
  const q = new Bull('work', { redis: { port }, settings: { backoffStrategies: {}, lockDuration: 1000, stalledInterval: 300 } });
  const counts = async () => counted(await q.getJobCounts());
  await say('add', async () => { const j = await q.add({ a: 1 }, { jobId: 'j1' }); return [j.id, await j.getState()]; });
  await say('add again', async () => (await q.add({ a: 2 }, { jobId: 'j1' })).data);
  await say('bulk', async () => (await q.addBulk([3, 1, 2].map(n => ({ data: { n }, opts: { priority: n, jobId: 'p' + n } })))).map(j => j.id));
  await say('lifo', async () => { await q.add({}, { lifo: true, jobId: 'l1' }); return (await q.getWaiting()).map(j => j.id); });
  await say('delayed', async () => { const j = await q.add({}, { delay: 600000, jobId: 'd1' }); return [await j.getState(), await j.isDelayed()]; });
  await say('counts', counts);
  await say('pause', async () => { await q.pause(); const v = [await q.isPaused(), await counts()]; await q.resume(); return [...v, await counts()]; });
  await say('promote', async () => { const j = await q.getJob('d1'); await j.promote(); return j.getState(); });
  await say('progress, log, update', async () => { const j = await q.getJob('j1'); await j.progress(42); await j.log('a'); await j.log('b'); await j.update({ a: 3 }); const k = await q.getJob('j1'); return [k._progress, k.data, await q.getJobLogs('j1')]; });
  await say('remove', async () => { await (await q.getJob('l1')).remove(); return counts(); });
  const order = [], events = [];
  q.on('failed', (j, e) => events.push(['failed', j.id, e.message])).on('completed', (j, v) => events.push(['completed', j.id, v]));
  q.process(async j => { order.push(j.id); if (j.data.fail && j.attemptsMade < j.data.fail) throw new Error('attempt ' + j.attemptsMade); return 'did ' + j.id; });
  await until(async () => (await q.getCompletedCount()) === 5);
  await say('order', async () => order);
  await say('retried', async () => { const j = await q.add({ fail: 2 }, { attempts: 3, backoff: 10, jobId: 'r' }); const v = await j.finished(); return [v, (await q.getJob('r')).attemptsMade]; });
  await say('failed', async () => { const j = await q.add({ fail: 9 }, { attempts: 1, jobId: 'f' }); const v = await j.finished().catch(e => 'refused ' + e.message); return [v, await j.getState(), (await q.getJob('f')).failedReason]; });
  await say('retry', async () => { const j = await q.getJob('f'); await j.update({}); await j.retry(); await until(() => j.isCompleted()); return counts(); });
  await say('events', async () => { await until(() => events.length === 10); return events; });
  await say('repeated', async () => {
    const seen = [];
    const p = new Bull('again', { redis: { port } });
    p.process('tick', async j => { seen.push(j.name); });
    await p.add('tick', {}, { repeat: { every: 100 } });
    await until(() => seen.length >= 3);
    const jobs = (await p.getRepeatableJobs()).map(j => [j.name, j.every]);
    await p.removeRepeatable('tick', { every: 100 });
    const left = await p.getRepeatableCount();
    await p.close();
    return [jobs, left];
  });
  await say('limited', async () => {
    const p = new Bull('limit', { redis: { port }, limiter: { max: 2, duration: 500 } }), at = [];
    p.process(async () => { at.push(Date.now()); });
    await p.addBulk([1, 2, 3, 4, 5].map(n => ({ data: { n } })));
    await until(() => at.length === 5);
    await p.close();
    return at[4] - at[0] >= 500;
  });
  await say('clean', async () => [(await q.clean(0, 'completed')).length, await counts()]);
  await say('obliterate', async () => { await q.obliterate({ force: true }); return r.keys('bull:work:*'); });
  await q.close();
}

async function bee() {
  const q = new Bee('bees', { redis: { port }, activateDelayedJobs: true, storeJobs: true });
  await q.ready();
  await say('bee add', async () => { const j = await q.createJob({ x: 2 }).setId('one').save(); return [j.id, (await q.getJob('one')).data]; });
  await say('bee twice', async () => (await q.createJob({ x: 3 }).setId('one').save()).id);
  await say('bee many', async () => (await q.saveAll([1, 2, 3].map(n => q.createJob({ n })))).size);
  await say('bee health', async () => q.checkHealth());
  const done = [];
  q.on('job succeeded', (id, v) => done.push([id, v]));
  const retried = q.createJob({ fail: 1 }).retries(2).backoff('fixed', 10).setId('again');
  const failing = [];
  retried.on('retrying', e => failing.push(e.message));
  await retried.save();
  q.process(2, async j => { if (j.data.fail-- > 0 && j.options.retries > 1) throw new Error('once more'); return 'did ' + j.id; });
  await until(() => done.length === 5);
  await say('bee done', async () => [done.sort(), failing]);
  await say('bee delayed', async () => { const j = q.createJob({}).delayUntil(Date.now() + 200).setId('late'); await j.save(); const v = (await q.checkHealth()).delayed; await until(() => done.length === 6); return [v, done.at(-1)]; });
  await say('bee jobs', async () => (await q.getJobs('succeeded', { size: 100 })).map(j => j.id).sort());
  await say('bee remove', async () => { await q.removeJob('one'); return (await q.checkHealth()).succeeded; });
  await say('bee destroy', async () => { await q.destroy(); return q.settings.keyPrefix; });
}
(async () => {
  const r = new Redis(port);
  await r.flushall();
  await bull(r);
  await bee();
  await say('left', async () => (await r.keys('bq:*')).sort());
  process.exit(0);
})();
