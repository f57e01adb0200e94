package lua_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"frankenredis/conformance/testbed"
	"frankenredis/wire/script/lua"
)

// TestGenerated runs programs made of a seed here and in lua5.1: what they print, what they fail with and where, and how what does
// not compile is refused are the same. FR_SEEDS=first:count asks for other seeds than the usual ones.
func TestGenerated(t *testing.T) {
	judge := testbed.Peer(t, "lua5.1")
	first, count := 1, 2000
	if seeds := os.Getenv("FR_SEEDS"); seeds != "" {
		if _, err := fmt.Sscanf(seeds, "%d:%d", &first, &count); err != nil {
			t.Fatal("FR_SEEDS: ", err)
		}
	}
	const batch = 250
	failures := 0
	for ; count > 0 && failures < 10; first, count = first+batch, count-batch {
		n := min(batch, count)
		sources := make([]string, n)
		for i := range sources {
			sources[i] = generate(uint64(first + i))
		}
		want := printedBy(t, judge, sources)
		for i, source := range sources {
			if want[i] == endless {
				continue
			}
			got, want := addresses.ReplaceAllString(printedHere(source), "$1"), addresses.ReplaceAllString(want[i], "$1")
			if got != want && failures < 10 {
				failures++
				at, here, there := difference(got, want)
				t.Errorf("seed %d, line %d of the output:\n got %s\nwant %s\n%s", first+i, at, here, there, strings.TrimPrefix(source, prelude))
			}
		}
	}
}

// addresses are what two runs do not share.
var addresses = regexp.MustCompile("\\b(table|function|thread|userdata): 0x[0-9a-f]+")

// difference is the first line in which two outputs differ, and what it is in each.
func difference(got, want string) (line int, inGot, inWant string) {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := 0; i < min(len(g), len(w)); i++ {
		if g[i] != w[i] {
			return i + 1, g[i], w[i]
		}
	}
	n := min(len(g), len(w))
	return n + 1, strings.Join(g[n:], "\n"), strings.Join(w[n:], "\n")
}

// endless ends the output of a program that takes too long.
const endless = "\x00endless"

// printedBy runs programs in lua5.1, each with global variables of its own, and returns what each printed.
func printedBy(t *testing.T, judge string, sources []string) []string {
	t.Helper()
	const driver = `
local sizes, between, endless = {...}, string.char(0) .. "next" .. string.char(0), string.char(0) .. "endless"
local setfenv, loadstring, pcall, tostring, write, floor = setfenv, loadstring, pcall, tostring, io.write, math.floor
for n = 1, #sizes do
	local source = io.read(tonumber(sizes[n])) or ""
	local env = setmetatable({}, {__index = _G})
	env._G = env
	local f, e = loadstring(source, "=p")
	if f then
		local ok
		debug.sethook(function() debug.sethook() write(endless) os.exit(0) end, "", 20000000)
		ok, e = pcall(setfenv(f, env))
		debug.sethook()
		if ok then e = nil end
	end
	if e ~= nil then write("! ", tostring(e), "\n") end
	write(between)
end`
	script := filepath.Join(t.TempDir(), "driver.lua")
	if err := os.WriteFile(script, []byte(driver), 0o644); err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 {
		return nil
	}
	args := []string{script}
	for _, s := range sources {
		args = append(args, strconv.Itoa(len(s)))
	}
	cmd := exec.CommandContext(t.Context(), judge, args...)
	cmd.Stdin = strings.NewReader(strings.Join(sources, ""))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("lua5.1: %v\n%s", err, stderr.Bytes())
	}
	printed := strings.Split(string(out), "\x00next\x00")
	if last := len(printed) - 1; strings.HasSuffix(printed[last], endless) {
		// Recursion that branches: this one is not compared, the rest goes on.
		printed[last] = endless
		return append(printed, printedBy(t, judge, sources[len(printed):])...)
	}
	if len(printed) != len(sources)+1 {
		t.Fatalf("%d outputs of %d programs", len(printed)-1, len(sources))
	}
	return printed[:len(sources)]
}

// printedHere runs a program and returns what it printed.
func printedHere(source string) string {
	l, out := newPrinter(lua.Options{MaxMemory: 256 << 20})
	fn, err := l.Load(source, "=p", nil)
	if err == nil {
		_, err = l.Call(fn.Value(), nil)
	}
	if err != nil {
		fmt.Fprintf(out, "! %s\n", err)
	}
	return out.String()
}

