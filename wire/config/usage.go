package config

import "strings"

// Usage is the text of --help.
func Usage(program string) string {
	return strings.ReplaceAll(`Usage: PROGRAM [/path/to/redis.conf] [options] [-]
       PROGRAM - (configuration from standard input)
       PROGRAM -v or --version
       PROGRAM -h or --help
       PROGRAM --test-memory <megabytes>
       PROGRAM --check-system

An option is any directive of redis.conf with its values; it counts after the file and standard input. Examples:
       PROGRAM
       PROGRAM /etc/redis/redis.conf
       PROGRAM --port 7777 --appendonly yes
       PROGRAM /etc/redis/redis.conf --loglevel verbose
       PROGRAM --save 900 1 300 10 --fr-mode hardened
       echo 'appendfsync always' | PROGRAM -
       PROGRAM /etc/redis/sentinel.conf --sentinel
`, "PROGRAM", program)
}
