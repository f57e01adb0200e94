// Package command says what each command does: one file per family, exporting only what the composition root needs, the
// table. A family is a slice of rows (name, arity, flags, keys, categories, handler) with the handlers below it; the
// facts in the rows are those of Redis 7.2.4's COMMAND INFO.
//
// A handler runs on the executor. It reads its options, works on the keyspace, appends its reply to the call's writer and
// says how it is to be propagated when that is not "as received": relative times become absolute, results that depend on
// anything but the stream become their effect. After it returned an error nothing may have changed.
package command

import "frankenredis/wire/engine"

// Table returns a new command table. Each server has its own: the rows carry its counters.
func Table() *engine.Table {
	scripting, libraries := scriptCommands()
	families := [][]engine.Spec{stringCommands, keyspaceCommands, expireCommands, connectionCommands, transactionCommands,
		serverCommands, dumpCommands, debugCommands, hashCommands, setCommands, zsetCommands, geoCommands, hyperloglogCommands,
		bitmapCommands, streamCommands, listCommands, sortCommands, migrateCommands(), pubsubCommands, slowCommands, latencyCommands,
		evidenceCommands, scrubCommands, aclCommands, clusterCommands, moduleCommands, lolwutCommands, scripting, replicaofCommands}
	copies := make([][]engine.Spec, len(families))
	for i, rows := range families {
		copies[i] = make([]engine.Spec, len(rows))
		copy(copies[i], rows)
		for j := range copies[i] {
			copies[i][j].Sub = append([]engine.Spec(nil), rows[j].Sub...)
		}
	}
	t := engine.NewTable(copies...)
	t.SetLibraries(libraries)
	return t
}