// generate makes the program of a seed: one of statements and expressions, one of a pattern, one of a format, or one that is
// broken, for the errors of the compiler.
func generate(seed uint64) string {
	g := &generator{r: rand.New(rand.NewPCG(seed, 51))}
	switch seed % 8 {
	case 0:
		return g.patterns()
	case 1:
		return g.formats()
	case 2:
		return g.broken()
	case 3:
		return g.numbers()
	default:
		return g.program()
	}
}

// generator writes programs that end: loops count, recursion is bounded, strings stay short.
type generator struct {
	r      *rand.Rand
	b      strings.Builder
	locals []string
	depth  int
	loops  int // nested in
	names  int
	vararg bool
}

func (g *generator) one(of ...string) string { return of[g.r.IntN(len(of))] }
func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

// prelude holds what programs use: show prints any value without addresses, tables with their contents in order.
const prelude = `local function show(v, d) d = d or 0 local t = type(v)
if t == "table" then if d > 2 then return "..." end local r = {} for k, x in pairs(v) do r[#r + 1] = show(k, 3) .. "=" .. show(x, d + 1) end
return "{" .. table.concat(r, ",") .. "}#" .. #v end
if t == "function" or t == "thread" or t == "userdata" then return t end
if t == "string" then return string.format("%q", v) end return tostring(v) end
local function out(...) local r = {} for i = 1, select("#", ...) do r[i] = show((select(i, ...))) end print(table.concat(r, " ")) end
local function try(f, ...) out(pcall(f, ...)) end
`

func (g *generator) program() string {
	g.b.WriteString(prelude)
	g.b.WriteString("local a, b, c, d = " + g.constant() + ", " + g.constant() + ", {" + g.constant() + ", x = " + g.constant() + "}\n")
	g.locals = []string{"a", "b", "c", "d"}
	for range 2 + g.r.IntN(6) {
		g.statement()
	}
	g.b.WriteString("out(a, b, c, d)\n")
	if g.chance(50) { // ends with an error outside of any pcall, mostly
		g.b.WriteString("return " + g.expression() + "\n")
	}
	return g.b.String()
}

func (g *generator) local() string {
	g.names++
	return "v" + strconv.Itoa(g.names)
}

func (g *generator) name() string {
	if g.chance(6) {
		return g.one("G", "H", "nothing")
	}
	return g.locals[g.r.IntN(len(g.locals))]
}

// block writes statements in a scope of their own.
func (g *generator) block() {
	g.depth++
	n := len(g.locals)
	for range 1 + g.r.IntN(3) {
		g.statement()
	}
	g.locals = g.locals[:n]
	g.depth--
}

