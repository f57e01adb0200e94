// Package crashfs is a disk in memory that forgets honestly: it keeps apart what the running system sees and what the
// platter holds, and can say at any moment what the death of the process, or of the machine, would leave. It implements
// disk.FS for the tests of every room that writes files, and imports nothing else of this project.
//
// A test runs the real code on an [FS], stops the world at an operation ([FS.At]), freezes the disk, and lets it die there
// in several ways: [FS.Kill] is a kill -9, [FS.Crash] a power loss. Faults come from a plan ([FS.Inject]) and a budget of
// space ([FS.SetSpace]); [FS.Trace] tells the order of operations.
//
// # Contents
//
// A file has durable bytes and a list of pending writes and truncations, which Sync and SyncData make durable in one step.
// At a power loss each 512-byte sector ends, independently of all others, at its durable state or at its state behind any
// one of the pending changes to it: lost, kept, torn between sectors, in any order. The size ends at any of its states,
// independently: a file may be longer than its data (zeros), or data may lie beyond its size (gone).
//
//   - A sector that holds a durable byte is written whole or not at all. Only sectors beyond the durable size can come
//     back as garbage: random bytes, or what some other sector of the file holds.
//   - A truncation is metadata: if it survived, no byte it had cut is to be seen; if not, no byte written later where it
//     cut is.
//
// # Names
//
// Create, CreateNew, Rename, Remove and MkdirAll change folders and are pending until SyncDir of the folder. A rename
// between folders is one change and durable as soon as either folder is synced. At a power loss a prefix of the pending
// changes survives, as on a disk with one journal, or any subset that is closed under this rule: a change survives only
// with all earlier ones to the same names. Syncing a file makes none of its names durable; syncing a folder makes
// neither its own name in the folder above durable nor any file's contents. What lies in a folder whose name is lost is lost.
//
// # Not in the model
//
// Space of a removed file is free at once, also while it is open. Names are never longer than the disk allows. There are
// no links, owners or modes. Modification times are the number of the operation, in nanoseconds since 1970.
package crashfs
