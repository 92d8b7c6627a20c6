# SPDX-License-Identifier: Apache-2.0
"""The part of CDDL (RFC 8610) that proto/ is written in: parser and model.

No bound, no code: a type that a peer could make as large as it likes is refused here.
"""
import re
from dataclasses import dataclass, field

DEPTH_MAX = 8  # WIRE_DEPTH_MAX of src/core/wire/reader.h, one level kept for frames.


class Refused(Exception):
    """A sentence: file, line, what is wrong."""


@dataclass
class Type:
    name: str = field(default="", kw_only=True)  # The rule that named it, if any.


@dataclass
class Const(Type):
    value: int


@dataclass
class Int(Type):
    least: int
    most: int


@dataclass
class Bool(Type):
    pass


@dataclass
class Nil(Type):
    pass


@dataclass
class Bytes(Type):
    least: int
    most: int


@dataclass
class Text(Type):
    least: int
    most: int
    first: frozenset | None = None  # Characters allowed at the front, and after it.
    rest: frozenset | None = None


@dataclass
class Packed(Type):
    item: Bytes
    most: int


@dataclass
class List(Type):
    least: int
    most: int
    item: Type


@dataclass
class Option(Type):
    type: Type


@dataclass
class Field:
    name: str
    type: Type
    comment: str


@dataclass
class Record(Type):
    fields: list
    comment: list
    file: str

    def members(self):
        return [f for f in self.fields if not isinstance(f.type, (Const, Nil))]


@dataclass
class Case:
    number: int
    record: Record
    seal: str  # plain, signed, padded or frame.


@dataclass
class Family(Type):
    cases: list
    limit: int  # Greatest frame; 0 for datagrams, whose kinds have limits of their own.

    def frames(self):
        return self.cases[0].seal == "frame"


@dataclass
class Token:
    text: str
    line: int
    column: int


def tokens_of(text, file):
    pattern = re.compile(r'"[^"]*"|/=|\.\.|\.[a-z]+|-?\d+|[A-Za-z][\w-]*|[\[\]<>(),:=/~*]')
    tokens, comments = [], {}
    for number, line in enumerate(text.splitlines(), 1):
        code, _, comment = line.partition(";")
        if comment:
            comments[number] = (comment.strip(), code.strip() == "")
        at = 0
        while at < len(code):
            if code[at].isspace():
                at += 1
                continue
            match = pattern.match(code, at)
            if not match:
                raise Refused(f"{file}:{number}: cannot read «{code[at:]}»")
            tokens.append(Token(match.group(), number, at))
            at = match.end()
    return tokens, comments


