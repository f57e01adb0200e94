// What programs do with Redlock. Usage: as ioredis.js. Times are left out.
const { default: Redlock } = require('redlock');
const Redis = require('ioredis');
const port = +process.argv[2];
const say = async (name, f) => {
  let v;
  try { v = await f(); } catch (e) { v = 'error ' + e.message; }
  console.log(name, JSON.stringify(v));
};
(async () => {
  const r = new Redis(port), locks = new Redlock([r], { retryCount: 2, retryDelay: 20, retryJitter: 0 });
  locks.on('error', () => {});
  await r.flushall();
  const a = await locks.acquire(['a', 'b'], 60000);
  await say('held', async () => [(await r.keys('*')).sort(), (await r.get('a')) === a.value, (await r.pttl('a')) > 50000]);
  await say('refused', () => locks.acquire(['b'], 1000));
  await say('another', async () => { const l = await locks.acquire(['c'], 1000); await l.release(); return r.exists('c'); });
  const longer = await a.extend(600000);
  await say('extended', async () => [(await r.pttl('a')) > 500000, (await r.pttl('b')) > 500000]);
  await say('taken by another', async () => { await r.set('b', 'other'); return longer.extend(1000); });
  await say('released', async () => { const v = await longer.release().catch(e => e.message); return [v && v.attempts ? 'done' : v, await r.mget('a', 'b')]; });
  await say('expired', async () => { const l = await locks.acquire(['e'], 1000); await r.del('e'); return l.extend(1000); });
  await say('within', async () => locks.using(['u'], 5000, { automaticExtensionThreshold: 4900 }, async signal => {
    const before = await r.pttl('u');
    for (let i = 0; i < 500 && (await r.pttl('u')) <= before; i++) await new Promise(done => setTimeout(done, 5));
    return [signal.aborted, (await r.pttl('u')) > 4000];
  }));
  await say('after', () => r.keys('*'));
  process.exit(0);
})();
