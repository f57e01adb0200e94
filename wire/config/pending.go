package config

// Closing criteria: what has to be true before a parameter counts as acted on, behind what is to be seen of it until then.
const (
	needThreads   = "Only speed could tell: reading and writing sockets on further threads is measured to be of use"
	needMemcheck  = "Crash reports lack the section FAST MEMORY TEST: a crash tests the memory it happened in"
	needRehash    = "Nothing is to be seen: a memory layout exists for which it makes a difference"
	needSanitize  = "With `no`, too, a payload that does not hold together is refused: RESTORE and loading check nested encodings by it"
	needSyncRest  = "Only after a power cut during a save, which takes less: syncs that rest while a job runs are measured to be of use"
	needCollation = "SORT ALPHA orders as in the C locale: it orders by this one"
)