class Parser:
    def __init__(self, text, file, rules):
        self.tokens, self.comments = tokens_of(text, file)
        self.file, self.rules, self.at = file, rules, 0

    def fail(self, sentence):
        line = self.tokens[min(self.at, len(self.tokens)) - 1].line
        raise Refused(f"{self.file}:{line}: {sentence}")

    def peek(self):
        return self.tokens[self.at].text if self.at < len(self.tokens) else ""

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1].text if self.at <= len(self.tokens) else ""

    def expect(self, text):
        found = self.next()
        if found != text:
            self.fail(f"expected «{text}», found «{found}»")

    def take(self, text):
        if self.peek() == text:
            self.at += 1
            return True
        return False

    def parse(self):
        while self.at < len(self.tokens):
            self.rule()

    def rule(self):
        start = self.tokens[self.at]
        name = self.next()
        if self.peek() == "<":  # What a generic means is built in; its text is for people.
            while self.at < len(self.tokens) and (
                self.tokens[self.at].column > 0 or not self.peek()[0].isalpha()
            ):
                self.at += 1
        elif self.take("/="):
            self.case(name)
        else:
            self.expect("=")
            if name in self.rules:
                self.fail(f"{name} is defined twice; messages never change, they get a new number")
            type = self.type()
            if isinstance(type, Record):
                type.comment = self.comment_above(start.line)
            if not type.name:
                type.name = name
            self.rules[name] = type

    def comment_above(self, line):
        lines = []
        while self.comments.get(line - 1, ("", False))[1]:
            line -= 1
            lines.insert(0, self.comments[line][0])
        return lines

    def case(self, family):
        seal = self.next()
        if seal not in ("plain", "signed", "padded", "frame"):
            self.fail(f"{seal}: a message is plain, signed, padded or a frame")
        self.expect("<")
        number = self.number()
        self.expect(",")
        record = self.named(self.next())
        self.expect(">")
        if not 1 <= number <= 127:
            self.fail(f"number {number} is not in 1..127")
        limit = self.rules[family + "-max"].value if seal == "frame" else 0
        rule = self.rules.setdefault(family, Family([], limit, name=family))
        if any(case.number == number for case in rule.cases):
            self.fail(f"number {number} is taken")
        rule.cases.append(Case(number, record, seal))

    def number(self):
        text = self.next()
        if re.fullmatch(r"-?\d+", text):
            return int(text)
        type = self.rules.get(text)
        if not isinstance(type, Const):
            self.fail(f"«{text}» is not a number")
        return type.value

    def named(self, name):
        if name not in self.rules:
            self.fail(f"{name} is not defined above its use")
        return self.rules[name]

    def type(self):
        first = self.single()
        if not self.take("/"):
            return first
        if not isinstance(self.single(), Nil) or isinstance(first, (Nil, Const, Option)):
            self.fail("the only choice is «type / nil»")
        return Option(first)

    def single(self):
        if self.take("("):
            type = self.type()
            self.expect(")")
            return type
        if self.take("["):
            return self.array()
        text = self.next()
        if text == "bool":
            return Bool()
        if text == "nil":
            return Nil()
        if text in ("bstr", "tstr"):
            return self.string(text)
        if text == "packed":
            return self.packed()
        if re.fullmatch(r"-?\d+", text) or self.peek() == "..":
            self.at -= 1
            return self.range()
        if text in ("uint", "int", "float", "any"):
            self.fail(f"{text} has no bound: no bound, no code")
        type = self.named(text)
        return type if not isinstance(type, Const) else Const(type.value)

    def range(self):
        least = self.number()
        if not self.take(".."):
            return Const(least)
        most = self.number()
        signed = least < 0
        if least >= most or most >= 1 << (63 if signed else 64) or least < -(1 << 63):
            self.fail(f"no integer has the range {least}..{most}")
        return Int(least, most)

    def string(self, kind):
        if self.take(".regexp") and kind == "tstr":
            return self.regexp(self.next()[1:-1])
        if not self.take(".size"):
            self.fail(f"{kind} has no .size: no bound, no code")
        if self.take("("):
            least, _, most = self.number(), self.expect(".."), self.number()
            self.expect(")")
        else:
            least = most = self.number()
        if not 0 <= least <= most < 1 << 32:
            self.fail(f"no size has the range {least}..{most}")
        return Bytes(least, most) if kind == "bstr" else Text(least, most)

    def regexp(self, text):
        match = re.fullmatch(r"(\[[^]]+\])?(\[[^]]+\])\{(\d+),(\d+)\}", text)
        if not match:
            self.fail("a regular expression is «[first][rest]{least,most}»")
        ascii = [chr(c) for c in range(128)]
        sets = [frozenset(c for c in ascii if re.match(g, c)) for g in match.groups()[:2] if g]
        more = len(sets) - 1
        least, most = int(match.group(3)) + more, int(match.group(4)) + more
        return Text(least, most, sets[0], sets[-1])

    def packed(self):
        self.expect("<")
        item = self.named(self.next())
        self.expect(",")
        most = self.number()
        self.expect(">")
        if not isinstance(item, Bytes) or item.least != item.most:
            self.fail("only byte strings of one size are packed")
        return Packed(item, most)

    def array(self):
        second = self.tokens[self.at + 1].text if self.at + 1 < len(self.tokens) else ""
        if self.peek() == "*" or second == "*":
            if self.peek() == "*" or not re.fullmatch(r"\d+", self.tokens[self.at + 2].text):
                self.fail("an array without a greatest count: no bound, no code")
            least, _, most = self.number(), self.expect("*"), self.number()
            item = self.type()
            self.expect("]")
            return List(least, most, item)
        fields = []
        while not self.take("]"):
            token = self.tokens[self.at]
            name = self.next()
            self.expect(":")
            type = self.type()
            if isinstance(type, Record) and not type.name:
                self.fail("a record inside a record has a name of its own")
            comment, alone = self.comments.get(token.line, ("", True))
            fields.append(Field(name.replace("-", "_"), type, "" if alone else comment))
            if not self.take(","):
                self.expect("]")
                break
        return Record(fields, [], self.file)


