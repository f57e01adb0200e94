package wal

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"frankenredis/wire/resp"
)

// UUID names an artifact for its whole life, whatever its file is called.
type UUID [16]byte

// NewUUID returns a fresh random one.
func NewUUID() UUID {
	var u UUID
	_, _ = rand.Read(u[:]) // never fails
	return u
}

// String is 32 lower-case hexadecimal digits.
func (u UUID) String() string { return hex.EncodeToString(u[:]) }

// FileFacts is what we know of a file that Redis's manifest has no room for.
type FileFacts struct {
	UUID  UUID
	Start LSN // a base: the position it is the state at; an increment: where it begins
	// The stream's database where an increment begins; an increment that begins in another one than 0 has a prologue.
	// -1: nothing was selected yet.
	DB     int
	Sealed bool // the file never changes again, and the following holds
	End    LSN  // an increment: where it ends
	Size   int64
	Sum    Sum  // of all bytes of the file
	HasSum bool // Sum is known
}

// Facts is the manifest's companion: what we know of the files that one manifest names.
type Facts struct {
	Generation uint64
	UUID       UUID // of the log: the same in all generations
	Manifest   Sum  // digest of the manifest's bytes; for any other manifest these facts do not count
	Position   Position
	// Cut names an increment that an I/O error spoiled: this generation comes into force only when that file was cut to its
	// Size (heal.go). Empty: none.
	Cut   string
	Files map[string]FileFacts // by file name
	// Refs are the lines of the manifest, in their order, of a companion that was read: see Rebuild.
	Refs []FileRef
}

const (
	factsHeader = "FR-FACTS 1"
	// maxFacts bounds the bytes of a companion that is read: a line is below 1 KiB, and nobody has so many files.
	maxFacts = 64 << 20
)

// FactsName is the file name of the companion of a generation.
func FactsName(name string, generation uint64) string {
	return ManifestName(name) + "." + strconv.FormatUint(generation, 10) + factsSuffix
}

// TwinName is the file name of the companion's twin: the same bytes, in another file.
func TwinName(name string, generation uint64) string {
	return ManifestName(name) + "." + strconv.FormatUint(generation, 10) + twinSuffix
}

// FactsNames are the names of both.
func FactsNames(name string, generation uint64) []string {
	return []string{FactsName(name, generation), TwinName(name, generation)}
}

const (
	factsSuffix = ".fr"
	twinSuffix  = ".twin.fr"
)

// parseFactsName is the inverse of FactsName and TwinName.
func parseFactsName(name, file string) (generation uint64, ok bool) {
	s, ok := strings.CutPrefix(file, ManifestName(name)+".")
	if !ok {
		return 0, false
	}
	if s, ok = strings.CutSuffix(s, factsSuffix); !ok {
		return 0, false
	}
	n, err := parseUint(strings.TrimSuffix(s, strings.TrimSuffix(twinSuffix, factsSuffix)))
	return n, err == nil
}

// AppendTo appends the companion's bytes: a line for each of the manifest's, in its order.
func (f *Facts) AppendTo(dst []byte, m *Manifest) []byte {
	start := len(dst)
	dst = fmt.Appendf(dst, "%s\ngeneration %d uuid %s manifest %s", factsHeader, f.Generation, f.UUID, f.Manifest)
	if !f.Position.ID.IsZero() {
		dst = fmt.Appendf(dst, " id %s epoch %d lsn %d", f.Position.ID, f.Position.Epoch, f.Position.LSN)
	}
	if f.Cut != "" {
		dst = resp.AppendWord(append(dst, " cut "...), f.Cut)
	}
	dst = append(dst, '\n')
	for _, ref := range m.files() {
		dst = ref.appendFields(dst)
		if ff, ok := f.Files[ref.Name]; ok {
			dst = ff.appendTo(dst)
		}
		dst = append(dst, '\n')
	}
	return append(appendChecksum(dst, dst[start:]), '\n')
}

func (f *FileFacts) appendTo(dst []byte) []byte {
	dst = fmt.Appendf(dst, " uuid %s startoffset %d db %d", f.UUID, f.Start, f.DB)
	if f.Sealed {
		dst = fmt.Appendf(dst, " endoffset %d size %d", f.End, f.Size)
		if f.HasSum {
			dst = fmt.Appendf(dst, " sum %s", f.Sum)
		}
	}
	return dst
}

// Rebuild is the manifest that a companion describes, byte for byte; nil: the companion does not name all of its files.
func (f *Facts) Rebuild() *Manifest {
	var text []byte
	for _, ref := range f.Refs {
		text = append(ref.appendFields(text), '\n')
	}
	if SumOf(text) != f.Manifest {
		return nil
	}
	m, err := ParseManifest(text)
	if err != nil {
		return nil
	}
	return m
}

