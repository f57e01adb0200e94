#!/usr/bin/env bash
# Fetches client libraries of other languages, unmodified, for the tests whose names begin with TestForeign: ioredis, node-redis, BullMQ,
# Bull, Bee-Queue, Redlock, socket.io with its adapters, rate-limiter-flexible and connect-redis by npm, redis-py, rq and the Prometheus
# exporter from Debian. Nothing is installed: all goes into $FR_CLIENTS (default /opt/clients).
set -euo pipefail

dir=${FR_CLIENTS:-/opt/clients}
mkdir -p "$dir/debian"
if command -v npm >/dev/null 2>&1; then
	npm install --silent --no-fund --no-audit --prefix "$dir" ioredis@5 redis@5 bullmq@5 bull@4 bee-queue@1 redlock@5.0.0-beta.2 rate-limiter-flexible@7 connect-redis@9 express-session@1 \
		socket.io@4 socket.io-client@4 @socket.io/redis-adapter@8 @socket.io/redis-streams-adapter@0
else
	echo "clients: no npm, what it fetches is left out" >&2
fi
cd "$dir/debian"
for package in python3-redis python3-rq python3-click python3-colorama python3-dateutil python3-six python3-croniter python3-tz python3-async-timeout python3-deprecated python3-wrapt python3-packaging prometheus-redis-exporter; do
	apt-get download "$package"
	dpkg -x "$package"_*.deb root
done
