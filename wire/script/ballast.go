package script

import "sync"

// ballastBytes is how much more the collector takes for live than there is. Its cycles begin when the heap has doubled: the heap of a
// server, whose data lies elsewhere, is a few megabytes, and scripts that make as much garbage in a few milliseconds would spend most of
// their time in cycles. With the ballast there are 16 MiB between two.
const ballastBytes = 16 << 20

// ballast is nothing but addresses: no byte of it is ever touched, so that it takes no memory. It is made for the first interpreter.
var ballast = sync.OnceValue(func() []byte { return make([]byte, ballastBytes) })
