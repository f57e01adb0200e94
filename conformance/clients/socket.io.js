// What programs do with socket.io across two servers, by the adapter on messages, sharded messages and streams. Usage: as ioredis.js.
const { createServer } = require('http');
const { Server } = require('socket.io');
const { io } = require('socket.io-client');
const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
const streams = require('@socket.io/redis-streams-adapter');
const { createClient } = require('redis');
const port = +process.argv[2];
const pause = ms => new Promise(done => setTimeout(done, ms));
const until = async f => { for (let i = 0; i < 500; i++) { const v = await f(); if (v) return v; await pause(20); } throw new Error('waited in vain for ' + f); };
const say = async (name, f) => {
  let v;
  try { v = await f(); } catch (e) { v = 'error ' + e.message; }
  console.log(name, JSON.stringify(v));
};
async function client() {
  const c = createClient({ url: 'redis://127.0.0.1:' + port });
  await c.connect();
  return c;
}
const kinds = {
  messages: async () => createAdapter(await client(), await client()),
  sharded: async () => createShardedAdapter(await client(), await client()),
  streams: async () => streams.createAdapter(await client()),
};
(async () => {
  const c = await client();
  await c.flushAll();
  for (const [kind, adapter] of Object.entries(kinds)) {
    const n = x => kind + ' ' + x, servers = [], sockets = [], heard = [[], []];
    for (let i = 0; i < 2; i++) {
      const http = createServer();
      const server = new Server(http, { adapter: await adapter() });
      server.on('connection', s => { s.join('room' + i); s.join('both'); });
      server.on('between', (v, back) => back && back('server ' + i + ' got ' + v));
      await new Promise(done => http.listen(0, '127.0.0.1', done));
      const s = io('http://127.0.0.1:' + http.address().port, { transports: ['websocket'] });
      s.onAny((e, v) => heard[i].push(e + ' ' + v));
      s.on('ask', (v, back) => back(v + i));
      await new Promise(done => s.on('connect', done));
      servers.push(server);
      sockets.push(s);
    }
    const [one, two] = servers;
    await until(async () => (await one.of('/').adapter.serverCount()) === 2);
    await say(n('servers'), () => one.of('/').adapter.serverCount());
    await until(async () => (await one.fetchSockets()).length === 2 && (await two.fetchSockets()).length === 2);
    await say(n('sockets'), async () => (await one.fetchSockets()).map(s => [...s.rooms].filter(r => r !== s.id).sort()).sort());
    one.to('room1').emit('hi', 'from one');
    two.emit('all', 'from two');
    one.to('both').except('room0').emit('some', 'but not 0');
    await until(() => heard[0].length >= 1 && heard[1].length >= 3);
    await say(n('heard'), async () => heard.map(h => h.sort()));
    await say(n('answers'), async () => (await two.timeout(5000).emitWithAck('ask', 'q')).sort());
    await say(n('between'), () => one.serverSideEmitWithAck('between', 'v'));
    await say(n('joined from afar'), async () => { one.in('room1').socketsJoin('new'); return until(async () => (await two.in('new').fetchSockets()).length === 1); });
    await say(n('sent away from afar'), async () => { two.in('room0').disconnectSockets(true); return until(async () => (await one.fetchSockets()).length === 1); });
    for (const s of sockets) s.disconnect();
    for (const s of servers) await s.close();
  }
  await say('keys', () => c.keys('*'));
  process.exit(0);
})();
