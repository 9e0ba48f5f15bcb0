"""Renders small templates and many conversations with Jinja2, set up as transformers does, into test vectors.

usage: python3 make_vectors.py    (needs jinja2 3.1; writes statements.json and conversations.json beside this file)

The published templates beside this file have vectors of their own (qwen3.json, …); conversations.json adds more.
What Jinja2 prints for objects without a text of their own (addresses in memory) is left out.
"""
import itertools, json, os, re
import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = os.path.dirname(os.path.abspath(__file__))


class Generation(Extension):
    """{% generation %} as transformers' AssistantTracker parses it."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_support"), [], [], body).set_lineno(line)

    def _support(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: __import__("datetime").datetime(2026, 11, 3, 7, 5, 9).strftime(f)
    return env


VARIABLES = {
    "s": "Hello, World", "empty": "", "u": "é北京😀x", "n": 7, "neg": -3, "f": 2.5, "big": 123456789012345678901234567890,
    "t": True, "no": False, "nil": None, "l": [3, 1, 2], "words": ["banana", "Apple", "cherry", "apple"], "mixed": [1, "a", None, 2.5, [1], {"k": 1}],
    "d": {"b": 1, "a": 2, "C": 3}, "nested": {"x": {"y": [10, 20, {"z": "deep"}]}}, "spaces": "  a  b\tc\n", "lines": "one\ntwo\r\n\nthree",
    "people": [{"name": "Ann", "age": 30, "city": "Rome"}, {"name": "bob", "age": 25, "city": "rome"}, {"name": "Cy", "age": 30, "city": "Oslo"}],
    "pairs": [["a", 1], ["b", 2]], "html": "<b>&\"'</b>", "msgs": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None}, {"role": "tool", "content": ["x"]}],
    "special": {"items": 1, "keys": [1], "update": "u", "get": 0, "_private": "p", "with space": 2}, "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}, {"v": 5, "c": []}],
}


def expressions():
    """Expressions, each printed by itself."""
    yield from r'''
1 + 2 * 3 - 4
7 / 2
8 / 2
7 // 2
neg // 2
neg % 2
7 % neg
7.5 // 2
neg / 2.0
2 ** 10
2 ** -1
2 ** 0.5
2 ** 3 ** 2
-2 ** 2
-n ** 2
10 ** 30
big + 1
big * big
big // 7
big % 97
-big // 10
1e3
1e16
1e15
123456789.125
0.1 + 0.2
1e-5
0.00012
5e-324
1.7976931348623157e308
1e22
1.5e300 * 1.5e10
-0.0 + 0
3.0 == 3
1 == true
1 == 1.0
true + true
"a" "b" 'c'
"a" + "b"
"a" * 3
3 * "ab"
"a" * -1
[1] * 2
[1, 2] + [3]
(1, 2) + (3,)
(1,)
()
[]
{}
{"a": 1, "b": [1, 2.0, none, true, "x"]}
{1: 2, 1.0: 3, true: 4}
{"a": 1, "a": 2}
[1, "it's", 'q"', "b\\s", "n\nl", "t\tb", "é", "\x00", "\x7f", "​", "😀"]
"\x41\u00e9\u4e2d\U0001F600\101\q\'\""
"line \
joined"
s ~ n ~ f ~ nil ~ t ~ missing ~ l
1 ~ 2
"%s is %d and %.2f" % ("x", 3, 2.5)
"%5s|%-5s|%05d|%+d|%x|%X|%o|%e|%g|%%" % ("a", "b", 42, 7, 255, 255, 8, 12345.678, 0.0001)
"%s" % l
"%s %s" % (1,)
"%d" % "x"
"%(a)s-%(b)d" % {"a": 1, "b": 2}
"%s" % nil
"%r %r" % ("a'b", 1.0)
"%.3s|%c|%c" % ("abcdef", "x", 65)
"%10.3f|%-10.1f|%010.2f" % (3.14159, 2.25, -1.005)
"x" % 1
"{} {}".format(1, "a")
"{0} {1} {0}".format("a", "b")
"{a} {b.c} {d[0]}".format(a=1, b={"c": 2}, d=[5])
"{:>5}|{:<5}|{:^5}|{:*^7}".format("a", "b", "c", "d")
"{:05d}|{:+d}|{:,}|{:x}|{:#x}|{:b}|{:o}".format(42, 7, 1234567, 255, 255, 5, 8)
"{:.2f}|{:10.3f}|{:e}|{:g}|{:%}|{:.0f}".format(3.14159, 2.5, 12345.6789, 0.0001, 0.256, 2.5)
"{!r}|{!s}".format("a", "a")
"{{}} {}".format(1)
"{} {}".format(1)
"{x}".format(y=1)
"{:d}".format("a")
"{:>{w}}".format("a", w=4)
"{".format()
"{0} {}".format(1)
"{:.3}".format("abcdef")
"{:5}|{:5}".format(1, "a")
"{}".format(nil)
"{}".format(l)
"{:,.2f}|{:_}".format(1234567.891, 1234567)
1 < 2 < 3
1 < 3 < 2
1 < 2 > 1
"a" < "b"
"Z" < "a"
[1, 2] < [1, 3]
[1, 2] < [1, 2, 3]
(1, "a") < (1, "b")
1 < "a"
nil < 1
l < 1
{} < {}
"a" in "abc"
"x" not in "abc"
1 in l
"a" in d
"zz" in d
n in [7]
nil in mixed
[1] in mixed
1 in "abc"
"a" in nil
"a" in 5
missing in l
missing in "abc"
"a" in missing
not t
not missing
not ""
not l
nil or "x"
"" or 0 or []
1 and 2
0 and missing.x
t and nil
n if t else 0
n if no else 0
n if no
(n if no) is defined
(n if no).x
1 if t else 2 if no else 3
"a" if missing is defined else "b"
missing
missing.x
missing["x"]
missing()
missing + 1
1 + missing
"a" + missing
missing + "a"
-missing
missing == missing
missing == nil
missing != 1
missing < 1
missing | length
missing | list
missing is none
nil.x
nil.x.y
nil["x"].y
n.x
n.real
f.real
s.foo
s.foo.bar
s["upper"]
s["foo"]
s[0]
s[-1]
s[100]
s["0"]
u[3]
u[-1]
u[1:3]
u[::-1]
u | length
l[0]
l[-1]
l[5]
l[5].x
l["a"]
l["a"].b
l.a.b
l.0
l[true]
l[1.0]
nested.x.y[2].z
nested["x"]["y"][2]["z"]
nested.x.q
nested.x.q.r
nested.q.r
d.a
d["a"]
d.zz
d["zz"].x
d[0].x
d[nil].x
d[l].x
special.items
special["items"]
special.keys
special.update
special["update"]
special.get
special._private
special["with space"]
special.items()
special.keys() | list
special.update()
d.items() | list
d.keys() | list
d.values() | list
d.items()
d.keys()
d.get("a")
d.get("zz")
d.get("zz", 5)
d.get()
d.get("a", 1, 2)
d.pop("a")
d.popitem()
d.setdefault("q", 1)
d.clear()
d.copy()
d.update({"x": 1})
l.append(4)
l.sort()
l.pop()
l.insert(0, 1)
l.index(1)
l.index(9)
l.count(1)
l.copy()
(1, 2, 1).count(1)
(1, 2, 1).index(2)
l.__class__
"".__class__.__mro__
s.__len__()
l[1:]
l[:1]
l[-2:]
l[::2]
l[::-1]
l[2:0:-1]
l[10:]
l[:-10]
l[1:2]
l[nil:2]
l["a":]
l[::0]
s[7:]
s[:5]
s[::-1]
s[-5:-1]
s[::3]
nil[1:]
missing[1:]
n[1:]
(1, 2, 3)[1:]
range(5)[1:3] | list
range(3)
range(3) | list
range(1, 4) | list
range(10, 0, -3) | list
range(0)
range("a")
range(1.5)
range()
range(1, 2, 0)
range(100001)
range(3)[1]
range(3)[5]
5 in range(10)
5 in range(0, 10, 2)
range(3) | length
dict(a=1, b=2)
dict([["a", 1]])
dict({"a": 1}, b=2)
dict(1)
namespace(a=1).a
namespace(a=1)
namespace(a=1).b
namespace(a=1).b.c
namespace({"x": 1}).x
cycler("a", "b").next()
cycler("a", "b").current
cycler()
strftime_now("%Y-%m-%d %H:%M:%S")
strftime_now("%d %b %Y %A %B %a %j %y %I %p %U %W %w %u %V %G %e %-d %-m %% %D %F %T %R %h %n%t|")
raise_exception("boom")
raise_exception(1)
raise_exception()
s.upper()
s.lower()
s.title()
s.capitalize()
s.swapcase()
"hello world-foo it's".title()
"ßﬁ".upper()
"ÀÉ".lower()
"ÉCOLE".capitalize()
spaces.strip()
spaces.lstrip()
spaces.rstrip()
"xxaxx".strip("x")
"xyaxy".lstrip("xy")
"xyaxy".rstrip("yx")
"abc".strip("")
"abc".strip(nil)
"abc".strip(1)
spaces.split()
" a b  c ".split(" ")
"a,b,c".split(",")
"a,b,c".split(",", 1)
"a,b,c".rsplit(",", 1)
"a b c".split(nil, 1)
"  a b c  ".split(nil, 1)
"  a b c  ".rsplit(nil, 1)
"a b c".split(maxsplit=1)
"a,b".split(sep=",")
"".split()
"".split(",")
"abc".split("")
"abc".split(1)
lines.splitlines()
lines.splitlines(true)
"a\u2028b\x0bc\x85d".splitlines()
"</think>x</think>y".split("</think>")[-1]
"a=b=c".partition("=")
"a=b=c".rpartition("=")
"abc".partition("x")
"abc".rpartition("x")
"abc".partition("")
s.startswith("Hello")
s.startswith(("x", "He"))
s.startswith("World", 7)
s.startswith("World", 7, 9)
s.endswith("World")
s.endswith(("x", "ld"))
s.startswith(1)
s.startswith(["a"])
s.startswith(("a", 1))
s.startswith()
"".startswith("")
s.find("o")
s.rfind("o")
s.find("zz")
s.find("o", 5)
s.find("o", 5, 6)
s.index("o")
s.index("zz")
s.rindex("o")
u.find("x")
s.count("l")
s.count("")
s.count("l", 5)
s.replace("l", "L")
s.replace("l", "L", 1)
s.replace("", "-")
s.replace("l", "")
s.replace("zz", "x")
s.replace("l")
s.replace(1, 2)
", ".join(words)
", ".join([])
"".join(["a", 1])
", ".join("abc")
"-".join(d)
", ".join(5)
"a".center(5) ~ "|"
"ab".center(5) ~ "|"
"ab".center(7, "*")
"a".ljust(3) ~ "|"
"a".rjust(3, "0")
"a".rjust(3, "ab")
"42".zfill(5)
"-42".zfill(5)
"abc".zfill(2)
"a\tb".expandtabs()
"a\tb\n\tc".expandtabs(4)
"abc".isalpha()
"abc1".isalnum()
"123".isdigit()
"²".isdigit()
"²".isdecimal()
"½".isnumeric()
"".isdigit()
" \t".isspace()
"abc".islower()
"ABC".isupper()
"Abc Def".istitle()
"aBc".istitle()
"abc".isidentifier()
"1abc".isidentifier()
"abc".isascii()
"é".isascii()
"a\nb".isprintable()
"TestCase".removeprefix("Test")
"TestCase".removesuffix("Case")
"TestCase".removeprefix("x")
"a".removeprefix(1)
"ß".casefold()
"abc".encode
"abc".foo()
s.upper
s.upper(1)
s.split(",", 1, 2)
s.strip(chars="x")
"a".format_map({"a": 1})
"{a}".format_map({"a": 1})
s | upper
s | lower
words | map("upper") | list
s | title
"foo (bar) it's o'clock-now" | title
s | capitalize
spaces | trim
"xxaxx" | trim("x")
nil | trim
l | trim
missing | trim
n | trim
s | replace("o", "0")
s | replace("o", "0", 1)
n | replace("7", "8")
s | length
l | length
d | length
n | length
nil | length
l | first
l | last
[] | first
[] | last
([] | first) is defined
([] | first).x
"" | first
s | first
s | last
d | first
d | last
n | first
l | join
l | join(", ")
words | join(" / ")
people | join(", ", attribute="name")
"abc" | join("-")
missing | join(",")
nil | join(",")
mixed | join("|")
l | sum
[1.5, 2] | sum
people | sum("age")
people | sum(attribute="age", start=100)
words | sum
[] | sum
l | min
l | max
words | min
words | max
words | max(case_sensitive=true)
people | max(attribute="age")
[] | min
mixed | min
l | sort
l | sort(reverse=true)
words | sort
words | sort(case_sensitive=true)
words | sort(reverse=true)
people | sort(attribute="name") | map(attribute="name") | list
people | sort(attribute="age,name") | map(attribute="name") | list
people | sort(attribute="city") | map(attribute="name") | list
mixed | sort
pairs | sort(attribute="1", reverse=true)
pairs | sort(attribute=1, reverse=true)
s | sort
words | unique | list
words | unique(case_sensitive=true) | list
people | unique(attribute="age") | map(attribute="name") | list
[1, 1.0, true, 2] | unique | list
[[1]] | unique | list
l | reverse | list
s | reverse
d | reverse | list
n | reverse
(1, 2) | reverse | list
l | list
s | list
d | list
n | list
missing | list
d | items | list
nil | items | list
missing | items | list
l | items | list
d | dictsort
d | dictsort(true)
d | dictsort(by="value")
d | dictsort(by="value", reverse=true)
d | dictsort(by="x")
l | dictsort
people | groupby("city") | list
people | groupby("city", case_sensitive=true) | list
people | groupby("age") | map(attribute="grouper") | list
people | groupby("zz") | list
people | groupby("zz", default="q") | map("first") | list
people | map(attribute="name") | list
people | map(attribute="zz") | list
people | map(attribute="zz", default="q") | join(",")
people | map(attribute="name.0") | list
pairs | map(attribute=0) | list
pairs | map("first") | list
words | map("replace", "a", "o") | list
words | map("nofilter") | list
words | map
words | map(attribute="x", foo=1) | list
nil | map("upper") | list
n | map("upper") | list
mixed | map("string") | list
l | select("odd") | list
l | select | list
mixed | select | list
mixed | reject | list
mixed | select("string") | list
l | reject("odd") | list
l | select("gt", 1) | list
l | select("in", [1, 2]) | list
l | select("nope") | list
people | selectattr("age", "equalto", 30) | map(attribute="name") | list
people | selectattr("age", "ge", 30) | list | length
people | selectattr("zz") | list
people | selectattr("zz", "defined") | list
people | rejectattr("age", "eq", 30) | map(attribute="name") | list
people | selectattr | list
msgs | selectattr("role", "equalto", "user") | first
(msgs | selectattr("role", "equalto", "nobody")) | list | length
"yes" if (msgs | selectattr("role", "equalto", "nobody")) else "no"
(l | map("string")) | length
(l | map("string"))[0]
(l | map("string")).x
l | map("string") | tojson
l | batch(2) | list
l | batch(2, "x") | list
[] | batch(2) | list
l | slice(2) | list
range(7) | slice(3, "x") | list
l | batch(0) | list
missing | default("x")
nil | default("x")
nil | default("x", true)
"" | default("x", boolean=true)
0 | d(5)
missing | d
missing | default(missing2)
"42" | int
"4x" | int
"4x" | int(9)
"0x1F" | int(0, 16)
"0x1F" | int(base=16)
"ff" | int(base=16)
"101" | int(base=2)
" 12 " | int
"1_000" | int
"3.99" | int
3.99 | int
-3.99 | int
nil | int
t | int
l | int
missing | int
"1e3" | int
"inf" | int
"12345678901234567890123" | int
"3.5" | float
"x" | float
"x" | float(1.5)
n | float
nil | float
"1e5" | float
"inf" | float
"nan" | float
neg | abs
-2.5 | abs
"a" | abs
2.5 | round
3.5 | round
-2.5 | round
2.675 | round(2)
1.005 | round(2)
2.4 | round(method="ceil")
2.6 | round(method="floor")
42.55 | round(1)
42.55 | round(1, "floor")
1234.5 | round(-2)
1250 | round(-2)
1350 | round(-2)
n | round
n | round(2)
"a" | round
2.5 | round(method="x")
1e300 | round(2)
0.5 | round
1.5 | round(0) | int
html | e
html | escape
html | escape | escape
html | forceescape
(html | e) ~ "<"
(html | e) + "<"
"<" + (html | safe)
(html | safe) + "<"
(html | safe) ~ "<"
html | safe
(html | safe) | upper
(html | safe).replace("b", "<")
(html | safe) | length
(html | safe) is string
(html | safe) | tojson
[html | safe]
("%s <" | safe) % "<"
("{}" | safe).format("<")
("," | safe).join(["<", "a"])
(html | safe)[0]
(html | safe)[:3]
(html | safe).split("b")
html | string
n | string
nil | string
l | string
missing | string
1.0 | string
"a b c" | wordcount
"one two,three-four" | wordcount
"foo bar baz qux" | truncate(9)
"foo bar baz qux" | truncate(9, true)
"foo bar baz qux" | truncate(11)
"foo bar baz qux" | truncate(11, false, "...", 0)
"foo bar baz qux" | truncate(9, end="!")
"foo" | truncate(2)
n | truncate
lines | indent
lines | indent(2)
lines | indent(2, true)
lines | indent(2, true, true)
lines | indent("> ")
lines | indent(width=2, first=true)
lines | indent(2, blank=true)
n | indent
"" | indent
"a" | center(5)
"a b&c/d?é" | urlencode
{"a": "b c", "d": "é/"} | urlencode
n | urlencode
"%s-%d" | format("a", 3)
"%(x)s" | format(x=1)
"%s" | format(1, x=2)
d | attr("a")
d | attr("items")
s | attr("upper")
d | attr("zz") is defined
d | tojson
nested | tojson
mixed | tojson
"é\"\\\n\t\r\b\f\x00\x1f\x7f  😀" | tojson
"é😀" | tojson(ensure_ascii=true)
[1.0, 1e16, 1e-7, 0.1, 1e400, -1e400] | tojson
d | tojson(indent=2)
nested | tojson(indent=4)
[] | tojson(indent=2)
{"a": [], "b": {}} | tojson(indent=1)
d | tojson(indent="\t")
d | tojson(indent=0)
d | tojson(sort_keys=true)
d | tojson(separators=(",", ":"))
d | tojson(indent=2, separators=(",", ": "))
d | tojson(false, 2)
{1: 1, none: 2, true: 3, 1.5: 4} | tojson
{(1, 2): 1} | tojson
{1: 1, "a": 2} | tojson(sort_keys=true)
(1, 2) | tojson
missing | tojson
range(3) | tojson
d.items() | tojson
namespace() | tojson
nil | tojson
t | tojson
big | tojson
html | tojson
s | nofilter
s is notest
s | upper(1)
s | default(1, 2, 3)
s | replace
s | replace("a")
s | trim(x=1)
n is number
n is integer
n is float
f is float
t is integer
t is number
t is boolean
n is boolean
s is string
l is string
l is sequence
l is iterable
l is mapping
d is mapping
d is sequence
d is iterable
s is sequence
s is iterable
s is mapping
n is iterable
n is sequence
nil is none
missing is none
missing is defined
missing is undefined
nil is defined
missing is iterable
missing is sequence
missing is mapping
missing is string
missing is callable
d.items() is iterable
d.items() is sequence
d.items() is mapping
range(3) is sequence
(l | map("string")) is iterable
(l | map("string")) is sequence
range is callable
s.upper is callable
s is callable
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
n is divisibleby 0
s is odd
n is eq 7
n is equalto 7
n is ne 7
n is gt 6
n is lt 6
n is ge 7
n is le 7
n is greaterthan 6
n is lessthan 6
n is == 7
n is in [7]
n is not in [7]
s is lower
s is upper
"abc" is lower
nil is sameas nil
t is sameas true
n is sameas 7
l is sameas l
t is true
no is false
1 is true
t is not false
n is not none
n is not defined
n is defined and n is odd
n is divisibleby 7 and t
not n is odd
n is number is string
"upper" is filter
"nope" is filter
"odd" is test
html | e is escaped
l == [3, 1, 2]
d == {"a": 2, "b": 1, "C": 3}
d != {}
(1, 2) == [1, 2]
"a" == 1
nil == none
1.0 == true
"é" == "é"
l | length > 2
l | length == 3 and d
-l | length
-n | abs
n - -3
n + +3
- - n
not not t
(n)
((n), 1)
n,
n, 1
[1, 2,]
{"a": 1,}
l[0,]
l[0, 1]
s.upper().lower().title()
"a".upper()[0].lower()
l | first + 1
(l | first) + 1
l | join(",") | length
"a" ~ 1 + 2
"a" ~ "b" * 2
1 + 2 ~ 3
2 * 3 ** 2
-3 | abs ** 2
n in l or t
n == 7 == true
none ~ true ~ false ~ None ~ True ~ False
0x1F + 0b11 + 0o17 + 1_000
1.5e2
1_0.5
.5
5.
1..real
08
1 2
1 +
(1
1)
[1
{"a"}
"abc
n.
n[
n[]
n |
n | 1
n is
foo(
foo(1 2)
foo(a=1, 2)
a b
if
n if
n if t else
@
n $ 1
n ? 1 : 2
n && t
n = 1
"\xZZ"
lambda: 1
joiner("|")() ~ joiner("|")()
"a" + 1
1 + "a"
"a" - "b"
l + 1
1 + l
l + (1,)
(1,) + l
s + l
s + nil
nil + s
d + d
l - l
l * "a"
"a" * 1.5
"a" * "b"
nil * 2
-s
+s
-l
+t
s / 2
n / 0
n // 0
n % 0
f / 0
f // 0
f % 0
0 ** -1
f ** 10000
n()
s()
nil()
l()
d.a()
nested.x()
foo.bar()
s.upper()()
'''.strip("\n").split("\n")


STATEMENTS = r'''
{% set x = 1 %}{{ x }}
===
{% set a, b = 1, 2 %}{{ a }}{{ b }}
===
{% set a, b = pairs[0] %}{{ a }}{{ b }}
===
{% set (a, b) = [1, 2] %}{{ a }}{{ b }}
===
{% set a, b = [1] %}
===
{% set a, b = 5 %}
===
{% set a, b = missing %}
===
{% set a, b = [1, 2, 3] %}
===
{% set x %}hello {{ n }}{% endset %}[{{ x }}]
===
{% set x | upper | trim %} hello {% endset %}[{{ x }}]
===
{% set ns = namespace(a=1) %}{% set ns.a = ns.a + 1 %}{% set ns.b = 'x' %}{{ ns.a }}{{ ns.b }}{{ ns }}
===
{% set d.x = 1 %}
===
{% set missing.x = 1 %}
===
{% set ns = namespace() %}{% set ns.x %}block{% endset %}{{ ns.x }}
===
{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}
===
{% set x = 1 %}{% for i in l %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}
===
{% set x = 1 %}{% if t %}{% set x = 2 %}{% endif %}{{ x }}
===
{% if no %}{% set y = 2 %}{% endif %}{{ y }}|{{ y is defined }}
===
{% for i in l %}{{ y }}{% set y = i %}{{ y }}{% endfor %}{{ y }}
===
{% for i in l %}{% if i == 1 %}{% set s = 'in' %}{% endif %}{{ s }}{% endfor %}{{ s }}
===
{% for x in l %}{{ x }},{% endfor %}
===
{% for x in [] %}{{ x }}{% else %}none{% endfor %}
===
{% for x in missing %}{{ x }}{% else %}none{% endfor %}
===
{% for x in nil %}{{ x }}{% endfor %}
===
{% for x in n %}{{ x }}{% endfor %}
===
{% for c in u %}[{{ c }}]{% endfor %}
===
{% for k in d %}{{ k }}{% endfor %}
===
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
===
{% for k, v in d|items %}{{ k }}={{ v }}{{ ',' if not loop.last }}{% endfor %}
===
{% for a, b in pairs %}{{ a }}{{ b }}{% endfor %}
===
{% for a, b in l %}{{ a }}{% endfor %}
===
{% for a, b in ['ab', 'c'] %}{{ a }}-{{ b }}{% endfor %}
===
{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}
===
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
===
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}
===
{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }};{% endfor %}
===
{% for x in l %}{{ loop.previtem.y }}{% endfor %}
===
{% for x in l %}{{ loop.nextitem.y.z }}{% endfor %}
===
{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}
===
{% for x in l %}{{ loop.cycle() }}{% endfor %}
===
{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }}{% endfor %}
===
{% for x in l %}{{ loop.foo }}{{ loop.foo.bar }}{% endfor %}
===
{% for x in l %}{{ loop }}{% endfor %}
===
{% for x in l if x > 1 %}{{ x }}{{ loop.index }}{{ loop.length }}{{ loop.last }};{% endfor %}
===
{% for x in l if x > 5 %}{{ x }}{% else %}none{% endfor %}
===
{% for x in l if x > missing %}{% endfor %}
===
{% for p in people if p.age == 30 %}{{ p.name }}{{ loop.nextitem.name if not loop.last }};{% endfor %}
===
{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}
===
{% for x in l %}{% set outer = loop %}{% for y in [1, 2] %}{{ outer.index }}.{{ loop.index }} {% endfor %}{% endfor %}
===
{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}
===
{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% else %}none{% endfor %}
===
{% for x in l %}{% for y in l %}{% if y == 1 %}{% break %}{% endif %}{{ y }}{% endfor %}{{ x }};{% endfor %}
===
{% for x in l %}{% break %}{% else %}none{% endfor %}
===
{% break %}
===
{% if t %}{% continue %}{% endif %}
===
{% for item in tree recursive %}{{ item.v }}{% if item.c %}({{ loop(item.c) }}){% endif %}{{ loop.depth }}{% endfor %}
===
{% for item in tree recursive %}{{ loop.index }}{{ loop(item.c) }}{% else %}-{% endfor %}
===
{% for x in l %}{{ loop(l) }}{% endfor %}
===
{% for x in l recursive %}{{ loop() }}{% endfor %}
===
{% for x in range(3) %}{{ x }}{% endfor %}
===
{% for x in l|reverse %}{{ x }}{{ loop.length }}{% endfor %}
===
{% for x in l|map('string') %}{{ loop.revindex }}{{ x }}{{ loop.last }}{% endfor %}
===
{% for m in msgs[::-1] %}{{ loop.index0 }}{{ m.role }}{% endfor %}
===
{% for m in msgs[1:] %}{{ m.role }}{% endfor %}
===
{% for g in people|groupby('city') %}{{ g.grouper }}:{{ g.list|length }}:{{ g[0] }};{% endfor %}
===
{% for city, who in people|groupby('city') %}{{ city }}:{{ who|map(attribute='name')|join('+') }};{% endfor %}
===
{% set g = l|map('string') %}{{ g|list }}{{ g|list }}
===
{% for loop in l %}{% endfor %}
===
{% for x.y in l %}{% endfor %}
===
{% for x in l %}{{ x }}
===
{% for x l %}{% endfor %}
===
{% if n > 5 %}big{% elif n > 2 %}mid{% else %}small{% endif %}
===
{% if missing %}a{% elif nil %}b{% elif "" %}c{% elif [] %}d{% elif 0 %}e{% elif 0.0 %}f{% elif {} %}g{% else %}h{% endif %}
===
{% if l and d and s and n and f and t and range(1) and (1,) %}all{% endif %}
===
{% if not missing is defined %}u{% endif %}{% if missing is not defined %}v{% endif %}
===
{% if n is defined and n is not none and n > 3 %}ok{% endif %}
===
{% if t %}{{ n|nofilter }}{% endif %}
===
{% if no %}{{ n|nofilter }}{% endif %}ok
===
{{ (n|nofilter) if no else 'ok' }}
===
{% if t %}{% for x in l %}{{ x|nofilter }}{% endfor %}{% endif %}
===
{% if n is notest %}{% endif %}
===
{% macro m(a, b=2, c='x') %}{{ a }}-{{ b }}-{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=5) }}{{ m(a=9) }}{{ m() }}
===
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
===
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
===
{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}
===
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}
===
{% macro m(a=1, b) %}{% endmacro %}
===
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}
===
{% macro m(a) %}{{ a }}{{ varargs|join(',') }}{{ kwargs.x }}{% endmacro %}{{ m(1, 2, 3, x=4) }}
===
{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}body {{ n }}{% endcall %}
===
{% macro m() %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(y) m() %}<{{ y }}>{% endcall %}
===
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}
===
{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}
===
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
===
{% macro m(x) %}{{ x }}{% if x > 0 %}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}
===
{% macro m() %}{{ y }}{% endmacro %}{% set y = 5 %}{{ m() }}{% set y = 6 %}{{ m() }}
===
{% macro m() %}{% set z = 5 %}{{ z }}{% endmacro %}{{ m() }}{{ z }}
===
{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
===
{% macro outer() %}{% macro inner() %}in{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}
===
{% macro m() %} a {% endmacro %}{{ m()|trim }}|{{ m() is string }}|{{ m }}|{{ m.name }}
===
{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}{{ m(1, *[2]) }}
===
{{ m() }}{% macro m() %}x{% endmacro %}
===
{% macro m(x) %}{% if x %}yes{% else %}no{% endif %}{% endmacro %}{% if m(1) == 'yes' %}ok{% endif %}{{ m(0)|length }}
===
{% filter upper %}hello {{ s }}{% endfilter %}
===
{% filter replace('l', 'L')|trim %} hello {% endfilter %}
===
{% filter nofilter %}x{% endfilter %}
===
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}
===
{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}
===
{% with a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{% endwith %}
===
{% generation %}hi {{ n }}{% endgeneration %}
===
{% for m in msgs %}{% generation %}{{ m.role }}{% set q = 1 %}{% endgeneration %}{{ q }}{% endfor %}
===
{% raw %}{{ x }} {% if %}{% endraw %}|
===
{%- raw -%}  {{ x }}  {%- endraw -%}  |
===
{% raw %}
  a
{% endraw %}
b
===
{% raw %}x
===
{# comment #}a{#- b -#} c
===
{# never closed
===
a {#- x #} b
===
a
  {# comment #}
b
===
{% block head %}x{{ n }}{% endblock %}y
===
{% set q = 1 %}{% for i in l %}{% block b %}{{ q }}{{ i }}{% endblock %}{% endfor %}
===
{% print n %}
===
{% autoescape false %}{{ html }}{% endautoescape %}
===
{% include 'x' %}
===
{% extends 'x' %}
===
{% import 'x' as y %}
===
{% foo %}
===
{% do l.append(1) %}
===
{% endif %}
===
{% if t %}{% endfor %}
===
{% if t %}
===
{% for x in l %}{% if x %}{% endfor %}
===
{% if %}{% endif %}
===
{% set %}
===
{% set x = %}
===
{% set 1 = 2 %}
===
{% set none = 2 %}
===
{% macro %}{% endmacro %}
===
{% macro m %}{% endmacro %}
===
{% call 5 %}{% endcall %}
===
{% if t %}x{% endif
===
{{ n
===
{{ n }
===
{{ {"a": {"b": 1}} }}
===
{{ {"a": {"b": 1}}}}
===
{{- n -}}   x
===
  {{- n }}   x
===
a   {%- if t -%}   b   {%- endif -%}   c
===
  {% if t %}
    x
  {% endif %}
y
===
  {%+ if t %}
    x
  {%+ endif +%}
y
===
a {% if t %} b {% endif %} c
===
{% if t %}

x

{% endif %}

y
===
  {{ n }}
  {{ n }}

===
line1
{% set x = 1 %}
line2
  {% set x = 2 %}  
line3
===
{% for x in l %}
  - {{ x }}
{% endfor %}
done
===
{% for x in l -%}
  {{ x }},
{%- endfor %}
===
	{% if t %}tab{% endif %}
===
x {% if t %}
y{% endif %}
===
{{ "a" }}
{{ "b" }}
===
{%if t%}tight{%endif%}
===
{%-if t-%}tight{%-endif-%}
===
{{-n-}}|{{+n}}
===
{{ '}}' }}{{ "%}" }}{% if '%}' %}x{% endif %}
===
{{ "{{" }} {{ '{%' }} {{ '{#' }}
===
}} %} #} } {
===
{ { a } }
===
{{ 'multi
line' }}
===
text only
===
text with trailing newline

===
{{ n }}{{ missing.a.b }}
===
{% set x = namespace(v=0) %}{% for i in l %}{% set x.v = x.v + i %}{% endfor %}{{ x.v }}
===
{% set ns = namespace(found=false) %}{% for m in msgs %}{% if m.role == 'tool' %}{% set ns.found = true %}{% break %}{% endif %}{% endfor %}{{ ns.found }}
===
{% set ns = namespace(x=[]) %}{% for i in l %}{% set ns.x = ns.x + [i * 2] %}{% endfor %}{{ ns.x }}
===
{% set cyc = cycler('a', 'b') %}{% for i in l %}{{ cyc.next() }}{% endfor %}{{ cyc.current }}{% set _ = cyc.reset() %}{{ cyc.next() }}
===
{% set j = joiner(', ') %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}
===
{% set j = joiner() %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}
===
{% set m = 'x' %}{% set m = m ~ 'y' %}{% set m = m + 'z' %}{{ m }}
===
{% set content = none %}{% if content is string %}s{% elif content is none %}n{% endif %}
===
{% for m in msgs %}{% if m.content is string %}{{ m.content }}{% elif m.content is sequence %}{% for c in m.content %}{{ c }}{% endfor %}{% else %}-{% endif %}{% endfor %}
===
{% for m in msgs %}{{ '<|' + m['role'] + '|>' + m['content'] }}{% endfor %}
===
{% for m in msgs %}{{ '<|' ~ m.role ~ '|>' ~ m.content }}{% endfor %}
===
{{ msgs[0]['content'].split('i')[0].lstrip('\n') }}
===
{% set x = dict(a=1) %}{% for k in x %}{{ k }}{{ x[k] }}{% endfor %}
===
{% for i in range(3) %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}
===
{% set a = [1, 2] %}{% set b = a %}{{ a is sameas b }}{{ [1] is sameas [1] }}
===
{% if messages is defined %}a{% else %}b{% endif %}{% set messages = [] %}{{ messages }}
===
{% set x = 5 %}{% macro show(x) %}{{ x }}{% endmacro %}{{ show(6) }}{{ x }}
===
{% for x in l %}{{ x }}{% endfor %}{{ x }}
===
{% set x = 'out' %}{% for x in l %}{{ x }}{% endfor %}{{ x }}
===
{% for x in l if loop is defined %}{{ x }}{% endfor %}
===
{{ caller }}{{ varargs }}
===
{% set x = raise_exception('in set') %}
===
{% if no %}{{ raise_exception('never') }}{% endif %}ok
'''.strip("\n").split("\n===\n")


def words(error):
    """An error's kind and message. How Python counts the arguments of its own functions varies; only the kind is kept."""
    message = re.sub(r" \(<template>, line \d+\)$", "", str(error))
    counts = type(error) is TypeError and re.search(r"expected at (least|most)|takes (at|no arguments)|missing \d", message) and "macro" not in message
    return type(error).__name__ if counts else f"{type(error).__name__}: {message}"


