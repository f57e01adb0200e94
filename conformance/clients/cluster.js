// What programs do with a cluster by way of ioredis and node-redis, in both of that one's protocols. Usage: node cluster.js PORT...; as
// ioredis.js. Which node has which slot is the same wherever it is asked, so that nothing is left out but ports and names.
const Redis = require('ioredis');
const { createCluster } = require('redis');
const ports = process.argv.slice(2).map(Number);
const pause = ms => new Promise(done => setTimeout(done, ms));
const until = async f => { for (let i = 0; i < 500; i++) { const v = await f(); if (v) return v; await pause(20); } throw new Error('waited in vain for ' + f); };
const say = async (name, f) => {
  let v;
  try { v = await f(); } catch (e) { v = 'error ' + e.message; }
  console.log(name, JSON.stringify(v).replaceAll(/127\.0\.0\.1:\d+/g, m => 'node ' + ports.indexOf(+m.split(':')[1])));
};
const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

async function withIoredis() {
  const c = new Redis.Cluster(ports.map(port => ({ port, host: '127.0.0.1' })), { enableAutoPipelining: true });
  await new Promise(done => c.once('ready', done));
  const nodes = ports.map(port => new Redis(port));
  for (const n of nodes) await n.flushall();
  await say('nodes', async () => ['master', 'slave', 'all'].map(role => c.nodes(role).length));
  await say('set and get', async () => [await Promise.all(keys.map(k => c.set(k, k + 1))), await Promise.all(keys.map(k => c.get(k)))]);
  await say('where', async () => Promise.all(nodes.map(async n => (await n.keys('*')).sort())));
  await say('slots', async () => (await c.cluster('SLOTS')).map(s => s.slice(0, 2)).sort((a, b) => a[0] - b[0]));
  await say('crossing', () => c.mget(...keys));
  await say('tags', async () => [await c.mset('{t}1', 1, '{t}2', 2), await c.mget('{t}1', '{t}2', '{t}3')]);
  await say('pipeline', () => c.pipeline().set('{t}1', 5).incr('{t}1').lpush('{t}1', 'x').exec().then(l => l.map(([e, v]) => [e && e.message, v])));
  await say('multi', () => c.multi().incr('{t}2').get('{t}2').exec());
  await say('multi that fails', () => c.multi().incr('{t}2').lpush('{t}2', 'x').exec().then(l => l.map(([e, v]) => [e && e.message, v])));
  c.defineCommand('swap', { numberOfKeys: 2, lua: `local a, b = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
    redis.call('MSET', KEYS[1], b, KEYS[2], a) return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}` });
  await say('script', () => c.swap('{t}1', '{t}2'));
  await say('key not declared', () => c.eval("return redis.call('GET', 'a')", 1, 'b'));
  await say('scan', async () => {
    const found = [];
    for (const n of c.nodes('master')) for await (const k of n.scanStream({ count: 2 })) found.push(...k);
    return [...new Set(found)].sort();
  });
  const other = new Redis.Cluster(ports.map(port => ({ port, host: '127.0.0.1' })));
  await say('blocking', async () => { const wait = other.blpop('{l}1', 60); await c.rpush('{l}2', 'x'); await c.lmove('{l}2', '{l}1', 'LEFT', 'LEFT'); return wait; });
  other.disconnect();
  const s = new Redis.Cluster(ports.map(port => ({ port, host: '127.0.0.1' })), { shardedSubscribers: true }), heard = [];
  await new Promise(done => s.once('ready', done));
  s.on('message', (ch, m) => heard.push([ch, m]));
  s.on('smessage', (ch, m) => heard.push(['s', ch, m]));
  await s.subscribe('ch');
  await s.ssubscribe('shard');
  await until(async () => { await c.publish('ch', 'x'); await c.spublish('shard', 'y'); await pause(20); return new Set(heard.map(String)).size === 2; });
  await say('messages', async () => [...new Set(heard.map(String))].sort());
  s.disconnect();

  // A slot that moves, key by key.
  const tagged = '{t}', slot = await nodes[0].cluster('KEYSLOT', tagged);
  const names = await Promise.all(nodes.map(n => n.cluster('MYID')));
  const owner = (await c.cluster('SLOTS')).find(s => s[0] <= slot && slot <= s[1])[2][1], from = ports.indexOf(owner), to = (from + 1) % ports.length;
  const fresh = () => new Redis.Cluster([{ port: ports[to], host: '127.0.0.1' }]);
  await say('moving', async () => [await nodes[to].cluster('SETSLOT', slot, 'IMPORTING', names[from]), await nodes[from].cluster('SETSLOT', slot, 'MIGRATING', names[to])]);
  await say('one key', () => nodes[from].migrate('127.0.0.1', ports[to], '', 0, 5000, 'KEYS', '{t}1'));
  await say('asked', () => nodes[from].get('{t}1'));
  await say('not asking', () => nodes[to].get('{t}1'));
  await say('half', () => nodes[from].mget('{t}1', '{t}2'));
  await say('through both', async () => { const f = fresh(); const v = [await f.get('{t}1'), await f.get('{t}2'), await f.set('{t}4', 'new')]; f.disconnect(); return v; });
  await say('in the slot', async () => [await nodes[from].cluster('GETKEYSINSLOT', slot, 10), (await nodes[to].cluster('GETKEYSINSLOT', slot, 10)).sort(), await nodes[to].cluster('COUNTKEYSINSLOT', slot)]);
  await say('the rest', () => nodes[from].migrate('127.0.0.1', ports[to], '', 0, 5000, 'KEYS', '{t}2', '{t}3'));
  await say('moved', async () => [await nodes[to].cluster('SETSLOT', slot, 'NODE', names[to]), await nodes[from].cluster('SETSLOT', slot, 'NODE', names[to])]);
  await say('found there', async () => [await c.get('{t}1'), await c.get('{t}2'), await nodes[from].get('{t}1').catch(e => e.message)]);
  for (const n of nodes) n.disconnect();
  c.disconnect();
}

