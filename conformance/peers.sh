#!/usr/bin/env bash
# Fetches the servers and tools that the conformance suite compares with:
#
#   redis-server 7.0.15, redis-cli, redis-benchmark, redis-check-aof   Debian 12
#   strace 6.1, lua5.1 5.1.5, openssl 3.0, par2 0.8.1                  Debian 12
#   redict 7.3.6, valkey 8.0.1                                         Debian 12 backports
#
# Nothing is installed: packages are downloaded with apt from the mirror that this machine's own apt sources name, and
# unpacked into a folder, so no service is started and no root is needed (default /opt/peers, else .peers in the
# checkout; FR_PEERS names another). A second run finds everything there and is done at once.
#
#   peers.sh           fetch what is missing, list what is there
#   peers.sh --dir     print the folder only
#   peers.sh --tools   also see to the compiler that `go test -race` needs (root on Debian only)
#
# Exit status 0: all there. 3: something is missing and CI is not set to true. 1: any other failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=bookworm

peers_dir() {
	if [ -n "${FR_PEERS:-}" ]; then
		echo "$FR_PEERS"
	elif [ -d /opt/peers ] || [ -w /opt ]; then
		echo /opt/peers
	else
		echo "$(dirname "$here")/.peers"
	fi
}

dir=$(peers_dir)
case "${1:-}" in
--dir)
	echo "$dir"
	exit 0
	;;
--tools)
	if ! command -v "${CC:-gcc}" >/dev/null 2>&1; then
		if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
			echo "peers: no C compiler, which go test -race needs: installing gcc"
			apt-get update -qq
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
		else
			echo "peers: no C compiler (${CC:-gcc}): go test -race needs one" >&2
			exit 1
		fi
	fi
	;;
"") ;;
*)
	sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
	exit 2
	;;
esac

# One row a peer: name, the version wanted, its packages, the programs to link into bin/. The libraries are added to each.
peers=(
	"redis|7.0.15|redis-server redis-tools|redis-server redis-cli redis-benchmark redis-check-aof redis-check-rdb"
	"redict|7.3.6|redict-server redict-tools libhiredict1.3.1|redict-server redict-cli"
	"valkey|8.0.1|valkey-server valkey-tools|valkey-server valkey-cli"
	"strace|6.1|strace libunwind8|strace"
	"lua|5.1.5|lua5.1 liblua5.1-0 libreadline8 libtinfo6|lua5.1"
	"openssl|3.0|openssl|openssl"
	"par2|0.8.1|par2 libgomp1|par2"
)
libraries="libatomic1 libcap2 libjemalloc2 liblzf1 libssl3 libstdc++6 libsystemd0"

# works NAME VERSION PROGRAM: the program starts and is of that version.
works() {
	local out
	case "$3" in
	redis-check-*) [ -x "$dir/bin/$3" ] ;;
	lua5.1)
		out=$("$dir/bin/$3" -v 2>&1) || return 1
		case "$out" in *"$2"*) return 0 ;; *) return 1 ;; esac
		;;
	openssl)
		out=$("$dir/bin/$3" version 2>/dev/null) || return 1
		case "$out" in "OpenSSL $2"*) return 0 ;; *) return 1 ;; esac
		;;
	*)
		out=$("$dir/bin/$3" --version 2>/dev/null) || return 1
		case "$out" in *"$2"*) return 0 ;; *) return 1 ;; esac
		;;
	esac
}

missing() {
	local row name version packages programs program
	for row in "${peers[@]}"; do
		IFS='|' read -r name version packages programs <<<"$row"
		for program in $programs; do
			if ! works "$name" "$version" "$program"; then
				echo "$name"
				break
			fi
		done
	done
}

report() {
	local row name version packages programs absent
	absent=" $(missing | tr '\n' ' ') "
	for row in "${peers[@]}"; do
		IFS='|' read -r name version packages programs <<<"$row"
		case "$absent" in
		*" $name "*) echo "peers: $name $version MISSING: nothing will be compared with it" ;;
		*) echo "peers: $name $version in $dir" ;;
		esac
	done
	[ -z "${absent// /}" ]
}

give_up() {
	echo "peers: $1" >&2
	report || true
	[ "${CI:-}" = true ] && exit 1
	exit 3
}

