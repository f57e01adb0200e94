#!/usr/bin/env bash
# Shows what the server is for, with real processes and real files: an acknowledged write survives kill -9, and the data directory
# is exchanged with redis-server 7.0.15 and valkey 8.0.1, both ways; changed bytes are brought back.
#
#   demo.sh [server]     default bin/frankenredis
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ours=$(realpath "${1:-$here/../bin/frankenredis}")
peers=$("$here/peers.sh" --dir)/bin
cli=$peers/redis-cli
[ -x "$cli" ] || cli=$(command -v redis-cli) || { echo "no redis-cli: run conformance/peers.sh" >&2; exit 1; }

work=$(mktemp -d)
pid=
cleanup() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

say() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }
run() {
	printf '$ %s\n' "redis-cli $*"
	"$cli" -p "$port" "$@"
}

# start BINARY DIR: a server with the AOF on, on a free port, ready when this returns.
start() {
	local binary=$1 dir=$2 try
	mkdir -p "$dir"
	for try in 1 2 3 4 5; do
		port=$((10000 + RANDOM % 20000))
		"$binary" --port "$port" --bind 127.0.0.1 --dir "$dir" --appendonly yes --save "" >"$dir.log" 2>&1 &
		pid=$!
		for _ in $(seq 500); do
			kill -0 "$pid" 2>/dev/null || break
			[ "$("$cli" -p "$port" ping 2>/dev/null)" = PONG ] && return 0
			sleep 0.02
		done
		kill -9 "$pid" 2>/dev/null || true
		grep -q 'Address already in use' "$dir.log" || break
	done
	echo "$binary did not start in $dir:" >&2
	cat "$dir.log" >&2
	pid=
	exit 1
}

stop() {
	"$cli" -p "$port" shutdown >/dev/null 2>&1 || true
	wait "$pid" 2>/dev/null || true
	pid=
}

# contents: every key of the running server with value and absolute expiry, sorted.
contents() {
	local db key
	for db in 0 1; do
		"$cli" -p "$port" -n "$db" --scan | sort | while IFS= read -r key; do
			printf 'db%s %s = %s @ %s\n' "$db" "$key" "$("$cli" --no-raw -p "$port" -n "$db" get "$key")" \
				"$("$cli" -p "$port" -n "$db" pexpiretime "$key")"
		done
	done
}

fill() {
	"$cli" -p "$port" >/dev/null <<'COMMANDS'
set greeting "hello, world"
set counter 41
incr counter
set session token pxat 33177117420000
setrange padded 5 "\x00\xff binary"
multi
set account:a 90
set account:b 110
exec
select 1
mset a 1 b 2 c 3
append a "23"
rename b renamed
del c
COMMANDS
}

say "1. A write that was acknowledged survives kill -9."
start "$ours" "$work/ours"
run set greeting "hello, world"
echo "\$ kill -9 $pid"
{ kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true
echo "\$ (start again in the same directory)"
start "$ours" "$work/ours"
run get greeting
[ "$("$cli" -p "$port" get greeting)" = "hello, world" ] || { echo "LOST" >&2; exit 1; }

say "2. Our data directory, loaded by stock servers."
fill
contents >"$work/want"
stop
find "$work/ours" -type f -printf '   %P  %s bytes\n' | sort
for peer in redis-server valkey-server; do
	if [ ! -x "$peers/$peer" ]; then
		echo "$peer: NOT COMPARED, it is not here (conformance/peers.sh fetches it)"
		continue
	fi
	cp -r "$work/ours" "$work/in-$peer"
	start "$peers/$peer" "$work/in-$peer"
	contents >"$work/got"
	stop
	diff "$work/want" "$work/got" || { echo "$peer sees something else" >&2; exit 1; }
	echo "$("$peers/$peer" --version | cut -d' ' -f1-3): all $(wc -l <"$work/want") keys, values and lifetimes are equal"
done

say "3. Their data directories, loaded by us."
for peer in redis-server valkey-server; do
	[ -x "$peers/$peer" ] || continue
	start "$peers/$peer" "$work/of-$peer"
	fill
	contents >"$work/want"
	stop
	start "$ours" "$work/of-$peer"
	contents >"$work/got"
	stop
	diff "$work/want" "$work/got" || { echo "we see something else than $peer wrote" >&2; exit 1; }
	echo "$("$peers/$peer" --version | cut -d' ' -f1-3): all $(wc -l <"$work/want") keys, values and lifetimes are equal"
done

say "What we now hold, as redis-cli shows it:"
sed 's/^/   /' "$work/got"

# until_info FIELD VALUE: waits until INFO's section on sidecars says so.
until_info() {
	for _ in $(seq 300); do
		[ "$("$cli" -p "$port" info sidecars | tr -d '\r' | sed -n "s/^$1://p")" = "$2" ] && return 0
		sleep 0.1
	done
	echo "$1 does not become $2" >&2
	exit 1
}

say "4. Changed bytes are found and brought back while the server runs."
start "$ours" "$work/rot"
fill
"$cli" -p "$port" save >/dev/null
contents >"$work/want"
sleep 2.5 # a sync, and the sidecar behind it
until_info fr_sidecars_bytes_behind 0
until_info fr_sidecars_waiting 0
for file in dump.rdb appendonlydir/appendonly.aof.1.incr.aof; do
	cp "$work/rot/$file" "$work/was-$(basename "$file")"
	printf 'ROT' | dd of="$work/rot/$file" bs=1 seek=60 conv=notrunc status=none
	echo "\$ (three bytes of $file overwritten)"
done
run fr.scrub start
until_info fr_sidecars_damaged_files 2
run info sidecars | grep -E 'damaged_files|cells_found'
run fr.scrub repair
until_info fr_sidecars_damaged_files 0
for file in dump.rdb appendonlydir/appendonly.aof.1.incr.aof; do
	cmp "$work/rot/$file" "$work/was-$(basename "$file")" || { echo "$file is not what it was" >&2; exit 1; }
done
rm "$work/rot/heal/"dump.rdb.*.rs
echo "\$ (the sidecar of dump.rdb removed)"
run fr.scrub start
until_info fr_sidecars_sidecars_made_anew 1
contents | diff "$work/want" - || { echo "the data changed" >&2; exit 1; }
stop
echo "both files are bit for bit what they were, the sidecar is back, and all $(wc -l <"$work/want") keys are equal"