async function withNodeRedis(RESP) {
  const c = createCluster({ rootNodes: ports.map(port => ({ url: 'redis://127.0.0.1:' + port })), defaults: { RESP }, RESP });
  await c.connect();
  const n = x => 'resp' + RESP + ' ' + x;
  await say(n('nodes'), async () => [c.masters.length, c.replicas.length, Object.keys(c.slots).length]);
  await say(n('set and get'), async () => [await Promise.all(keys.map(k => c.set(k, k + RESP))), await Promise.all(keys.map(k => c.get(k)))]);
  await say(n('hash'), async () => [await c.hSet('h{' + RESP + '}', { a: 1, b: 2 }), await c.hGetAll('h{' + RESP + '}')]);
  await say(n('multi'), () => c.multi().set('{m}1', '1').incr('{m}1').get('{m}1').exec());
  await say(n('crossing'), () => c.mGet(['a', 'b', 'c']));
  await say(n('sorted set'), async () => [await c.zAdd('z', { score: 1.5, value: 'x' }), await c.zRangeWithScores('z', 0, -1)]);
  await say(n('script'), () => c.eval('return {KEYS[1], ARGV[1]}', { keys: ['k'], arguments: ['v'] }));
  const heard = [];
  await c.subscribe('ch', (m, ch) => heard.push(ch + ' ' + m));
  await c.sSubscribe('shard', (m, ch) => heard.push('s ' + ch + ' ' + m));
  await until(async () => { await c.publish('ch', 'x'); await c.sPublish('shard', 'y'); await pause(20); return new Set(heard).size === 2; });
  await say(n('messages'), async () => [...new Set(heard)].sort());
  c.destroy();
}
(async () => {
  await withIoredis();
  await withNodeRedis(2);
  await withNodeRedis(3);
  process.exit(0);
})();
