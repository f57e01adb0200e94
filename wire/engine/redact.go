package engine

import "slices"

// redactedWord stands for a secret argument in what others see of a command.
var redactedWord = []byte("(redacted)")

// Redact keeps argument i out of the slow log and from monitoring clients.
func (c *Call) Redact(i int) { c.redacted = append(c.redacted, i) }

// hidden is argument i as others may see it.
func hidden(argv [][]byte, redacted []int, i int) []byte {
	if len(redacted) > 0 && slices.Contains(redacted, i) {
		return redactedWord
	}
	return argv[i]
}
