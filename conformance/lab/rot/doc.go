// Package rot damages what a server leaves behind, a fault at a time, and judges what recovery and the sidecars make of it. All of it
// runs in memory, on conformance/crashfs.
//
// A World is a directory as a server that was stopped in order left it: every kind of file that it writes, and their sidecars. A fault
// damages one file of it or several. For each fault Judge looks four times, at four copies: at what the sidecars report, at a start in
// strict mode, at a start in hardened mode, and at a repair of everything. What must hold:
//
//   - No start serves other data than was there. What a person might have put there on purpose (a snapshot that proves itself) is
//     served and recorded.
//   - A start that refuses changes nothing.
//   - Strict mode does not load over damage in what it loads, and changes nothing that is damaged.
//   - The report names the damaged cells, these and no others.
//   - What is within the budget is repaired bit for bit, and what is beyond it is left alone. The budget is reckoned here, from the
//     description of the format, not by the code under test.
//   - After a repair everything is clean, sidecars and catalog included.
package rot
