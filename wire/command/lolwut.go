package command

import (
	"math"
	"strings"

	"frankenredis/wire/engine"
)

var lolwutCommands = []engine.Spec{
	{Name: "lolwut", Arity: -1, Flags: engine.ReadOnly | engine.Fast, Handler: lolwutCommand},
}

// lolwutCommand draws. As in Redis VERSION chooses the picture, and a version that has none gets the server's alone.
func lolwutCommand(c *engine.Call) error {
	version, args := int64(0), c.Args[1:]
	if len(args) >= 2 && is(args[0], "VERSION") {
		var err error
		if version, err = integer(args[1]); err != nil {
			return err
		}
		args = args[2:]
	}
	name := "Redis ver. " + engine.RedisVersion + "\n"
	var sizes []int64
	switch version {
	case 5:
		sizes = []int64{66, 8, 12}
	case 6:
		sizes = []int64{80, 20}
	default:
		c.W.Verbatim("txt", name)
		return nil
	}
	for i := range sizes {
		if i < len(args) {
			n, err := integer(args[i])
			if err != nil {
				return err
			}
			sizes[i] = n
		}
	}
	bounded := func(n, most int64) int { return int(min(max(n, 1), most)) }
	random := func() float64 { return float64(c.E.Random()>>11) / (1 << 53) }
	if version == 6 {
		c.W.Verbatim("txt", skyline(bounded(sizes[0], 1000), bounded(sizes[1], 1000), random)+"\nA town at night, other every time. "+name)
		return nil
	}
	p := squares(bounded(sizes[0], 1000), bounded(sizes[1], 200), bounded(sizes[2], 200), random)
	c.W.Verbatim("txt", p.String()+"\nAfter Georg Nees, Schotter, 1968. "+name)
	return nil
}

// dots is a picture of dots, eight to a Braille character.
type dots struct {
	width, height int
	on            []bool
}

func newDots(width, height int) *dots {
	return &dots{width, height, make([]bool, width*height)}
}

func (d *dots) set(x, y int) {
	if x >= 0 && y >= 0 && x < d.width && y < d.height {
		d.on[y*d.width+x] = true
	}
}

// line draws from one place to another.
func (d *dots) line(x0, y0, x1, y1 float64) {
	n := int(max(math.Abs(x1-x0), math.Abs(y1-y0))) + 1
	for i := range n + 1 {
		t := float64(i) / float64(n)
		d.set(int(math.Round(x0+(x1-x0)*t)), int(math.Round(y0+(y1-y0)*t)))
	}
}

// brailleBit is the bit of each of a character's dots, by row and column.
var brailleBit = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func (d *dots) String() string {
	var b strings.Builder
	for y := 0; y < d.height; y += 4 {
		for x := 0; x < d.width; x += 2 {
			r := rune(0x2800)
			for dy := range 4 {
				for dx := range 2 {
					if x+dx < d.width && y+dy < d.height && d.on[(y+dy)*d.width+x+dx] {
						r |= brailleBit[dy][dx]
					}
				}
			}
			b.WriteRune(r)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// squares draws rows of squares that lose their order towards the bottom.
func squares(columns, perRow, rows int, random func() float64) *dots {
	width := 2 * columns
	const margin = 2
	side := float64(width-2*margin) / float64(perRow)
	const tallest = 4000 // what stands lower is left out: a picture is not to fill the memory
	d := newDots(width, min(int(side*float64(rows))+2*margin, tallest))
	for row := range rows {
		chaos := float64(row) / float64(rows)
		for col := range perRow {
			x := margin + side*(float64(col)+0.5) + (random()-0.5)*chaos*side/2
			y := margin + side*(float64(row)+0.5) + (random()-0.5)*chaos*side/2
			angle := math.Pi/4 + (random()-0.5)*chaos*math.Pi/2
			r := side / math.Sqrt2
			for i := range 4 {
				a, z := angle+float64(i)*math.Pi/2, angle+float64(i+1)*math.Pi/2
				d.line(x+r*math.Cos(a), y+r*math.Sin(a), x+r*math.Cos(z), y+r*math.Sin(z))
			}
		}
	}
	return d
}

// The colours of the skyline: backgrounds of a terminal.
const (
	night    = "\x1b[0;30;40m"
	house    = "\x1b[0;90;100m"
	window   = "\x1b[0;97;107m"
	noColour = "\x1b[0m"
)

// skyline draws houses with some windows lit.
func skyline(columns, rows int, random func() float64) string {
	cells := make([]string, columns*rows)
	for i := range cells {
		cells[i] = night
	}
	for x := 0; x < columns; {
		width := 4 + int(random()*8)
		top := int(float64(rows) * (0.2 + 0.6*random()))
		for dx := 0; dx < width && x+dx < columns; dx++ {
			for y := top; y < rows; y++ {
				colour := house
				if dx%2 == 1 && (y-top)%2 == 1 && dx < width-1 && random() < 0.4 {
					colour = window
				}
				cells[y*columns+x+dx] = colour
			}
		}
		x += width + int(random()*3)
	}
	var b strings.Builder
	for y := range rows {
		for x := range columns {
			b.WriteString(cells[y*columns+x] + " " + noColour)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
