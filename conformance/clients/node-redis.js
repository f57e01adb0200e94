// What programs do with node-redis, in both protocols. Usage: node node-redis.js PORT; as ioredis.js.
const { createClient } = require('redis');
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
    await c.close();
  }
  process.exit(0);
})();
