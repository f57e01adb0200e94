// What programs do with rate-limiter-flexible and connect-redis. Usage: as ioredis.js. Times are rounded.
const { RateLimiterRedis, RLWrapperBlackAndWhite, RateLimiterQueue, BurstyRateLimiter, RateLimiterUnion } = require('rate-limiter-flexible');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const Redis = require('ioredis');
const port = +process.argv[2];
const say = async (name, f) => {
  let v;
  try { v = await f(); } catch (e) { v = e instanceof Error ? 'error ' + e.message : { refused: shown(e) }; }
  console.log(name, JSON.stringify(v));
};
const shown = x => x && { left: x.remainingPoints, used: x.consumedPoints, seconds: Math.round(x.msBeforeNext / 1000), first: x.isFirstInDuration };
(async () => {
  const r = new Redis(port), c = createClient({ url: 'redis://127.0.0.1:' + port });
  await c.connect();
  await r.flushall();
  for (const [name, storeClient, more] of [['ioredis', r, {}], ['node-redis', c, { useRedisPackage: true }]]) {
    const n = x => name + ' ' + x;
    const l = new RateLimiterRedis({ storeClient, ...more, keyPrefix: name, points: 3, duration: 100 });
    for (let i = 0; i < 5; i++) await say(n('consume'), async () => shown(await l.consume('u')));
    await say(n('get'), async () => shown(await l.get('u')));
    await say(n('penalty'), async () => shown(await l.penalty('u', 2)));
    await say(n('reward'), async () => shown(await l.reward('u', 4)));
    await say(n('block'), async () => shown(await l.block('b', 50)));
    await say(n('blocked'), async () => shown(await l.consume('b')));
    await say(n('set'), async () => { await l.set('s', 2, 30); return shown(await l.get('s')); });
    await say(n('delete'), async () => [await l.delete('u'), await l.delete('none'), await l.get('u')]);
    const blocking = new RateLimiterRedis({ storeClient, ...more, keyPrefix: name + 'B', points: 1, duration: 100, blockDuration: 600 });
    for (let i = 0; i < 3; i++) await say(n('block duration'), async () => shown(await blocking.consume('u')));
    const execEvenly = new RateLimiterRedis({ storeClient, ...more, keyPrefix: name + 'E', points: 2, duration: 0 });
    for (let i = 0; i < 3; i++) await say(n('for ever'), async () => shown(await execEvenly.consume('u')));
    const own = new RateLimiterRedis({ storeClient, ...more, keyPrefix: name + 'L', points: 2, duration: 100,
      customIncrTtlLuaScript: "local n = redis.call('incrby', KEYS[1], ARGV[1]) if n == tonumber(ARGV[1]) then redis.call('pexpire', KEYS[1], ARGV[2] * 1000) end return {n, redis.call('pttl', KEYS[1])}" });
    await say(n('a script of its own'), async () => shown(await own.consume('u', 2)));
    const burst = new BurstyRateLimiter(new RateLimiterRedis({ storeClient, ...more, keyPrefix: name + 'N', points: 1, duration: 100 }),
      new RateLimiterRedis({ storeClient, ...more, keyPrefix: name + 'M', points: 2, duration: 100 }));
    for (let i = 0; i < 4; i++) await say(n('burst'), async () => shown(await burst.consume('u')));
    const union = new RateLimiterUnion(l, new RateLimiterRedis({ storeClient, ...more, keyPrefix: name + 'U', points: 1, duration: 100 }));
    await say(n('union'), async () => Object.values(await union.consume('both')).map(shown));
    const rejected = await union.consume('both').catch(e => e);
    await say(n('union refused'), async () => Object.keys(rejected).sort());
    await say(n('wrong type'), async () => { await r.lpush(name + ':t', 'x'); return l.consume('t'); });
    const lists = new RLWrapperBlackAndWhite({ limiter: l, whiteList: ['w'], blackList: ['k'], runActionAnyway: false });
    await say(n('lists'), async () => [shown(await lists.consume('w')).left, await lists.consume('k').catch(e => e.remainingPoints)]);
    await say(n('queue'), async () => new RateLimiterQueue(new RateLimiterRedis({ storeClient, ...more, keyPrefix: name + 'Q', points: 5, duration: 100 })).removeTokens(2));
  }
  await say('keys', async () => (await r.keys('*')).sort());

  const store = new RedisStore({ client: c, prefix: 'sess:', ttl: 100 });
  const wait = f => new Promise((done, fail) => f((e, v) => e ? fail(e) : done(v)));
  const cookie = { originalMaxAge: null, httpOnly: true, path: '/' };
  await say('session set', () => wait(cb => store.set('a', { cookie, n: 1 }, cb)));
  await say('session get', () => wait(cb => store.get('a', cb)));
  await say('session none', () => wait(cb => store.get('none', cb)));
  await say('session ttl', async () => { const t = await r.ttl('sess:a'); return t > 95 && t <= 100; });
  await say('session touch', async () => { await r.expire('sess:a', 5); await wait(cb => store.touch('a', { cookie }, cb)); return (await r.ttl('sess:a')) > 90; });
  await say('session expires', async () => { await wait(cb => store.set('e', { cookie: { ...cookie, expires: new Date(Date.now() + 50000) } }, cb)); return Math.abs((await r.ttl('sess:e')) - 50) <= 1; });
  await say('session length', () => wait(cb => store.length(cb)));
  await say('session ids', async () => (await wait(cb => store.ids(cb))).sort());
  await say('session all', async () => (await wait(cb => store.all(cb))).map(s => s.id).sort());
  await say('session destroy', async () => { await wait(cb => store.destroy('a', cb)); return wait(cb => store.length(cb)); });
  await say('session clear', async () => { await wait(cb => store.clear(cb)); return r.keys('sess:*'); });
  await say('session of express', async () => typeof session({ store, secret: 's', resave: false, saveUninitialized: false }));
  r.disconnect();
  await c.quit();
})();
