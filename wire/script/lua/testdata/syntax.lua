local function bad(s) print(select(2, loadstring(s, "=s"))) end
for s in ([====[
x =
x = 1 1
= 1
local 1
local x = 
if x
if x then
if x then else elseif
while true do
while x end
for
for i
for i =
for i = 1
for i = 1 do end
for i = 1, 2
for i, j = 1, 2 do end
for i in x
for 1 in x do end
repeat
repeat until
function
function f
function f(
function f(a
function f(a,) end
function f(..., a) end
function f() return 1 2 end
function f.x:y.z() end
return return
return 1,
break
do break end
x.
x.1 = 2
x:
x:y
x:y = 1
f() = 1
(a) = 1
a, f() = 1
a, b
a +
a = b +
a = (b
a = {1, 2
a = {1 2}
a = {[1] 2}
a = {[1 = 2}
a = {x = }
a = 'abc
a = "abc
a = [[abc
a = [=[abc]]
--[[ abc
a = [=abc
a = '\300'
a = 3x
a = 0x
a = 0xg
a = 1..2
a = 1.2.3
a = 1e
a = 1e+
a = @
a = $b
a = b ~ c
a = ~b
a = b ! c
a = b != c
a = b && c
a ~= b
a == b
local function
local function 1
local function f.x() end
local x.y = 1
a = ...
function f() return ... end
a = function(x) x = end
end
until x
x = }
x = )
goto = 1 return goto
a.b:c = 1
a = [[x [[ y]].."z"
a = nil + 1
and = 1
a = not
a = #
x = 5 y = 6 z
"abc"
"abc":len()
("abc"):len
{}
f{} "x" [[y]] = 1
local a, b, = 1
a = 1;; b = 2
;
]====]):gmatch("([^\n]*)\n") do bad(s) end
bad("f\n(1)") bad("a = 1\nb = = 2\n") bad("if x then\n\n\nfor i = 1 do") bad("x = 'a\nb'") bad("\n\n\n'") bad("x = \"\\") bad("a = '\\x\\065\\\n' b") bad("--[==[ \n\n]=] x") bad("\0") bad("a\0b = 1") bad("a = 'x\0y' 'z'") bad("x = \1") bad("x = \200") bad("#!shebang") bad("")
print(loadstring("return 1 -- comment")(), loadstring("return --[[ c ]] 2")(), loadstring("return --[==[ ]] ]==] 3")(), loadstring("--\nreturn 4")(), loadstring("return '\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\'\\0651'")() == "\a\b\f\n\r\t\v\\\"'A1")
