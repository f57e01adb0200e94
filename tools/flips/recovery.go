package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/go-hclog"

	"frankenredis/recovery"
	"frankenredis/snapshot"
)

// judgeRecovery gives every flip to our recovery, in this process.
func judgeRecovery(dir string, files []file, flips []flip) (*tally, error) {
	if err := place(dir, files, nil); err != nil {
		return nil, err
	}
	want, text, err := load(dir)
	if err != nil {
		return nil, fmt.Errorf("the folder as it was does not load: %w\n%s", err, text)
	}
	t := &tally{}
	for i := range flips {
		at := &flips[i]
		if err := place(dir, files, at); err != nil {
			return nil, err
		}
		got, text, err := load(dir)
		cut := shrank(dir, files)
		switch {
		case err != nil:
			t.refused++
			if !namesPlace(text, files[at.file].name) {
				t.unnamed++
				t.example(files[at.file], at, "refused: "+last(text))
			}
		case got == want && !cut:
			t.same++
		default:
			t.other++
			t.example(files[at.file], at, "other data: "+last(text))
		}
		if cut {
			t.cut++
		}
	}
	return t, nil
}

// position is how a place in a file is spelled.
var position = regexp.MustCompile(`(?i)\b(byte|offset|pos|position|line)[ =:]*\d+`)

// namesPlace says whether a text names a file, and a place in it.
func namesPlace(text, name string) bool {
	return strings.Contains(text, name) && position.MatchString(text)
}

// last is the last line of a text.
func last(text string) string {
	text = strings.TrimRight(text, "\n")
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// load recovers dir and returns the digest of all that was handed to the data set, and what was logged. The digest tells orders apart, so equal
// ones mean equal data.
func load(dir string) (got sum, text string, err error) {
	h := sha256.New()
	var logged bytes.Buffer
	o := recovery.Options{Dir: dir, AOF: true, LoadTruncated: true, Annotate: true, Databases: 16,
		LoadItems: func(items []snapshot.Item) error {
			for i := range items {
				it := &items[i]
				fmt.Fprintf(h, "item %d %q %d %q %d\n", it.DB, it.Key, it.ExpireMs, it.Value, it.Int)
				if it.Coll != nil {
					fmt.Fprintf(h, "%+v\n", *it.Coll)
				}
			}
			return nil
		},
		Apply: func(batch []recovery.Command) error {
			for i := range batch {
				fmt.Fprintf(h, "command %d %q\n", batch[i].DB, batch[i].Args)
			}
			return nil
		},
		Logger: hclog.New(&hclog.LoggerOptions{Output: &logged, Level: hclog.Info}),
	}
	res, err := recovery.Boot(o)
	if res != nil && res.Lock != nil {
		err = errors.Join(err, res.Lock.Close())
	}
	text = logged.String()
	if err != nil {
		text += err.Error()
	}
	return sum(h.Sum(nil)), text, err
}
