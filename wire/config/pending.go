package config

// Closing criteria: what has to be true before a parameter counts as acted on.
const (
	needPingEvery   = "a node's links are pinged as often as it says"
	needCPUAffinity = "the threads named by it run on the listed processors only"
	needThreads     = "reading and writing sockets on further threads is measured to be of use"
	needMemcheck    = "a crash tests the memory it happened in"
	needRehash      = "a memory layout exists for which it makes a difference"
	needSanitize    = "RESTORE and loading check nested encodings by it"
	needSyncRest    = "syncs that rest while a job runs are measured to be of use"
	needCollation   = "SORT ALPHA orders by it"
)