func (g *generator) statement() {
	w := func(parts ...string) { g.b.WriteString(strings.Join(parts, "")) }
	kind := g.r.IntN(18)
	if g.depth > 3 {
		kind %= 6
	}
	switch kind {
	case 0:
		v := g.local()
		w("local ", v, " = ", g.expression(), "\n")
		g.locals = append(g.locals, v)
	case 1:
		w(g.name(), " = ", g.expression(), "\n")
	case 2:
		w("out(", g.expressions(), ")\n")
	case 3:
		w("try(function() return ", g.expressions(), " end)\n")
	case 4:
		w("if type(c) == \"table\" then c", g.one(".x", ".y", "[1]", "[2]", "[#c + 1]", "[3]", "[a]"), " = ", g.expression(), " end\n")
	case 5:
		w(g.name(), ", ", g.name(), " = ", g.expressions(), "\n")
	case 6:
		w("if ", g.expression(), " then\n")
		g.block()
		if g.chance(30) {
			w("elseif ", g.expression(), " then\n")
			g.block()
		}
		if g.chance(50) {
			w("else\n")
			g.block()
		}
		w("end\n")
	case 7, 8:
		if g.loops > 1 {
			w("out(", g.expression(), ")\n")
			return
		}
		v := g.local()
		from, to, step := g.number(), g.number(), g.one("1", "-1", "2", "0.5", "3")
		if g.chance(80) {
			from, to, step = g.one("1", "0", "-1", "2"), g.one("3", "4", "2.5", "-2"), g.one("1", "2", "0.75")
		}
		if g.chance(15) {
			w("try(function() for ", v, " = ", g.expression(), ", 2, ", g.one("1", "'x'", "nil"), " do if ", v, " > 5 or ", v, " < 0 then break end end end)\n")
			return
		}
		count := g.local()
		w("local ", count, " = 0 for ", v, " = ", from, ", ", to, ", ", step, " do ", count, " = ", count, " + 1 if ", count, " > 4 then break end\n")
		g.loops++
		g.locals = append(g.locals, v)
		g.block()
		g.loops--
		w("end\n")
		g.locals = append(g.locals[:len(g.locals)-1], count)
	case 9:
		if g.loops > 1 {
			w("out(", g.expression(), ")\n")
			return
		}
		count := g.local()
		g.loops++
		if g.chance(50) {
			w("local ", count, " = 0 while ", count, " < 3 and ", g.expression(), " do ", count, " = ", count, " + 1\n")
			g.block()
			w("end\n")
		} else {
			w("local ", count, " = 0 repeat ", count, " = ", count, " + 1\n")
			g.block()
			w("until ", count, " > 2 or ", g.expression(), "\n")
		}
		g.loops--
	case 10:
		k, v := g.local(), g.local()
		w("for ", k, ", ", v, " in ", g.one("pairs", "ipairs", "next,"), g.one("({1, 2, nil, 4})", "({x = 1})", "({10, 20, y = true})", "({})"), " do\n")
		g.loops++
		g.locals = append(g.locals, k, v)
		g.block()
		g.locals = g.locals[:len(g.locals)-2]
		g.loops--
		w("end\n")
	case 11:
		w("do\n")
		g.block()
		w("end\n")
	case 12, 13:
		f, p, q := g.local(), g.local(), g.local()
		vararg := g.vararg
		g.vararg = g.chance(40)
		tail := ""
		if g.vararg {
			tail = ", ..."
		}
		w("local function ", f, "(", p, ", ", q, tail, ")\n")
		g.locals = append(g.locals, p, q)
		loops := g.loops
		g.block()
		g.loops = loops
		w("return ", g.expressions(), " end\n")
		g.vararg = vararg
		g.locals = g.locals[:len(g.locals)-2]
		w("try(", f, ", ", g.expressions(), ")\n")
		g.locals = append(g.locals, f)
	case 14:
		w("out(", g.libraryCall(), ")\n")
	case 15:
		w("try(function() local m = ", g.metatabled(), " return ", g.one("m + 1", "1 .. m", "m < m", "m == {}", "m()", "m.x", "m[1]", "-m", "#m", "m <= 2", "m % m",
			"m.x.y", "tostring(m)", "m:x()", "m .. m .. 1", "2 ^ m"), " end)\n")
	case 16:
		w("local co = coroutine.wrap(function(...) local x = coroutine.yield(", g.expressions(), ") ", "coroutine.yield(x, ", g.expression(), ") return ", g.expressions(), " end)\n")
		w("try(co) try(co, ", g.expression(), ") try(co) try(co)\n")
	case 17:
		w("try(function()\n")
		g.loops++
		g.block()
		g.loops--
		w("end)\n")
	}
}

func (g *generator) metatabled() string {
	fields := []string{"__add = function(a, b) return 'add' end", "__concat = function(a, b) return type(a) .. type(b) end", "__lt = function() return true end",
		"__le = function() return nil end", "__eq = function() return true end", "__call = function(self, ...) return select('#', ...) end", "__index = {x = 7}",
		"__index = function(t, k) return k end", "__unm = function() return 'unm' end", "__len = function() return 99 end", "__tostring = function() return 'text' end",
		"__mod = function() error('mod') end", "__pow = function() return nil end", "__index = 5"}
	var some []string
	for _, f := range fields {
		if g.chance(35) {
			some = append(some, f)
		}
	}
	return "setmetatable({}, {" + strings.Join(some, ", ") + "})"
}

func (g *generator) expressions() string {
	list := []string{g.expression()}
	for g.chance(30) && len(list) < 5 {
		list = append(list, g.expression())
	}
	return strings.Join(list, ", ")
}

