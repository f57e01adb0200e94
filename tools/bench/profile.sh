#!/usr/bin/env bash
# Makes the profile by which the compiler decides what to inline: SERVER under a mix of commands, alone and in pipelines, without
# a log and with one; the processor profiles of all runs become OUT. Usage: profile.sh SERVER OUT
set -feuo pipefail
server=$1 out=$2
bench=.peers/bin/redis-benchmark
[ -x $bench ] || bench=${FR_PEERS:-/opt/peers}/bin/redis-benchmark
dir=$(mktemp -d)
trap 'kill $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
port=$((20000 + RANDOM % 10000))
for aof in no yes; do
	mkdir "$dir/$aof"
	FR_CPU_PROFILE=$dir/$aof.prof "$server" --port $port --save "" --dir "$dir/$aof" --appendonly $aof >"$dir/$aof.log" 2>&1 &
	pid=$!
	until grep -qs 'Ready to accept' "$dir/$aof.log"; do sleep 0.1; done
	run() { "$bench" -p $port -q -c 50 -r 100000 "$@" >/dev/null; }
	run -n 2000 -r 200 sadd a m:__rand_int__
	run -n 2000 -r 200 sadd b m:__rand_int__
	run -n 100 -r 10 hset h f:__rand_int__ v
	for pipeline in 1 16; do
		n=$((30000 + 15000 * pipeline))
		run -P $pipeline -n $n -d 64 -t set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd
		run -P $pipeline -n $((n / 4)) -d 64 -t mset,lrange_100
		run -P $pipeline -n $((n / 16)) -d 64 -t lrange_300,lrange_600
		for command in "xadd s * f 0123456789012345678901234567890123456789" "xadd t maxlen ~ 1000 * f 0123456789" "zadd z __rand_int__ m:__rand_int__" "zrange z 0 9" \
			"zrangebyscore z (__rand_int__ +inf limit 0 10" "zrank z m:__rand_int__" "hgetall h" "hincrby h n 1" \
			"mget key:__rand_int__ key:__rand_int__ key:__rand_int__" "expire key:__rand_int__ 100" "del key:__rand_int__"; do
			# shellcheck disable=SC2086
			run -P $pipeline -n $((n / 2)) $command
		done
		run -P $pipeline -n $((n / 16)) sinter a b
	done
	kill $pid
	wait $pid || true
done
go tool pprof -proto "$dir/no.prof" "$dir/yes.prof" >"$out" 2>/dev/null
echo "$out: $(stat -c %s "$out") bytes"
