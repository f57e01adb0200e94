// Package generate makes random commands from the argument trees of conformance/reference, for two servers to be compared.
//
// A Generator is given the commands that may be used and how often each group of them shall come. Every command is made by
// walking its tree: options come or not, alternatives are chosen, blocks repeat, and the values of leaves come from pools that
// hold more of what is at the edge than of what is usual. Keys come from a small pool and say by their name what kind of value
// usually lives there, so that most commands meet a value of their type, and some another. Now and then a command is spoilt: an
// argument too many, too few, doubled, exchanged or in another case.
//
// The same seed over the same commands makes the same stream, whatever the servers answer.
//
// # What is left out
//
// Excluded names the commands that two servers cannot be compared in, and why, as an entry of the drift ledger. Values are chosen
// so that the clock decides nothing: lifetimes are over at once or last for hours, and two of them never lie close together.
// Nothing asks for more than a few megabytes: no offsets of half a gigabyte, no counts of minus two billion.
//
// # Reduction
//
// Shrink leaves out of a stream what a difference does not need.
package generate
