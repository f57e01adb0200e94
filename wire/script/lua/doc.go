// Package lua runs scripts of Lua 5.1, the language of Redis's EVAL and FUNCTION. It is written from the language's
// definition; where that leaves things open it does what the original interpreter does, since scripts and their clients
// have come to depend on it: the texts of errors with positions and names of variables, the order in which tables are
// walked, %.14g, the limits on variables, nesting and depth, which comparisons table.sort makes.
//
// # Use
//
// [New] makes a [State] with its libraries, [State.Load] compiles a chunk once, [State.Call] runs it any number of times.
// Functions of the host are a [Function] each, see [State.NewFunction]. A State, its coroutines and all its values
// belong to one goroutine at a time.
//
// # Libraries
//
// What a script of Redis 7.2 finds: the base library without print, dofile, loadfile, getfenv, setfenv, newproxy
// (the last three are there after [State.RegisterDeprecated]) and what has to do with modules; coroutine, string, table and math; of os the clock. math.random is the 48 bit generator
// of drand48 and starts from the same place in each State. string.dump refuses, and load takes binary chunks for text.
//
// # Execution
//
// The compiler writes code for registers in one pass. Calls of Lua by Lua need no stack of Go's, and coroutines no
// goroutine: as in the original, a coroutine cannot yield through a function of the host, a metamethod or an iterator.
// Numbers are kept in values and never allocated.
//
// # Bounds
//
//   - time: [Options].Hook is called every so many instructions, within the libraries too, and may end the script
//   - memory: [Options].MaxMemory and MaxString; what is live is counted now and then, see [State.Memory]
//   - depth: 16383 calls of Lua ("stack overflow"), 200 through Go ("C stack overflow"), 20000 levels of a pattern
//   - of a function: 200 local variables, 60 upvalues, 250 registers; of syntax: 200 levels
//
// Errors of scripts are values of [Error]; no panic leaves this package.
//
// # Differences
//
// Objects have no finalizers (__gc). Weak tables lose their entries when memory is counted, not earlier.
package lua
