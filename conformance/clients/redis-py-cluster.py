# What programs do with a cluster by way of redis-py, at once and with asyncio. Usage: python3 redis-py-cluster.py PORT...; as redis-py.py.
import asyncio
import logging
import sys

import redis
from redis.asyncio.cluster import ClusterNode as AsyncNode
from redis.asyncio.cluster import RedisCluster as AsyncCluster
from redis.cluster import ClusterNode, RedisCluster

ports = [int(p) for p in sys.argv[1:]]
keys = list("abcdefgh")
logging.disable()


def shown(e):
    return type(e).__name__ + ": " + str(e)


def say(name, f):
    try:
        v = f()
    except (redis.RedisError, redis.exceptions.RedisClusterException) as e:
        v = shown(e)
    print(name, repr(v))


c = RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", p) for p in ports], decode_responses=True)
c.flushall(target_nodes=RedisCluster.PRIMARIES)
say("nodes", lambda: (len(c.get_primaries()), len(c.get_replicas()), sorted(ports.index(n.port) for n in c.get_nodes())))
say("set and get", lambda: ([c.set(k, k + "1") for k in keys], [c.get(k) for k in keys]))
say("where", lambda: [(ports.index(c.get_node_from_key(k).port), c.keyslot(k)) for k in keys])
say("across", lambda: c.mget("a", "b"))
say("by slot", lambda: (c.mset_nonatomic({k: k + "2" for k in keys}), c.mget_nonatomic(keys)))
say("counted over nodes", lambda: (c.delete(*keys[:3]), c.exists(*keys), c.dbsize(target_nodes=RedisCluster.PRIMARIES)))
say("tags", lambda: (c.mset({"{t}1": 1, "{t}2": 2}), c.mget("{t}1", "{t}2", "{t}3"), c.cluster_countkeysinslot(c.keyslot("{t}1")), c.cluster_keyslot("{t}1")))
say("scan", lambda: sorted(c.scan_iter(count=1)))
say("keys", lambda: sorted(c.keys(target_nodes=RedisCluster.PRIMARIES)))
say("script", lambda: (c.eval("return {KEYS[1], ARGV[1]}", 1, "k", "v"), c.script_load("return 1"), c.script_exists("e0e1f9fabfc9d4800c877a703b823ac0578ff8db")))


def pipeline():
    p = c.pipeline()
    for k in keys:
        p.set(k, 5).incr(k)
    return p.execute()


def failing():
    p = c.pipeline()
    p.lpush("a", "x").get("b")
    return [shown(v) if isinstance(v, Exception) else v for v in p.execute(raise_on_error=False)]


say("pipeline", pipeline)
say("a failing one", failing)
say("blocking", lambda: (c.rpush("l", "x"), c.blpop("l", timeout=5), c.blpop("l", timeout=0.1)))
say("streams", lambda: (c.xadd("s", {"f": 1}, id="1-1"), c.xread({"s": "0"})))
say("info of a node", lambda: c.info("cluster", target_nodes=c.get_node_from_key("a")))
say("slots", lambda: sorted((*k, ports.index(v["primary"][1])) for k, v in c.cluster_slots().items()))
say("state", lambda: {n: c.cluster_info()[n] for n in ("cluster_state", "cluster_slots_ok", "cluster_size")})
say("lock", lambda: (lambda l: (l.acquire(), l.locked(), l.release(), l.locked()))(c.lock("lock", timeout=5)))


async def together():
    a = AsyncCluster(startup_nodes=[AsyncNode("127.0.0.1", p) for p in ports], decode_responses=True)
    got = [await asyncio.gather(*[a.set(k, k + "3") for k in keys]), await asyncio.gather(*[a.get(k) for k in keys])]
    got.append(await a.pipeline().incr("n").get("a").incr("{n}").execute())
    try:
        await a.mget("a", "b")
    except redis.exceptions.RedisClusterException as e:
        got.append(shown(e))
    await a.close()
    return got


say("asyncio", lambda: asyncio.run(together()))
