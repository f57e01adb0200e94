package engine

// MemoryReport says where the memory is, in bytes: for INFO memory and MEMORY STATS.
type MemoryReport struct {
	Used, Peak int64 // used_memory: data, clients and buffers
	Startup    int64 // of it, before anything was loaded
	Clients    int64
	LogBuffer  int64
	Replicas   int64 // what waits for replicas, and the connections themselves
	Backlog    int64 // of replication
	Keys       int
	Databases  []DatabaseMemory // that have keys

	// Blocks, the pages they lie in, and those with the empty ones that were not given back to the system yet.
	ArenaUsed, ArenaPages, ArenaResident int64
	Resident                             int64 // of the process
}

// DatabaseMemory is what one database's tables take, in bytes.
type DatabaseMemory struct {
	ID                    int
	Keys, Volatile, Slots int64
}

func ratio(a, b int64) float64 { return float64(a) / float64(max(b, 1)) }

// Overhead is what is not data: what there is from the start, tables, clients and buffers. The tables of empty databases
// are part of Startup.
func (r *MemoryReport) Overhead() int64 {
	n := r.Startup + r.Clients + r.LogBuffer + r.Replicas + r.Backlog
	for _, db := range r.Databases {
		n += db.Keys + db.Volatile + db.Slots
	}
	return n
}

// Dataset is the keys with their values.
func (r *MemoryReport) Dataset() int64 { return max(r.Used-r.Overhead(), 0) }

// DatasetPercent is the share of Dataset in what has come since the start.
func (r *MemoryReport) DatasetPercent() float64 {
	return min(100*ratio(r.Dataset(), r.Used-r.Startup), 100)
}

// PeakPercent is the share of Used in Peak.
func (r *MemoryReport) PeakPercent() float64 { return 100 * ratio(r.Used, r.Peak) }

// BytesPerKey is the average cost of a key.
func (r *MemoryReport) BytesPerKey() int64 {
	if r.Keys == 0 {
		return 0
	}
	return max(r.Used-r.Startup, 0) / int64(r.Keys)
}

// FragmentationRatio is how much larger the arena's pages are than what lies in them.
func (r *MemoryReport) FragmentationRatio() float64 { return ratio(r.ArenaPages, r.ArenaUsed) }

// EmptyRatio is how much larger the arena is with its empty pages.
func (r *MemoryReport) EmptyRatio() float64 { return ratio(r.ArenaResident, r.ArenaPages) }

// ResidentRatio is how much larger the process is than the arena.
func (r *MemoryReport) ResidentRatio() float64 { return ratio(r.Resident, r.ArenaResident) }

// TotalRatio is how much larger the process is than what it uses.
func (r *MemoryReport) TotalRatio() float64 { return ratio(r.Resident, r.Used) }
