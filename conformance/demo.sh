#!/usr/bin/env bash
# Shows what the server is for, with real processes and real files: an acknowledged write survives kill -9, and the data directory
# is exchanged with redis-server 7.0.15 and valkey 8.0.1, both ways; changed bytes are brought back, and what cannot be is named.
#
#   demo.sh [server]     default bin/frankenredis
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ours=$(realpath "${1:-$here/../bin/frankenredis}")
frctl=$(dirname "$ours")/frctl
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

# start BINARY DIR [OPTION...]: a server with the AOF on, on a free port, ready when this returns.
start() {
	local binary=$1 dir=$2 try
	shift 2
	mkdir -p "$dir"
	for try in 1 2 3 4 5; do
		port=$((10000 + RANDOM % 20000))
		"$binary" --port "$port" --bind 127.0.0.1 --dir "$dir" --appendonly yes --save "" "$@" >"$dir.log" 2>&1 &
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

say "5. Damage beyond the budget: nothing is touched, and what is lost is named."
start "$ours" "$work/lost" --enable-debug-command yes
for i in $(seq 24000); do printf 'SET order:%05d %01000d\r\n' "$i" "$i"; done | "$cli" -p "$port" --pipe >/dev/null
sleep 2.5
until_info fr_sidecars_bytes_behind 0
until_info fr_sidecars_waiting 0
want=$("$cli" -p "$port" debug digest)
log=$work/lost/appendonlydir/appendonly.aof.1.incr.aof
# A stripe of 16 MiB bears 2 MiB in a row; here a byte in each cell of 4 KiB changes, over 2.5 MiB.
for cell in $(seq 1000 1639); do printf 'R' | dd of="$log" bs=1 seek=$((cell * 4096 + 2000)) conv=notrunc status=none; done
echo "\$ (a byte in each of 640 cells of $(basename "$log") overwritten)"
damaged=$(sha256sum <"$log")
run fr.scrub repair
until_info fr_sidecars_files_beyond_repair 1
echo "\$ frctl verify $(basename "$log")"
status=0
"$frctl" verify "$log" >"$work/report" || status=$?
cut -c1-200 "$work/report"
[ "$status" = 3 ] || { echo "its exit status is $status, not 3" >&2; exit 1; }
grep -q '^  stream *LSN [0-9]* to [0-9]*$' "$work/report" && grep -q '^  keys .*order:0' "$work/report" || { echo "the report does not name what is lost" >&2; exit 1; }
[ "$damaged" = "$(sha256sum <"$log")" ] || { echo "the file was touched" >&2; exit 1; }
echo "What the operator does: the data set is in memory, so it is written anew."
run bgrewriteaof
until_info fr_sidecars_damaged_files 0
for _ in $(seq 100); do
	[ -e "$log" ] || break
	sleep 0.1
done
[ "$("$cli" -p "$port" debug digest)" = "$want" ] || { echo "the data changed" >&2; exit 1; }
until_info fr_sidecars_waiting 0
until_info fr_sidecars_bytes_behind 0
stop
"$frctl" verify "$work/lost" >/dev/null || { echo "the new files do not verify" >&2; exit 1; }
start "$ours" "$work/lost" --enable-debug-command yes
[ "$("$cli" -p "$port" debug digest)" = "$want" ] || { echo "the data changed" >&2; exit 1; }
stop
echo "the new files are clean, and hold what was there before. Had the server been down, it would have refused to start with the same
report; a replica or a backup has those keys then, and --salvage serves what comes before them."
