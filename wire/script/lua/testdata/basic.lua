print(1, 1.5, -0, 0, 1e15, 1e14, 123456789012345, 2^53, 1e100, 0.1, 1/3, 1e-5, 100, 1e21)
print(1/0, -1/0, 0/0, -(0/0), math.huge, -math.huge)
print(10 % 3, -10 % 3, 10 % -3, -10 % -3, 5.5 % 2, 2^10, 2^0.5, 7 / 2, -2^2)
print("10" + 5, "0x10" + 0, " 7 " * 2, 10 .. 20, "a" .. 1 .. "b")
print(1 < 2, 1 <= 1, "a" < "b", "a" < "B", "" < "a", 2 > 1, 2 >= 3, "a\0b" < "a\0c")
print(1 == 1, "1" == 1, nil == false, {} == {}, "a" == "a", 0 == -0)
print(not nil, not 0, nil and 1, false or "x", 1 and 2, nil or false, false and nil)
local a, b, c = (function() return 1, 2, 3 end)()
print(a, b, c)
local t = {1, 2, 3, n = 4, [10] = 5, ["x y"] = 6; 7}
print(#t, t[4], t.n, t[10], t["x y"])
print(#"abc", #{1, 2, nil}, #{n = 1}, #{nil, nil, 3})
local s = 0
for i = 1, 10 do s = s + i end print(s)
for i = 10, 1, -3 do io = i end print(io)
for i = 1, 0 do print("never") end
for i = 1, 3 do local j = i; i = 10; print(j, i) end
for i = 0.1, 0.35, 0.1 do print(i) end
local i = 0
while true do i = i + 1; if i > 5 then break end end print(i)
repeat local z = i; i = i - 1 until z < 3 print(i)
do local x = 1; do local x = 2; print(x) end print(x) end
local function fact(n) if n <= 1 then return 1 else return n * fact(n - 1) end end
print(fact(10), fact(20), fact(25))
local function va(...) local a, b = ...; return select('#', ...), a, b, ... end
print(va()) print(va(1)) print(va(1, 2, 3)) print((va(1, 2, 3)))
print(select(2, "a", "b", "c"), select(-1, "a", "b"), select('#'))
local function old(...) return arg.n, arg[1], #arg end
print(old(), old("x", "y"))
local function both(...) local x = ...; return arg end
print(both(1))
local fns = {}
for i = 1, 3 do fns[i] = function() i = i + 1; return i end end
print(fns[1](), fns[1](), fns[2](), fns[3]())
local k = 0
while k < 3 do k = k + 1; local j = k; fns[k] = function(d) j = j + d; return j end end
print(fns[1](1), fns[1](1), fns[2](5), fns[3](0))
local x = {y = {z = {}}}
function x.y.z.f(a) return "f" .. a end
function x.y:m(a) return self == x.y, a end
print(x.y.z.f(1), x.y:m(2))
print(("x"):rep(3), #("x"):rep(3), ("%d"):format(3))
print(type(nil), type(1), type("x"), type({}), type(print), type(true))
print(tostring(nil), tostring(true), tostring(1e300 * 1e10), tostring("s"))
print(tonumber("10"), tonumber("  0x1F  "), tonumber("1e2"), tonumber("1e"), tonumber(""), tonumber(" "), tonumber("1 2"), tonumber("0x"), tonumber("inf"), tonumber("nan"), tonumber("-nan"), tonumber("1_0"), tonumber("0x1p4"), tonumber("0x.8"), tonumber("1."), tonumber(".5"), tonumber("."), tonumber("- 1"), tonumber("infinity"), tonumber("1e400"), tonumber("-1e400"), tonumber("0b1"), tonumber("1f"))
print(tonumber("ff", 16), tonumber("zz", 36), tonumber("8", 8), tonumber("777", 8), tonumber("-ff", 16), tonumber("0xff", 16), tonumber(" 11 ", 2), tonumber("1.0", 16), tonumber("", 16), tonumber(10, 16), tonumber("99999999999999999999", 10), tonumber("fffffffffffffffffff", 16))
print(unpack({1, 2, 3})) print(unpack({1, 2, 3}, 2)) print(unpack({1, 2, 3}, 2, 5)) print(unpack({}, 1, 0))
print(rawequal("a", "a"), rawequal({}, {}), rawget({5}, 1), #rawset({}, 1, 2))
print(next({})) print(next({7})) print(next({a = 1})) print(next({7}, 1))
for i, v in ipairs({1, 2, nil, 4}) do print(i, v) end
for k, v in pairs({10, 20, x = 1}) do print(k, v) end
local r = {}
for k, v in pairs({a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, hello = 8, world = 9}) do r[#r + 1] = k .. v end
print(table.concat(r, " "))
r = {}
local m = {}
for i = 1, 20 do m["key" .. i] = i; m[i * 3] = i; m[i / 4] = true end
m[true] = 1 m[false] = 0
for k, v in pairs(m) do r[#r + 1] = tostring(k) .. "=" .. tostring(v) end
print(table.concat(r, " "))
for k in pairs(m) do m[k] = nil end
print(next(m))
local big = {}
for i = 1, 100 do big[i] = i end
for i = 1, 100 do big[i] = nil end
print(#big, next(big))
for i = -5, 5 do big[i] = i end
r = {} for k, v in pairs(big) do r[#r + 1] = k end print(table.concat(r, ","))
print(#{n = 1, 1, 2, 3, [5] = 5}, #{[1] = 1, [2] = 2, [4] = 4})
local q = {} q.x, q.y, q.x = 1, 2, 3 print(q.x, q.y)
local ii, aa = 1, {} ii, aa[ii] = ii + 1, 20 print(ii, aa[1], aa[2])
print((function(...) return select('#', ...) end)(nil, nil))
print(#"a\0b", "a\65\066\x", "tab\tq\"\'\\", [[
long]], [==[a]]b]==])
print(0x10, 0xA, 1e2, .5, 3., 0xffffffff, 1E+2, 5e-1)
local longest = {} for i = 1, 300 do longest[i] = "x" .. i end print(#longest, longest[300])
print(2^31, 2^63, -2^63, 1e15 + 0.5, 123456.789e3, 5e-324, 1.7976931348623157e308)
local n = 0 for w in ("a b c"):gmatch("%a") do n = n + 1 end print(n)
print(-2 ^ 2, 2 ^ 3 ^ 2, not 1 == 2, 1 .. 2 == "12", 2 * 3 % 4, -"2", - -3)
print(1 and nil, (1 and 2) or 3, nil == nil and "y" or "n", 1 < 2 == true, not (1 > 2))
local function cond(a, b, c) return a and b or c, (a or b) and c, not a or b end
print(cond(1, 2, 3)) print(cond(nil, 2, 3)) print(cond(false, nil, false))
local z = nil; local zz = z and z.x; print(zz, z == nil, not z)
if z then print("t") elseif zz then print("u") else print("e") end
