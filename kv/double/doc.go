// Package double prints double precision numbers as Redis does. It imports nothing of ours.
package double