func (g *generator) expression() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 5 {
		return g.atom()
	}
	switch g.r.IntN(16) {
	case 0, 1, 2, 3:
		return g.atom()
	case 4, 5, 6:
		return g.expression() + " " + g.one("+", "-", "*", "/", "%", "^") + " " + g.expression()
	case 7:
		return g.expression() + " " + g.one("==", "~=", "<", "<=", ">", ">=") + " " + g.expression()
	case 8, 9:
		return g.expression() + " " + g.one("and", "or") + " " + g.expression()
	case 10:
		// Strings grow: what is joined is short.
		return "(tostring(" + g.expression() + "):sub(1, 9)) .. " + g.one("", "nothing", "a", "1", "'s'") + " .. 'z'"
	case 11:
		return g.one("not ", "-", "- -", "#", "not not ") + g.atom()
	case 12:
		return "(" + g.expression() + ")"
	case 13:
		return g.libraryCall()
	case 14:
		return "(function(...) return " + g.one("...", "(...)", "select('#', ...)", g.atom()) + " end)(" + g.atom() + ", " + g.atom() + ")"
	default:
		return "{" + g.atom() + g.one("", ", "+g.atom(), ", x = "+g.atom(), ", ["+g.number()+"] = "+g.atom(), "; nil, 3", ", unpack({1, 2, 3})") + "}"
	}
}

func (g *generator) atom() string {
	switch g.r.IntN(10) {
	case 0, 1, 2:
		return g.constant()
	case 3:
		return g.name() + g.one(".x", "[1]", "['y']", "[a]", ".x.y")
	case 4:
		if g.vararg {
			return "..."
		}
		return g.number()
	case 5:
		if g.chance(30) {
			return g.name() + g.one("()", ":x()", ".x()", "(1)")
		}
		return g.name()
	default:
		return g.name()
	}
}

func (g *generator) constant() string {
	switch g.r.IntN(9) {
	case 0:
		return "nil"
	case 1:
		return g.one("true", "false")
	case 2, 3:
		return g.text()
	default:
		return g.number()
	}
}

func (g *generator) text() string {
	return g.one(`"x"`, `""`, `"10"`, `"0x10"`, `" 5 "`, `"abc"`, `"1e2"`, `"-3"`, `"a\0b"`, `"\n"`, `"é"`, `[[long]]`, `"\065\x"`, `"hello world"`, `"nan"`, `"3abc"`)
}

func (g *generator) number() string {
	switch g.r.IntN(8) {
	case 0:
		return strconv.FormatFloat(g.r.NormFloat64()*1000, 'g', 1+g.r.IntN(17), 64)
	case 1:
		return g.one("0/0", "1/0", "-1/0", "-0", "2^53", "1e15", "1e14", "1e100", "1e-5", "0x7fffffff", "123456789012", "0.1", "1e308 * 10", "2^31", "-2^31", "2^63")
	default:
		return strconv.Itoa(g.r.IntN(12) - 3)
	}
}

func (g *generator) libraryCall() string {
	e := g.atom
	switch g.r.IntN(22) {
	case 0:
		return g.one("tostring", "tonumber", "type") + "(" + e() + ")"
	case 1:
		return "tonumber(" + e() + ", " + g.one("10", "16", "2", "36", "1", "8") + ")"
	case 2:
		return "math." + g.one("floor", "ceil", "abs", "sqrt", "max", "min", "fmod", "modf", "frexp") + "(" + g.number() + ", " + e() + ")"
	case 3:
		return "pcall(error, " + e() + ", " + g.one("0", "1", "2") + ")"
	case 4:
		return "select(" + g.one("1", "2", "-1", "'#'", "0", e()) + ", " + e() + ", " + e() + ")"
	case 5:
		return "#" + g.text()
	case 6:
		return "string." + g.one("upper", "lower", "len", "reverse") + "(" + e() + ")"
	case 7:
		return "string.sub(" + g.text() + ", " + g.number() + ", " + g.number() + ")"
	case 8:
		return "string.byte(" + g.text() + ", " + g.one("1", "-1", "2", "0", "9") + ", " + g.one("1", "-1", "3") + ")"
	case 9:
		return "string.rep(" + g.text() + ", " + g.one("2", "3", "0", "-1", "1.9") + ")"
	case 10:
		return "table.concat({" + e() + ", " + e() + "}, " + g.one(`","`, `""`, "1", "nil") + ")"
	case 11:
		return "unpack({" + e() + ", " + e() + ", " + e() + "}, " + g.one("1", "2", "-1", "0") + ", " + g.one("2", "3", "4", "1") + ")"
	case 12:
		return "pcall(function() return " + e() + " end)"
	case 13:
		return "xpcall(function() return " + e() + g.one(".x", " + 1", "()", ":m()", "") + " end, function(m) return type(m), m end)"
	case 14:
		return "rawequal(" + e() + ", " + e() + ")"
	case 15:
		return "rawget(" + g.name() + ", " + e() + ")"
	case 16:
		return "assert(" + e() + ", " + e() + ")"
	case 17:
		return "next({" + e() + "})"
	case 18:
		return "loadstring(" + g.one(`"return 1"`, `"x ="`, `"return ..."`, `"for"`, e()) + ")"
	case 19:
		return "table.maxn({" + e() + ", " + e() + ", [" + g.one("5", "2.5", "-1") + "] = 1})"
	case 20:
		return "string.format(" + g.one(`"%s|%d"`, `"%5.1f %s"`, `"%x %q"`, `"%s %s %s"`, `"%g%%%i"`) + ", " + e() + ", " + e() + ")"
	default:
		return "select('#', table.remove({" + e() + ", " + e() + "}), " + e() + ")"
	}
}

