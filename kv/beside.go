package kv

// Beside makes as many databases as there are, empty and seen by nobody: a data set is loaded into them while the present one is
// served. Their memory is the keyspace's. They must be given back by Adopt, or emptied.
func (ks *Keyspace) Beside() []*DB {
	dbs := make([]*DB, len(ks.dbs))
	for i := range dbs {
		dbs[i] = &DB{ks: ks, id: i}
		dbs[i].reset()
	}
	return dbs
}

// Adopt exchanges the contents of all databases with those of dbs, which Beside made.
func (ks *Keyspace) Adopt(dbs []*DB) {
	for i, db := range ks.dbs {
		db.flushed()
		db.dbState, dbs[i].dbState = dbs[i].dbState, db.dbState
	}
}
