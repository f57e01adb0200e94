// Package dict is a hash table of arena refs, for the keyspace, its expiry index, and
// big hashes, sets and sorted sets.
package dict
