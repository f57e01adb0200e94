package main

import (
	"bytes"
	"os"
	"runtime/metrics"
	"strconv"

	"golang.org/x/sys/unix"

	"frankenredis/wire/engine"
)

// residentBytes is the process's resident set.
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// heapBytes is what the Go heap holds, garbage included.
func heapBytes() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// memory notes how much memory is in use, and the peak of it.
func (s *server) memory() (used, peak int64) {
	backlog, replicas := s.replicationMemory()
	used = s.eng.UsedMemory() + s.logBuffer() + backlog + replicas
	st := s.eng.Stats()
	st.PeakMemory = max(st.PeakMemory, used)
	return used, st.PeakMemory
}

// memoryReport is what INFO and MEMORY tell of. used_memory is exact: data by the arena's block sizes, and buffers. The Go heap
// around it, which holds connections, tables and garbage, shows in the resident set.
func (s *server) memoryReport() engine.MemoryReport {
	r := engine.MemoryReport{
		Startup: s.load.startBytes, Clients: s.eng.ClientBytes(), LogBuffer: s.logBuffer(), Resident: residentBytes(),
	}
	r.Used, r.Peak = s.memory()
	r.Backlog, r.Replicas = s.replicationMemory()
	st := s.ks.Arena().Stats()
	r.ArenaUsed, r.ArenaPages, r.ArenaResident = st.UsedBytes, st.PageBytes-st.IdleBytes, st.PageBytes
	for i := range s.ks.Len() {
		db := s.ks.DB(i)
		keys, volatile, slots := db.TableBytes()
		r.Keys += db.Len()
		if db.Len() > 0 {
			r.Databases = append(r.Databases, engine.DatabaseMemory{ID: i, Keys: keys, Volatile: volatile, Slots: slots})
		}
	}
	return r
}

func (s *server) infoMemory(w *engine.InfoWriter) {
	r := s.memoryReport()
	var info unix.Sysinfo_t
	_ = unix.Sysinfo(&info)
	total := int64(info.Totalram) * int64(info.Unit)
	both := func(name string, n int64) {
		w.Field(name, n)
		w.Field(name+"_human", human(n))
	}
	both("used_memory", r.Used)
	both("used_memory_rss", r.Resident)
	both("used_memory_peak", r.Peak)
	w.Fieldf("used_memory_peak_perc", "%.2f%%", r.PeakPercent())
	w.Field("used_memory_overhead", r.Overhead())
	w.Field("used_memory_startup", r.Startup)
	w.Field("used_memory_dataset", r.Dataset())
	w.Fieldf("used_memory_dataset_perc", "%.2f%%", r.DatasetPercent())
	w.Field("allocator_allocated", r.ArenaUsed)
	w.Field("allocator_active", r.ArenaPages)
	w.Field("allocator_resident", r.ArenaResident)
	w.Field("allocator_muzzy", 0)
	both("total_system_memory", total)
	scripts := s.eng.ScriptStats()
	w.Field("used_memory_lua", scripts.Memory)
	w.Field("used_memory_vm_eval", scripts.Memory)
	w.Field("used_memory_lua_human", human(int64(scripts.Memory)))
	w.Field("used_memory_scripts_eval", scripts.CachedBytes)
	libraries, functions, functionBytes, functionMemory := s.eng.LibraryCounts()
	w.Field("number_of_cached_scripts", scripts.Cached)
	w.Field("number_of_functions", functions)
	w.Field("number_of_libraries", libraries)
	w.Field("used_memory_vm_functions", functionMemory)
	both("used_memory_vm_total", int64(scripts.Memory+functionMemory))
	w.Field("used_memory_functions", functionBytes)
	both("used_memory_scripts", int64(scripts.CachedBytes+functionBytes))
	both("maxmemory", s.cfg.Live.MaxMemory)
	w.Field("maxmemory_policy", s.cfg.Enum("maxmemory-policy"))
	w.Fieldf("allocator_frag_ratio", "%.2f", r.FragmentationRatio())
	w.Field("allocator_frag_bytes", r.ArenaPages-r.ArenaUsed)
	w.Fieldf("allocator_rss_ratio", "%.2f", r.EmptyRatio())
	w.Field("allocator_rss_bytes", r.ArenaResident-r.ArenaPages)
	w.Fieldf("rss_overhead_ratio", "%.2f", r.ResidentRatio())
	w.Field("rss_overhead_bytes", r.Resident-r.ArenaResident)
	w.Fieldf("mem_fragmentation_ratio", "%.2f", r.TotalRatio())
	w.Field("mem_fragmentation_bytes", r.Resident-r.Used)
	w.Field("mem_not_counted_for_evict", r.LogBuffer+r.Replicas)
	w.Field("mem_replication_backlog", r.Backlog)
	w.Field("mem_total_replication_buffers", s.replicas.streamMemory())
	w.Field("mem_clients_slaves", r.Replicas)
	w.Field("mem_clients_normal", r.Clients)
	w.Field("mem_cluster_links", 0)
	w.Field("mem_aof_buffer", r.LogBuffer)
	w.Field("mem_allocator", "arena")
	w.Field("active_defrag_running", s.defrag.percent)
	w.Field("lazyfree_pending_objects", s.ks.LazyPending())
	w.Field("lazyfreed_objects", s.ks.LazyFreed())
}
