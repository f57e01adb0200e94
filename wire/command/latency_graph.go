package command

import (
	"fmt"
	"strings"

	"frankenredis/wire/engine"
)

const (
	graphColumns = 80
	graphRows    = 4
	// graphMarks are the heights within a row; what stands above them is filled.
	graphMarks  = "_o#"
	graphFilled = '|'
)

// drawSamples draws one column for each sample, between low and high, and below it, letter by letter, how long ago it was.
func drawSamples(b *strings.Builder, samples []engine.LatencySample, low, high, now int64) {
	const steps = graphRows * len(graphMarks)
	heights, ages, tallest := make([]int, len(samples)), make([]string, len(samples)), 0
	for i, s := range samples {
		heights[i] = int(min((s.Millis-low)*int64(steps)/max(high-low, 1), int64(steps)-1))
		ages[i] = age(now - s.Unix)
		tallest = max(tallest, len(ages[i]))
	}
	line := make([]byte, len(samples))
	write := func(char func(i int) byte) {
		for i := range line {
			line[i] = char(i)
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	for row := graphRows - 1; row >= 0; row-- {
		write(func(i int) byte {
			switch mark := heights[i] - row*len(graphMarks); {
			case mark < 0:
				return ' '
			case mark < len(graphMarks):
				return graphMarks[mark]
			}
			return graphFilled
		})
	}
	write(func(int) byte { return ' ' })
	for at := range tallest {
		write(func(i int) byte {
			if at < len(ages[i]) {
				return ages[i][at]
			}
			return ' '
		})
	}
}

// age prints seconds in the largest unit that fits.
func age(seconds int64) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%ds", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%dm", seconds/60)
	case seconds < 86400:
		return fmt.Sprintf("%dh", seconds/3600)
	}
	return fmt.Sprintf("%dd", seconds/86400)
}
