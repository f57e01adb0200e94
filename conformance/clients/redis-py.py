# What programs do with redis-py. Usage: python3 redis-py.py PORT; each line of the output is a name and what came back.
import sys

import redis

port = int(sys.argv[1])
r = redis.Redis(port=port, decode_responses=True)
r.flushall()


def say(name, f):
    try:
        v = f()
    except redis.RedisError as e:
        v = type(e).__name__ + ": " + str(e)
    print(name, repr(v))


def locked():
    lock = r.lock("lock", timeout=5)
    return lock.acquire(), lock.locked(), lock.extend(5), lock.release(), lock.locked()


def heard():
    p = r.pubsub()
    p.subscribe("ch")
    p.psubscribe("c*")
    got = [p.get_message(timeout=5) for _ in range(2)]
    r.publish("ch", "hi")
    got += [p.get_message(timeout=5) for _ in range(2)]
    got += [r.pubsub_numsub("ch"), r.pubsub_channels(), r.pubsub_numpat()]
    p.close()
    return got


def pending():
    r.xgroup_create("s", "g", "0")
    got = [r.xreadgroup("g", "c", {"s": ">"}), r.xpending("s", "g"), r.xautoclaim("s", "g", "c2", 0)]
    return got + [r.xack("s", "g", "1-1"), r.xinfo_groups("s")]


say("set", lambda: (r.set("a", 1, ex=100), r.getex("a", persist=True), r.ttl("a"), r.getdel("a")))
say("numbers", lambda: (r.mset({"x": 1, "y": 2}), r.incrbyfloat("x", 1.5), r.mget("x", "y", "z")))
say("hash", lambda: (r.hset("h", mapping={"a": 1, "b": 2}), r.hgetall("h"), sorted(r.hrandfield("h", 5))))
say("zset", lambda: (r.zadd("z", {"a": 1, "b": 2.5}, gt=True), r.zrange("z", 0, -1, withscores=True), r.zpopmax("z"), r.bzpopmin("z", 1)))
say("list", lambda: (r.rpush("l", "a", "b", "a"), r.lpos("l", "a", rank=2), r.blmove("l", "l2", 1), r.lmpop(2, "l", "l2", direction="LEFT", count=2)))
say("stream", lambda: (r.xadd("s", {"f": 1}, id="1-1"), r.xinfo_stream("s")))
say("group", pending)
say("geo", lambda: (r.geoadd("geo", (13.361389, 38.115556, "P", 15.087269, 37.502669, "C")), r.geodist("geo", "P", "C", "km"),
                    r.geosearch("geo", longitude=15, latitude=37, radius=200, unit="km", withdist=True, sort="ASC")))
say("pipeline", lambda: r.pipeline().set("p", 1).incr("p").get("p").execute())
say("transaction", lambda: r.transaction(lambda p: (p.multi(), p.incr("p")), "p"))
say("lock", locked)
say("script", lambda: r.register_script("return {KEYS[1], ARGV[1], redis.call('GET', KEYS[1])}")(keys=["p"], args=["z"]))
say("pubsub", heard)
say("acl", lambda: (r.acl_setuser("u", enabled=True, passwords=["+p"], categories=["+@read"], keys=["k*"]), r.acl_getuser("u"), r.acl_deluser("u"), r.acl_whoami()))
say("object", lambda: (r.object("encoding", "h"), r.dump("nothing"), r.command_getkeys("MSET", "a", "1", "b", "2")))
say("bits", lambda: (r.bitfield("bf").set("u8", 0, 255).incrby("u8", 0, 1).execute(), r.setbit("b", 3, 1), r.bitcount("b"), r.bitpos("b", 1)))
say("counting", lambda: (r.pfadd("hll", *range(100)), r.pfcount("hll")))
say("expire", lambda: (r.expire("h", 100, nx=True), r.persist("h"), r.copy("h", "h3")))
say("wrong type", lambda: r.get("h"))
say("slowlog", lambda: (r.slowlog_reset(), r.slowlog_len(), r.wait(0, 10), r.echo("x")))
