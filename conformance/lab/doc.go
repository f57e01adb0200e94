// Package lab is the crash laboratory: it runs the real log, snapshots and recovery on the forgetful disk of package
// crashfs, lets process and machine die at any operation, and holds what a start then finds against what had been promised.
//
//	data.go       the data set, and the fingerprints by which one state is told from all others
//	engine.go     what is tried: the Engine interface, and ours, made of recovery, wal and snapshot
//	life.go       one life of a server on one disk: what it wrote, what was promised when, photographs of the disk
//	covers.go     sidecars in such a life, as the server keeps them
//	ledger.go     lives of the ledger of evidence
//	verify.go     one death: what a start finds, held against the promises
//	campaign.go   random lives with random deaths, and deaths during recovery
//	tidy.go       what may lie on the disk when a server has stopped in order
//	protocols.go  what a server does with the disk, step by step
//	found.go      what it may find at a start
//	sweep.go      those protocols, stopped or failed at every call with every fault
//	mutant.go     the same engine on a disk that leaves out one call, swaps it or lies about it: each must be found out
//	control.go    a small engine known to be good, and the same with one habit of Redis's each
//	trace.go      what the engine does, as steps of the order model; trace_disk.go: those that reach the disk
//	model         the order of steps as a machine of small states, explored whole
//
// Tests of this package are the fixed part; make crash, make long, make sweep and make mutants are the long forms.
//
// # Replaying
//
// A violation names the operation before which the world was stopped, and the seed of the power loss; the command in its report runs that life again. Our log has goroutines of its own, so that the order of its operations may
// differ by a few from run to run: the report therefore also keeps the disk as it was found, in a folder
// that recovery reads again exactly (Options.Keep).
package lab