if [ -z "$(missing)" ]; then
	report
	exit 0
fi

for tool in apt-get dpkg awk; do
	command -v "$tool" >/dev/null 2>&1 || give_up "$tool is not here; the peers come as Debian packages"
done

# mirrors prints "URI SUITE" for each Debian 12 suite with component main in the machine's apt sources, of either syntax.
mirrors() {
	local f
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$f" ] || continue
		awk -v suite="$suite" '
			$1 == "deb" {
				sub(/\[[^]]*\]/, "")
				if ($3 ~ "^" suite "(-updates|-security)?$" && / main( |$)/) print $2, $3
			}' "$f"
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -f "$f" ] || continue
		awk -v suite="$suite" '
			function flush(   i, j, u, s) {
				if (comps ~ /(^| )main( |$)/ && enabled != "no") {
					split(uris, u, " "); split(suites, s, " ")
					for (i in u) for (j in s) if (s[j] ~ "^" suite "(-updates|-security)?$") print u[i], s[j]
				}
				uris = suites = comps = enabled = ""
			}
			/^#/ { next }
			/^[ \t]*$/ { flush(); next }
			/^URIs:/ { sub(/^[^:]*:[ \t]*/, ""); uris = $0; next }
			/^Suites:/ { sub(/^[^:]*:[ \t]*/, ""); suites = $0; next }
			/^Components:/ { sub(/^[^:]*:[ \t]*/, ""); comps = $0; next }
			/^Enabled:/ { enabled = $2; next }
			END { flush() }' "$f"
	done
}

sources=$(mirrors | sort -u)
main=$(awk -v s="$suite" '$2 == s {print $1; exit}' <<<"$sources")
[ -n "$main" ] || give_up "no $suite mirror in this machine's apt sources"

mkdir -p "$dir/bin" 2>/dev/null || give_up "cannot write $dir (set FR_PEERS)"
exec 9>"$dir/.lock"
flock 9

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial" "$tmp/debs"
signed=""
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keyring" ] && signed="[signed-by=$keyring]"
{
	while read -r uri s; do echo "deb $signed $uri $s main"; done <<<"$sources"
	echo "deb $signed $main $suite-backports main"
} >"$tmp/sources.list"
apt=(-qq
	-o Dir::Etc::sourcelist="$tmp/sources.list" -o Dir::Etc::sourceparts=/dev/null
	-o Dir::State::lists="$tmp/lists" -o Dir::Cache="$tmp/cache" -o APT::Sandbox::User=
	-o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=3)

todo=$(missing | tr '\n' ' ')
echo "peers: reading the package lists of $suite and $suite-backports"
apt-get "${apt[@]}" update || give_up "apt-get update failed"

for row in "${peers[@]}"; do
	IFS='|' read -r name version packages programs <<<"$row"
	case " $todo " in *" $name "*) ;; *) continue ;; esac
	echo "peers: fetching $name $version"
	rm -rf "$tmp/debs" "$tmp/root"
	mkdir -p "$tmp/debs" "$tmp/root"
	# shellcheck disable=SC2086  # lists of words
	(cd "$tmp/debs" && apt-get "${apt[@]}" download $packages $libraries) || {
		echo "peers: $name cannot be downloaded" >&2
		continue
	}
	for deb in "$tmp"/debs/*.deb; do dpkg -x "$deb" "$tmp/root"; done
	rm -rf "${dir:?}/$name"
	mv "$tmp/root" "$dir/$name"
	libs="$dir/$name/usr/lib/x86_64-linux-gnu:$dir/$name/lib/x86_64-linux-gnu"
	for program in $programs; do
		# exec keeps the process id: who starts the wrapper may signal and measure the server itself.
		printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$libs" "$dir/$name/usr/bin/$program" >"$dir/bin/$program.new"
		chmod 755 "$dir/bin/$program.new"
		mv "$dir/bin/$program.new" "$dir/bin/$program"
	done
	if unresolved=$(LD_LIBRARY_PATH=$libs ldd "$dir/$name/usr/bin/${programs%% *}" | grep 'not found'); then
		echo "peers: $name lacks shared libraries:" $unresolved >&2
	fi
done

report || give_up "some peers could not be had"
