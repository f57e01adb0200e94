#!/usr/bin/env bash
# Fetches client libraries of other languages, unmodified, for TestForeignClients: ioredis and node-redis by npm, redis-py and the
# Prometheus exporter from Debian. Nothing is installed: all of it goes into $FR_CLIENTS (default /opt/clients).
set -euo pipefail

dir=${FR_CLIENTS:-/opt/clients}
mkdir -p "$dir/debian"
if command -v npm >/dev/null 2>&1; then
	npm install --silent --no-fund --no-audit --prefix "$dir" ioredis@5 redis@5
else
	echo "clients: no npm, ioredis and node-redis are left out" >&2
fi
cd "$dir/debian"
for package in python3-redis python3-async-timeout python3-deprecated python3-wrapt python3-packaging prometheus-redis-exporter; do
	apt-get download "$package"
	dpkg -x "$package"_*.deb root
done