def run(env, source, variables):
    try:
        return {"rendered": env.from_string(source).render(**variables)}
    except RecursionError:
        return None
    except Exception as error:  # noqa: BLE001: whatever Jinja raises is the expected answer
        return {"error": words(error)}


def statements():
    env, cases = environment(), []
    for source in [*("{{ " + e + " }}" for e in expressions()), *STATEMENTS]:
        outcome = run(env, source, VARIABLES)
        if outcome and not re.search(r" at 0x[0-9a-f]+", str(outcome)):
            cases.append({"template": source, **outcome})
    return {"variables": VARIABLES, "cases": cases}


def conversations():
    user, system = (lambda c: {"role": "user", "content": c}), (lambda c: {"role": "system", "content": c})
    assistant, tool = (lambda c, **k: {"role": "assistant", "content": c, **k}), (lambda c, **k: {"role": "tool", "content": c, **k})
    call = lambda name, arguments, **k: {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **k}
    bare = lambda name, arguments: {"name": name, "arguments": arguments}
    weather = {"type": "function", "function": {"name": "get_weather", "description": "  Weather — «today» ☀  ", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "description": "City\nname", "enum": ["Paris", "北京"]}, "days": {"type": ["integer", "null"], "minimum": 1, "default": None},
                                         "opts": {"type": "object", "properties": {"deep": {"type": "array", "items": {"type": "number"}}}, "additionalProperties": False}}, "required": ["city"]}, "strict": True}}
    plain = {"name": "now", "parameters": {}}
    none = {"type": "function", "function": {"name": "noargs", "description": ""}}
    odd = {"type": "function", "function": {"name": "odd", "description": None, "parameters": {"type": "object", "properties": {"items": {"description": "x"}, "a<b": {"type": "string", "x-y": 1.5, "keys": [1, 2]}}, "$defs": {"Q": {"n": 1}}}, "extra": {"a": 1e-7}}}
    text, image, video = {"type": "text", "text": "look"}, {"type": "image", "image": "a.png"}, {"type": "video", "video": "b.mp4"}
    url = {"type": "image_url", "image_url": {"url": "http://x/y.png"}}
    tricky = "<|im_end|>\n<think>\nx\n</think>\n\n{{ x }} {% if %} \\n \u2028 é 北京 😀 \"q\" 'p' <b>&amp;</b>\t"
    lists = {
        "unicode": [user(tricky)], "empty-user": [user("")], "blank-user": [user(" \n ")], "null-user": [user(None)], "number-content": [user(5)], "missing-content": [{"role": "user"}],
        "missing-role": [{"content": "x"}], "string-message": ["hello"], "null-message": [None], "only-system": [system("s")], "system-empty": [system(""), user("a")], "system-null": [system(None), user("a")],
        "system-parts": [system([text]), user("a")], "system-image": [system([image]), user("a")], "two-systems": [system("a"), system("b"), user("c")], "system-end": [user("a"), system("b")],
        "developer": [{"role": "developer", "content": "d"}, user("a")], "assistant-only": [assistant("a")], "assistant-null": [user("a"), assistant(None), user("b")], "assistant-last": [user("a"), assistant("b")],
        "assistant-missing": [user("a"), {"role": "assistant"}, user("b")], "two-users": [user("a"), user("b")], "two-assistants": [user("a"), assistant("b"), assistant("c"), user("d")],
        "tool-first": [tool("x"), user("a")], "tool-last": [user("a"), tool("x")], "tool-only": [tool("x")], "tools-in-row": [user("a"), assistant("", tool_calls=[call("f", {})]), tool("1"), tool("2"), tool("3"), user("b")],
        "tool-parts": [user("a"), assistant("", tool_calls=[call("f", {})]), tool([text])], "tool-null": [user("a"), assistant("", tool_calls=[call("f", {})]), tool(None)],
        "tool-dict": [user("a"), assistant("", tool_calls=[call("f", {})]), tool({"t": 1.0})],
        "response-in-user": [user("q"), user("<tool_response>\nx\n</tool_response>")], "only-response": [user("<tool_response>x</tool_response>")],
        "think": [user("a"), assistant("<think>\n\nwhy\n\n</think>\n\nbecause"), user("b")], "think-last": [user("a"), assistant("<think>\nwhy\n</think>\n\nbecause")], "think-open": [user("a"), assistant("<think>why"), user("b")],
        "think-close": [user("a"), assistant("why</think>x"), user("b")], "think-twice": [user("a"), assistant("<think>a</think>b<think>c</think>d"), user("b")], "think-empty": [user("a"), assistant("<think>\n\n</think>\n\nx")],
        "reasoning": [user("a"), assistant("x", reasoning_content="r"), user("b")], "reasoning-last": [user("a"), assistant("x", reasoning_content="\n r \n")], "reasoning-empty": [user("a"), assistant("x", reasoning_content="")],
        "reasoning-null": [user("a"), assistant("<think>t</think>x", reasoning_content=None)], "reasoning-number": [user("a"), assistant("x", reasoning_content=5)], "reasoning-list": [user("a"), assistant("x", reasoning_content=["r"])],
        "reasoning-tool": [user("a"), assistant("", reasoning_content="need it", tool_calls=[call("f", {"x": 1})]), tool("y"), assistant("done", reasoning_content="ok"), user("b")],
        "multi-step": [user("a"), assistant("<think>1</think>", tool_calls=[call("f", {"x": 1})]), tool("y"), assistant("<think>2</think>", tool_calls=[call("g", {"x": 2})]), tool("z"), assistant("<think>3</think>end")],
        "call-nested": [user("a"), assistant("", tool_calls=[call("f", {"a": {"b": [1, 2.0, None, True, "é\"\\\n"]}, "l": [], "d": {}, "n": None, "t": True, "f": 1e-7, "s": "two\nlines", "i": 12345678901234567890})])],
        "call-string": [user("a"), assistant("", tool_calls=[call("f", '{"a": 1}')])], "call-list": [user("a"), assistant("", tool_calls=[call("f", [1, 2])])], "call-null": [user("a"), assistant("", tool_calls=[call("f", None)])],
        "call-no-arguments": [user("a"), assistant("", tool_calls=[{"function": {"name": "f"}}])], "call-bare": [user("a"), assistant("x", tool_calls=[bare("f", {"a": 1})])], "call-unnamed": [user("a"), assistant("", tool_calls=[{"function": {"arguments": {}}}])],
        "call-name-null": [user("a"), assistant("", tool_calls=[call(None, {})])], "calls-empty": [user("a"), assistant("x", tool_calls=[])], "calls-null": [user("a"), assistant("x", tool_calls=None)], "calls-dict": [user("a"), assistant("x", tool_calls={"a": 1})],
        "calls-string": [user("a"), assistant("x", tool_calls="f")], "calls-three": [user("a"), assistant("text", tool_calls=[call("f", {"a": 1}), call("g", {}), bare("h", {"b": "c"})]), tool("1"), tool("2"), tool("3"), assistant("end")],
        "call-blank-content": [user("a"), assistant("\n", tool_calls=[call("f", {"a": 1})])], "call-null-content": [user("a"), assistant(None, tool_calls=[call("f", {"a": 1})]), tool("r")], "call-missing-content": [user("a"), {"role": "assistant", "tool_calls": [call("f", {"a": 1})]}, tool("r")],
        "call-method-names": [user("a"), assistant("", tool_calls=[call("f", {"items": 1, "keys": 2, "update": 3, "get": {"pop": 4}})])],
        "parts": [user([text, {"type": "text", "text": " more"}])], "parts-image": [user([text, image, text])], "parts-images": [user([image, image]), assistant("two"), user([image, url])], "parts-video": [user([video, text]), assistant("x"), user([video])],
        "parts-bare": [user([{"text": "a"}, {"image": "x"}, {"video": "y"}])], "parts-unknown": [user([{"type": "audio", "audio": "x"}])], "parts-string": [user(["plain text", "image here"])], "parts-number": [user([1])], "parts-empty": [user([])], "parts-null": [user([None])],
        "parts-dict": [user({"type": "text", "text": "x"})], "parts-assistant": [user("a"), assistant([text]), user("b")], "parts-empty-text": [user([{"type": "text", "text": ""}])], "parts-null-text": [user([{"type": "text", "text": None}])],
        "bad-role": [user("a"), {"role": "wizard", "content": "x"}], "null-role": [user("a"), {"role": None, "content": "x"}], "upper-role": [{"role": "User", "content": "x"}], "extra-keys": [{"role": "user", "content": "x", "name": "bob", "weight": 0}],
        "whitespace": [system("  s  "), user("\n\n a \n\n"), assistant(" \n b"), user("c\n")], "response-spaces": [user("q"), user(" <tool_response>x</tool_response> ")], "windows-lines": [user("a\r\nb"), assistant("<think>\r\nx\r\n</think>\r\ny"), user("c")],
        "long": [m for i in range(20) for m in (user(f"q{i} " * 50), assistant(f"<think>{i}</think>a{i}"))] + [user("end")],
    }
    tools = {"weather": [weather], "all": [weather, plain, none, odd], "empty": [], "null": None, "dict": {"a": 1}, "string": "abc", "strings": ["x"], "nameless": [{"type": "function", "function": {"description": "d"}}]}
    for name, messages in lists.items():
        yield name, {"messages": messages, "add_generation_prompt": True}
    for name in ("unicode", "assistant-last", "think-last", "reasoning-last", "tool-last", "multi-step", "long", "call-nested", "parts-images"):
        yield f"{name}/no-prompt", {"messages": lists[name], "add_generation_prompt": False}
        yield f"{name}/absent-prompt", {"messages": lists[name]}
        yield f"{name}/no-thinking", {"messages": lists[name], "add_generation_prompt": True, "enable_thinking": False}
        yield f"{name}/thinking", {"messages": lists[name], "add_generation_prompt": True, "enable_thinking": True}
        yield f"{name}/thinking-null", {"messages": lists[name], "add_generation_prompt": True, "enable_thinking": None}
        yield f"{name}/vision-id", {"messages": lists[name], "add_generation_prompt": True, "add_vision_id": True}
    for name, given in tools.items():
        for base in ("unicode", "system-empty", "whitespace", "multi-step", "parts-images", "system-parts", "call-nested"):
            yield f"{base}/tools-{name}", {"messages": lists[base], "tools": given, "add_generation_prompt": True}
    yield "no-variables", {}
    yield "messages-null", {"messages": None}
    yield "messages-string", {"messages": "hello", "add_generation_prompt": True}
    yield "messages-dict", {"messages": {"role": "user", "content": "x"}, "add_generation_prompt": True}
    yield "prompt-as-text", {"messages": lists["two-users"], "add_generation_prompt": "yes"}


def main():
    names = ("qwen3", "qwen3.5", "qwen3-coder")
    compiled = {n: environment().from_string(open(f"{HERE}/{n}.jinja", encoding="utf-8").read()) for n in names}
    cases = []
    for name, variables in conversations():
        outcomes = {}
        for template, code in compiled.items():
            try:
                outcomes[template] = {"rendered": code.render(**variables)}
            except Exception as error:  # noqa: BLE001
                outcomes[template] = {"error": words(error)}
        cases.append({"name": name, "input": variables, "outcomes": outcomes})
    small = statements()
    for file, value in (("conversations.json", cases), ("statements.json", small)):
        with open(f"{HERE}/{file}", "w", encoding="utf-8") as output:
            json.dump(value, output, indent=1, ensure_ascii=True, allow_nan=False)
            output.write("\n")
    print(len(small["cases"]), "statements,", len(cases), "conversations of", len(names), "templates")


main()