// patterns is a program of one pattern on some texts.
func (g *generator) patterns() string {
	var p strings.Builder
	if g.chance(15) {
		p.WriteByte('^')
	}
	open := 0
	for range 1 + g.r.IntN(6) {
		switch g.r.IntN(12) {
		case 0:
			p.WriteString("%" + g.one("a", "d", "s", "w", "x", "p", "c", "l", "u", "z", "A", "D", "S", "W", "X", "P", "C", "L", "U"))
		case 1:
			p.WriteString(g.one("[a-c]", "[^a-c]", "[%d_]", "[]]", "[^]]", "[a-]", "[%a-z]", "[^%s]", "[b%]]", "[", "[^", "[a", "[%", "[a-c-e]", "[]-a]"))
		case 2:
			p.WriteString("(")
			open++
		case 3:
			if open > 0 || g.chance(5) {
				p.WriteString(")")
				open--
			}
		case 4:
			p.WriteString(g.one("%b()", "%bab", "%f[%w]", "%f[^a]", "%b", "%b(", "%f", "%fa"))
		case 5:
			p.WriteString(g.one("%1", "%2", "%0", "%9", "()", "%"))
		case 6:
			p.WriteString(g.one("%.", "%%", "%(", "%-", "$", "%$", "^"))
		default:
			p.WriteString(g.one("a", "b", "c", ".", " ", "1", "(a)", "(b-)", "x"))
		}
		if g.chance(45) {
			p.WriteString(g.one("*", "+", "-", "?"))
		}
	}
	for ; open > 0 && g.chance(90); open-- {
		p.WriteString(")")
	}
	if g.chance(15) {
		p.WriteByte('$')
	}
	subjects := []string{"abc", "aabbcc 11", "(a(b)c) ab]x", "", "a.b-c %x$ ^1", "hello\\0world\\n", "abababab", "1a2b3c", "\\200\\255 a"}
	g.b.WriteString(prelude)
	fmt.Fprintf(&g.b, "local p = %q\nfor _, s in ipairs{", p.String())
	for range 3 {
		fmt.Fprintf(&g.b, "\"%s\", ", subjects[g.r.IntN(len(subjects))])
	}
	fmt.Fprintf(&g.b, "} do\ntry(string.find, s, p, %s)\ntry(string.match, s, p, %s)\n", g.one("1", "2", "-2", "0", "99", "nil"), g.one("1", "3", "-1", "nil"))
	fmt.Fprintf(&g.b, "try(string.gsub, s, p, %s, %s)\n", g.one(`"<%0>"`, `"%1"`, `"%2%1"`, `"%%"`, `"-"`, `"%"`, `"%x"`, `{a = "A", b = false, [""] = "E"}`,
		`function(x, y) return y end`, `function(x) return #x end`, `function() return true end`, `{a = {}}`, "nil", "7"), g.one("nil", "1", "2", "0", "-1"))
	g.b.WriteString("try(function() local r = {} for x, y in string.gmatch(s, p) do r[#r + 1] = show(x) .. show(y) if #r > 20 then break end end return table.concat(r, ' ') end)\nend\n")
	return g.b.String()
}