// ParseFacts reads a companion. Pairs it does not know are skipped; a wrong checksum, another version or a line that says
// too little is an error.
func ParseFacts(p []byte) (*Facts, error) {
	const csLen = len("cs=") + 16 + 1
	if len(p) < len(factsHeader)+1+csLen || len(p) > maxFacts {
		return nil, fmt.Errorf("%d bytes are no companion of a manifest", len(p))
	}
	text := p[:len(p)-csLen]
	var want [csLen]byte
	if !bytes.Equal(append(appendChecksum(want[:0], text), '\n'), p[len(text):]) {
		return nil, errors.New("wrong checksum")
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) < 2 || lines[0] != factsHeader {
		return nil, fmt.Errorf("unknown header %q", clip(lines[0]))
	}
	f := &Facts{Files: make(map[string]FileFacts)}
	if err := f.parseHead(lines[1]); err != nil {
		return nil, err
	}
	for _, line := range lines[2:] {
		words, _ := resp.SplitWords(line) // none, if it cannot be
		ref, reason := parseManifestWords(words)
		if reason != "" {
			return nil, fmt.Errorf("%q: %s", clip(line), reason)
		}
		f.Refs = append(f.Refs, ref)
		ff, known, err := parseFileFacts(words)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ref.Name, err)
		}
		if known {
			f.Files[ref.Name] = ff
		}
	}
	return f, nil
}

func (f *Facts) parseHead(line string) error {
	var has struct{ generation, uuid, manifest bool }
	err := eachPair(line, func(name, value string) (err error) {
		switch name {
		case "generation":
			has.generation = true
			f.Generation, err = parseUint(value)
		case "uuid":
			has.uuid = true
			f.UUID, err = parseUUID(value)
		case "manifest":
			has.manifest = true
			f.Manifest, err = parseSum(value)
		case "id":
			f.Position.ID, err = ParseReplID(value)
		case "epoch":
			f.Position.Epoch, err = parseUint(value)
		case "lsn":
			f.Position.LSN, err = parseLSN(value)
		case "cut":
			f.Cut = value
		}
		return err
	})
	if err == nil && !(has.generation && has.uuid && has.manifest) {
		err = errors.New("the companion does not say whose it is")
	}
	return err
}

// parseFileFacts reads what the words of a line say of a file; not known: nothing but what the manifest says.
func parseFileFacts(words []string) (f FileFacts, known bool, err error) {
	f.DB = -1
	var has struct{ uuid, start, end, size bool }
	err = visitPairs(words, func(name, value string) (err error) {
		switch name {
		case "uuid":
			has.uuid = true
			f.UUID, err = parseUUID(value)
		case "startoffset":
			has.start = true
			f.Start, err = parseLSN(value)
		case "endoffset":
			has.end = true
			f.End, err = parseLSN(value)
		case "size":
			has.size = true
			f.Size, err = parseSize(value)
		case "sum":
			f.HasSum = true
			f.Sum, err = parseSum(value)
		case "db":
			f.DB, err = strconv.Atoi(value)
		}
		return err
	})
	known = has.uuid || has.start || has.end || has.size || f.HasSum
	if err == nil && known && (!has.uuid || !has.start || has.end != has.size || f.HasSum && !has.end) {
		err = errors.New("incomplete")
	}
	f.Sealed = has.end
	return f, known, err
}

// eachPair calls visit with the pairs of a line that resp.SplitWords can read.
func eachPair(line string, visit func(name, value string) error) error {
	args, ok := resp.SplitWords(line)
	if !ok || len(args)%2 != 0 {
		return fmt.Errorf("%q is not made of pairs", clip(line))
	}
	return visitPairs(args, visit)
}

// visitPairs calls visit with pairs of words.
func visitPairs(words []string, visit func(name, value string) error) error {
	for i := 0; i+1 < len(words); i += 2 {
		if err := visit(words[i], words[i+1]); err != nil {
			return fmt.Errorf("%s: %w", clip(words[i]), err)
		}
	}
	return nil
}

func parseUUID(text string) (UUID, error) {
	s, err := parseSum(text)
	return UUID(s), err
}

// ChangedByte finds the one byte in which p differs from the manifest that the companion describes, and what it was there; not ok: more differs,
// or p is longer than this looks at, 2 KiB.
func (f *Facts) ChangedByte(p []byte) (pos int, was byte, ok bool) {
	const most = 2 << 10 // half a million digests, a tenth of a second
	if len(p) > most {
		return 0, 0, false
	}
	p = bytes.Clone(p)
	for pos, found := range p {
		for i := range 255 {
			p[pos]++
			if SumOf(p) == f.Manifest {
				return pos, found + byte(i) + 1, true
			}
		}
		p[pos] = found
	}
	return 0, 0, false
}
