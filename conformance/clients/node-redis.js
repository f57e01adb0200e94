// What programs do with node-redis, in both protocols. Usage: node node-redis.js PORT; as ioredis.js.
const { createClient, createClientPool } = require('redis');
const port = +process.argv[2];
const pause = ms => new Promise(done => setTimeout(done, ms));
const say = async (name, f) => {
  let v;
  try { v = await f(); } catch (e) { v = 'error ' + e.message; }
  console.log(name, JSON.stringify(v));
};
(async () => {
  for (const RESP of [2, 3]) {
    const c = createClient({ url: 'redis://127.0.0.1:' + port, RESP });
    await c.connect();
    await c.flushAll();
    const n = x => 'resp' + RESP + ' ' + x;
    await say(n('set'), () => c.set('a', '1', { EX: 10 }));
    await say(n('hash'), async () => [await c.hSet('h', { a: '1', b: '2' }), await c.hGetAll('h')]);
    await say(n('zset'), async () => [await c.zAdd('z', [{ score: 1.5, value: 'x' }]), await c.zRangeWithScores('z', 0, -1), await c.zScore('z', 'x')]);
    await say(n('multi'), () => c.multi().set('k', 'v').get('k').exec());
    await say(n('stream'), async () => [await c.xAdd('s', '1-1', { f: 'v' }), await c.xRead({ key: 's', id: '0' }), await c.xInfoStream('s')]);
    await say(n('scan'), async () => { const k = []; for await (const x of c.scanIterator()) k.push(...x); return k.sort(); });
    await say(n('config'), () => c.configGet('maxmemory'));
    await say(n('acl'), () => c.aclGetUser('default'));
    await say(n('commands'), async () => (await c.commandInfo(['get']))[0].name);
    await say(n('geo'), async () => [await c.geoAdd('g', { longitude: 13.3, latitude: 38.1, member: 'P' }),
      await c.geoSearchWith('g', { longitude: 13, latitude: 38 }, { radius: 100, unit: 'km' }, ['WITHDIST'])]);
    await say(n('eval'), () => c.eval('return {KEYS[1], ARGV[1]}', { keys: ['k'], arguments: ['v'] }));
    await say(n('wrong type'), () => c.lPush('a', 'x'));
    const s = c.duplicate(), heard = [];
    await s.connect();
    await s.subscribe('ch', (m, ch) => heard.push([m, ch]));
    await c.publish('ch', 'hello');
    for (let i = 0; i < 100 && heard.length < 1; i++) await pause(20);
    await say(n('pubsub'), async () => heard);
    await s.close();
    await say(n('functions'), async () => [await c.functionLoad("#!lua name=lib\nredis.register_function{function_name='f', callback=function(keys, args) return {keys[1], args[1]} end, flags={'no-writes'}}", { REPLACE: true }),
      await c.fCall('f', { keys: ['k'], arguments: ['v'] }), await c.fCallRo('f', { keys: ['k'], arguments: ['v'] }), await c.functionList(), await c.functionDelete('lib')]);
    await say(n('watch'), async () => {
      const one = c.duplicate(); // a transaction that sees its key change
      await one.connect();
      await one.watch('k');
      await c.set('k', 'changed');
      const v = await one.multi().set('k', 'x').exec().catch(e => e.constructor.name);
      await one.close();
      return [v, await c.get('k')];
    });
    await say(n('pool'), async () => {
      const pool = createClientPool({ url: 'redis://127.0.0.1:' + port, RESP }, { minimum: 2, maximum: 4 });
      await pool.connect();
      const waiting = pool.blPop('later', 60);
      const v = [await Promise.all([1, 2, 3, 4, 5, 6].map(i => pool.incr('counted' + RESP))), await pool.rPush('later', 'x'), await waiting];
      await pool.close();
      return v;
    });
    await c.close();
  }
  // What a client keeps of its own it drops when told that a key has changed.
  const cached = createClient({ url: 'redis://127.0.0.1:' + port, RESP: 3, clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' } });
  const other = createClient({ url: 'redis://127.0.0.1:' + port });
  await cached.connect();
  await other.connect();
  const gets = async () => +/cmdstat_get:calls=(\d+)/.exec(await other.info('commandstats'))[1];
  await say('kept', async () => {
    await other.set('kept', '1');
    const before = await gets(), v = [await cached.get('kept'), await cached.get('kept'), await cached.get('kept')];
    return [v, (await gets()) - before];
  });
  await say('told', async () => {
    await other.set('kept', '2');
    for (let i = 0; i < 500 && (await cached.get('kept')) !== '2'; i++) await pause(10);
    return cached.get('kept');
  });
  await say('told of all', async () => {
    await other.flushDb();
    for (let i = 0; i < 500 && (await cached.get('kept')) !== null; i++) await pause(10);
    return cached.get('kept');
  });
  process.exit(0);
})();