// formats is a program of formats with fitting and other values.
func (g *generator) formats() string {
	g.b.WriteString(prelude)
	for range 6 {
		flags := ""
		for g.chance(45) {
			flags += g.one("-", "+", " ", "#", "0")
		}
		width := g.one("", "", "1", "5", "12", "30", "99", "100")
		precision := g.one("", "", ".", ".0", ".1", ".3", ".10", ".14", ".17", ".20", ".99", ".100")
		value := g.number()
		if g.chance(30) {
			value = g.one(g.constant(), `"abc\ndef\\ \"q\" \0 \r"`, "{}", "1e15 + 0.5", "255", "-1", "3.99", "-3.99", "2^63", "5e-324", "1.7976931348623157e308")
		}
		fmt.Fprintf(&g.b, "try(string.format, \"[%%%s%s%s%s]\", %s)\n", flags, width, precision, g.one("d", "i", "u", "c", "x", "X", "o", "e", "E", "f", "g", "G", "s", "q", "y", "a", "%"), value)
	}
	return g.b.String()
}

// numbers is a program of numerals, read and printed.
func (g *generator) numbers() string {
	g.b.WriteString(prelude)
	for range 8 {
		var digits strings.Builder
		for range 1 + g.r.IntN(5) {
			digits.WriteString(g.one("0", "1", "9", "12345", "99999999", "0000", ".", "e", "E-", "e+", "5", "x", "p", "f", "-", " ", "_", "0x", "1e308", "1e-320", "17976931348623157"))
		}
		fmt.Fprintf(&g.b, "out(tonumber(%q), tonumber(%q, 16), tonumber(%q, 36))\n", digits.String(), digits.String(), digits.String())
		x := strconv.FormatFloat(g.r.NormFloat64(), 'g', 17, 64) + "e" + strconv.Itoa(g.r.IntN(40)-20)
		if strings.Count(x, "e") > 1 {
			x = "1.5"
		}
		fmt.Fprintf(&g.b, "do local x = %s out(x, -x, x * x, x / 3, x %% 7, -x %% 7, x %% -0.3, string.format(\"%%.17g %%.0f %%5.2e\", x, x, x), math.floor(x), math.ceil(x), math.modf(x)) out(math.frexp(x)) out(math.fmod(x, 3)) end\n", x)
		fmt.Fprintf(&g.b, "out(math.%s(%s), math.%s(%s, %s))\n", g.one("exp", "log", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "sqrt", "abs", "deg", "rad"),
			g.one(g.number(), g.number(), strconv.FormatFloat(g.r.Float64()*2-1, 'g', 17, 64)), g.one("pow", "atan2", "fmod", "ldexp", "max", "min"), g.number(), g.number())
		fmt.Fprintf(&g.b, "out(%s %s %s)\n", g.number(), g.one("+", "-", "*", "/", "%", "^"), g.number())
	}
	return g.b.String()
}

// broken is a program with tokens left out, doubled, swapped or put in, for the messages of the compiler.
func (g *generator) broken() string {
	whole := g.program()[len(prelude):]
	tokens := strings.Fields(whole)
	for range 1 + g.r.IntN(2) {
		i := g.r.IntN(len(tokens))
		switch g.r.IntN(5) {
		case 0:
			tokens = append(tokens[:i:i], tokens[i+1:]...)
		case 1:
			tokens = append(tokens[:i+1:i+1], tokens[i:]...)
		case 2:
			j := g.r.IntN(len(tokens))
			tokens[i], tokens[j] = tokens[j], tokens[i]
		default:
			odd := g.one("end", "then", "do", "(", ")", "{", "}", "[", "]", "=", "==", "local", "function", "return", "break", "in", "..", "...", "~", "~=", "\"open", "'x\\300'",
				"[[open", "[=x", "--[[", "1e", "0x", "1..2", "3x", "@", "$", "!", "goto", ":", ";", ",", "x.y", "x:y", "\\", "nil", "not", "\"\\", "\x01", "é", "#", "%", "elseif", "until", "repeat")
			tokens = append(tokens[:i:i], append([]string{odd}, tokens[i:]...)...)
		}
		if len(tokens) == 0 {
			return ""
		}
	}
	var b strings.Builder
	for _, token := range tokens {
		b.WriteString(token)
		b.WriteString(g.one(" ", " ", " ", "\n"))
	}
	// Only whether it compiles counts.
	return "local f = loadstring\nprint(select(2, f([==[\n" + strings.ReplaceAll(b.String(), "]==]", "") + "]==], '=q')))\n"
}