def header_size(count, small, widths):
    """Bytes of the header of an array or string: small in one byte, then by width."""
    if count <= small:
        return 1
    return 1 + next(w for w in widths if count < 1 << (8 * w))


def int_size(value):
    if -32 <= value <= 127:
        return 1
    if value >= 0:
        return 1 + next(w for w in (1, 2, 4, 8) if value < 1 << (8 * w))
    return 1 + next(w for w in (1, 2, 4, 8) if value >= -(1 << (8 * w - 1)))


def size_max(type):
    match type:
        case Const(value=value):
            return int_size(value)
        case Int(least=least, most=most):
            return max(int_size(least), int_size(most))
        case Bool() | Nil():
            return 1
        case Bytes(most=most):
            return header_size(most, -1, (1, 2, 4)) + most
        case Text(most=most):
            return header_size(most, 31, (1, 2, 4)) + most
        case Packed(item=item, most=most):
            return size_max(Bytes(0, item.most * most))
        case List(most=most, item=item):
            return header_size(most, 15, (2, 4)) + most * size_max(item)
        case Option(type=inner):
            return size_max(inner)
        case Record(fields=fields):
            return header_size(len(fields), 15, (2, 4)) + sum(size_max(f.type) for f in fields)


def depth(type):
    match type:
        case List(item=item):
            return 1 + depth(item)
        case Option(type=inner):
            return depth(inner)
        case Record(fields=fields):
            return 1 + max((depth(f.type) for f in fields), default=0)
    return 0


def family_size_max(family):
    """Of a frame: its array, number and request, and the message without its own header."""
    return max(
        size_max(c.record) - header_size(len(c.record.fields), 15, (2, 4))
        + header_size(len(c.record.fields) + 2, 15, (2, 4)) + 1 + 5
        for c in family.cases
    )


def check(rules):
    for rule in rules.values():
        if isinstance(rule, Record) and depth(rule) >= DEPTH_MAX:
            raise Refused(f"{rule.file}: {rule.name} nests {depth(rule)} deep")
        if not isinstance(rule, Family):
            continue
        for case in rule.cases:
            limit = rules[case.seal + "-max"].value if case.seal in ("plain", "signed") else 0
            if limit and size_max(case.record) > limit:
                raise Refused(f"{case.record.file}: {case.record.name} may be "
                              f"{size_max(case.record)} bytes, above {limit}")
        if rule.frames() and family_size_max(rule) > rule.limit:
            raise Refused(f"a frame of {rule.name} may be {family_size_max(rule)} bytes, "
                          f"above {rule.limit}")


def load(paths):
    """All rules of the files, in order: a name is defined above its use."""
    rules = {}
    for path in paths:
        Parser(path.read_text(), path.name, rules).parse()
    check(rules)
    return rules


def frame_only(rules):
    """Names of records that exist only inside frames: they have no array of their own."""
    return {c.record.name for r in rules.values() if isinstance(r, Family) and r.frames()
            for c in r.cases}
