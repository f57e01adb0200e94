package kv

// stir goes on with defragmentation for some steps, also with views open, when Defrag itself rests.
func stir(ks *Keyspace) {
	ks.defrag.fields = 5
	for range 3 {
		ks.defragNext()
	}
}
