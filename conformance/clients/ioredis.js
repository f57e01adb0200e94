// What programs do with ioredis. Usage: node ioredis.js PORT; each line of the output is a name and what came back.
const Redis = require('ioredis');
const port = +process.argv[2];
const pause = ms => new Promise(done => setTimeout(done, ms));
const say = async (name, f) => {
  let v;
  try { v = await f(); } catch (e) { v = 'error ' + e.message; }
  console.log(name, JSON.stringify(v));
};
(async () => {
  const r = new Redis(port);
  await r.flushall();
  await say('set', () => r.set('a', '1', 'EX', 100));
  await say('mget', () => r.mget('a', 'none'));
  await say('pipeline', () => r.pipeline().set('p', 1).incr('p').lpush('p', 'x').get('p').exec().then(l => l.map(([e, v]) => [e && e.message, v])));
  await say('multi', () => r.multi().set('m', 1).incr('m').exec());
  await say('hash', async () => [await r.hset('h', { a: 1, b: 2 }), await r.hgetall('h')]);
  await say('zset', async () => [await r.zadd('z', 1, 'a', 2, 'b'), await r.zrange('z', 0, -1, 'WITHSCORES')]);
  r.defineCommand('echoing', { numberOfKeys: 1, lua: 'return {KEYS[1], ARGV[1], redis.call("GET", KEYS[1])}' });
  await say('lua', () => r.echoing('p', 'v'));
  await say('scan', async () => { const k = []; for await (const x of r.scanStream({ match: '*' })) k.push(...x); return k.sort(); });
  await say('stream', async () => [await r.xadd('s', '1-1', 'f', 'v'), await r.xread('COUNT', 1, 'STREAMS', 's', '0')]);
  await say('blpop', () => r.blpop('none', 0.1));
  await say('buffer', async () => (await r.getBuffer('a')).toString('hex'));
  await say('wrong type', () => r.lpush('a', 'x'));
  const s = new Redis(port), heard = [];
  s.on('message', (c, m) => heard.push([c, m]));
  s.on('pmessage', (p, c, m) => heard.push([p, c, m]));
  await s.subscribe('ch');
  await s.psubscribe('c*');
  await r.publish('ch', 'x');
  for (let i = 0; i < 100 && heard.length < 2; i++) await pause(20);
  await say('pubsub', async () => heard.sort());
  s.disconnect();
  const m = await new Redis(port).monitor(), lines = [];
  m.on('monitor', (t, args) => lines.push(args));
  await r.set('seen', '1');
  for (let i = 0; i < 100 && lines.length < 1; i++) await pause(20);
  await say('monitor', async () => lines);
  m.disconnect();
  process.exit(0);
})();
