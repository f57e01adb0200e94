// Package wal is the log: the append-only file as Redis 7 lays it out.
package wal
