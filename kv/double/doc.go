// Package double prints double precision numbers as Redis does, and reads them. It imports nothing of ours.
package double
