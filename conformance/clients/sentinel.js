// What programs do with Sentinel by way of ioredis and node-redis. Usage: node sentinel.js PORT: a Sentinel's that watches a primary with
// a replica under the name m. As ioredis.js.
const Redis = require('ioredis');
const { createSentinel } = require('redis');
const port = +process.argv[2];
const pause = ms => new Promise(done => setTimeout(done, ms));
const until = async f => { for (let i = 0; i < 1500; i++) { const v = await f(); if (v) return v; await pause(20); } throw new Error('waited in vain for ' + f); };
const say = async (name, f) => {
  let v;
  try { v = await f(); } catch (e) { v = 'error ' + e.message; }
  console.log(name, JSON.stringify(v));
};
(async () => {
  const at = { sentinels: [{ host: '127.0.0.1', port }], name: 'm' };
  const c = new Redis({ ...at, failoverDetector: true }), replica = new Redis({ ...at, role: 'slave' }), s = new Redis(port);
  for (const x of [c, replica]) x.on('error', () => {}); // that it finds no primary for a while
  await say('set', () => c.set('a', '1'));
  await say('roles', async () => [(await c.role())[0], (await replica.role())[0]]);
  await say('on the replica', async () => until(() => replica.get('a')));
  await say('written there', () => replica.set('a', '2'));
  await say('sentinel', async () => [await s.sentinel('ckquorum', 'm'), (await s.role())[0], (await s.sentinel('masters')).length, await s.sentinel('get-master-addr-by-name', 'none')]);
  await say('not a sentinel’s', () => s.set('a', '1'));
  const heard = [], listener = new Redis(port);
  listener.on('pmessage', (p, ch) => heard.push(ch));
  await listener.psubscribe('*');
  const was = (await s.sentinel('get-master-addr-by-name', 'm'))[1];
  await say('failover', () => until(() => s.sentinel('failover', 'm').catch(() => null)));
  await until(async () => (await s.sentinel('get-master-addr-by-name', 'm'))[1] !== was);
  await say('after it', async () => until(async () => (await c.set('b', '2').catch(() => '')) === 'OK' && (await c.role())[0] === 'master'));
  await say('kept', () => c.mget('a', 'b'));
  await say('events', async () => { await until(() => heard.includes('+switch-master')); return ['+failover-state-select-slave', '+selected-slave', '+promoted-slave', '+switch-master'].filter(x => heard.includes(x)); });
  await say('the old one follows', () => until(async () => { const r = (await s.sentinel('replicas', 'm'))[0]; return r[r.indexOf('flags') + 1] === 'slave' && r[r.indexOf('port') + 1] === was; }));

  const n = createSentinel({ name: 'm', sentinelRootNodes: [{ host: '127.0.0.1', port }] });
  await n.connect();
  await say('node-redis', async () => [await n.set('c', '3'), await n.get('c'), await n.multi().incr('c').get('c').exec()]);
  await say('one client', () => n.use(async one => [await one.watch('c'), await one.multi().set('c', '9').exec()]));
  n.destroy();
  process.exit(0);
})();
