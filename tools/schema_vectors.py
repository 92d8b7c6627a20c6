# SPDX-License-Identifier: Apache-2.0
"""Golden vectors: the least, the greatest, each boundary and each violation of each message."""
import json
import re

from schema_model import (Bool, Bytes, Const, Family, Int, List, Nil, Option, Packed, Record, Text,
                          frame_only)


def encode_int(value):
    if 0 <= value <= 0x7f:
        return bytes([value])
    if -32 <= value < 0:
        return bytes([256 + value])
    signed, first = value < 0, 0xd0 if value < 0 else 0xcc
    for step, width in enumerate((1, 2, 4, 8)):
        try:
            return bytes([first + step]) + value.to_bytes(width, "big", signed=signed)
        except OverflowError:
            continue
    raise AssertionError(value)


def header(first, count, small, base, widths):
    if count <= small:
        return bytes([first + count])
    step, width = next((s, w) for s, w in enumerate(widths) if count < 1 << (8 * w))
    return bytes([base + step]) + count.to_bytes(width, "big")


def encode_bytes(data):
    return header(0, len(data), -1, 0xc4, (1, 2, 4)) + data


def encode_text(data):
    return header(0xa0, len(data), 31, 0xd9, (1, 2, 4)) + data


def encode_array(items):
    return header(0x90, len(items), 15, 0xdc, (2, 4)) + b"".join(items)


def between(least, most, edges):
    return sorted({least, most} | {n for e in edges for n in (e - 1, e) if least <= n <= most})


def text_bytes(type, size):
    first = min(type.first) if type.first else "t"
    rest = max(type.rest) if type.rest else "t"
    return (first + rest * size)[:size].encode()


def least(type):
    return good(type)[0][1]


def greatest(type):
    match type:
        case List(most=most, item=item):
            return encode_array([greatest(item)] * most)
        case Record(fields=fields):
            return encode_array([greatest(f.type) for f in fields])
        case Option(type=inner):
            return greatest(inner)
    return good(type)[-1][1]


def good(type):
    """(what, bytes) of every boundary; the least first, the greatest last."""
    match type:
        case Const(value=value):
            return [("", encode_int(value))]
        case Nil():
            return [("", b"\xc0")]
        case Bool():
            return [("false", b"\xc2"), ("true", b"\xc3")]
        case Int(least=low, most=high):
            edges = [1 << 7, 1 << 8, 1 << 16, 1 << 32]
            edges += [-32, -128, -(1 << 15), -(1 << 31), 0] if low < 0 else []
            values = between(low, high, edges)
            values.sort(key=lambda v: (len(encode_int(v)), abs(v)))
            return [(str(v), encode_int(v)) for v in values]
        case Bytes(least=low, most=high):
            sizes = between(low, high, [1 << 8, 1 << 16])
            return [(f"{s} bytes", encode_bytes(b"\x5a" * s)) for s in sizes]
        case Text(least=low, most=high):
            sizes = between(low, high, [32, 1 << 8, 1 << 16])
            return [(f"{s} bytes", encode_text(text_bytes(type, s))) for s in sizes]
        case Packed(item=item, most=most):
            return [(f"{n} items", encode_bytes(b"\x5a" * item.most * n)) for n in (0, 1, most)]
        case List(least=low, most=high, item=item):
            counts = between(low, high, [16])
            return [(f"{n} items", encode_array([least(item)] * n)) for n in counts]
        case Option(type=inner):
            return [("nil", b"\xc0")] + good(inner)
        case Record(fields=fields):
            return record_good(fields, [])
    raise AssertionError(type)


def long_form(data):
    """The same value in a longer form, or None."""
    first, rest = data[0], data[1:]
    if first <= 0x7f:
        return bytes([0xcc, first])
    if first >= 0xe0:
        return bytes([0xd0, first])
    if 0x90 <= first <= 0x9f:
        return bytes([0xdc, 0, first & 15]) + rest
    if 0xa0 <= first <= 0xbf:
        return bytes([0xd9, first & 31]) + rest
    if first in (0xc4, 0xd9):
        return bytes([first + 1, 0]) + rest
    return None


def bad(type):
    """(why, bytes): one step over each bound, longer forms, other types."""
    result = [("of another type", b"\xc7\x00\x01")]
    if not isinstance(type, (Bool, Nil, Option)) and long_form(least(type)):
        result.append(("not the shortest form", long_form(least(type))))
    match type:
        case Const(value=value):
            result.append((str(value + 1), encode_int(value + 1)))
        case Int(least=low, most=high):
            result += [(str(v), encode_int(v)) for v in (low - 1, high + 1)
                       if -(1 << 63) <= v < 1 << 64]
        case Bytes(least=low, most=high):
            result.append(("a text", encode_text(b"Z" * low)))
            result += [(f"{s} bytes", encode_bytes(b"\x5a" * s)) for s in (low - 1, high + 1)
                       if s >= 0]
        case Text(least=low, most=high):
            result.append(("a byte string", encode_bytes(text_bytes(type, low))))
            result += [(f"{s} bytes", encode_text(text_bytes(type, s))) for s in (low - 1, high + 1)
                       if s >= 0]
            if high >= 2 >= low:
                result += [("not UTF-8", encode_text(x)) for x in (b"t\xff", b"\xc0\x80", b"t\xc3")]
                result += [("a character not allowed", encode_text(b"a "))] if type.rest else []
                result += [("a first character not allowed", encode_text(b"-a"))] \
                    if type.first and "-" not in type.first else []
        case Packed(item=item, most=most):
            sizes = (item.most - 1, item.most * (most + 1))
            result += [(f"{s} bytes", encode_bytes(b"\x5a" * s)) for s in sizes]
        case List(least=low, most=high, item=item):
            counts = [n for n in (low - 1, high + 1) if n >= 0]
            result += [(f"{n} items", encode_array([least(item)] * n)) for n in counts]
            result.append(("a count of 2^32 - 1", b"\xdd\xff\xff\xff\xff"))
            result += [(f"item: {why}", encode_array([data])) for why, data in bad(item)]
        case Option(type=inner):
            result = bad(inner)
        case Record(fields=fields):
            return record_bad(fields, [])
    return result


def record_good(fields, front):
    base = [least(f.type) for f in fields]
    result = [("least", encode_array(front + base))]
    for i, f in enumerate(fields):
        result += [(f"{f.name}: {what}", encode_array(front + base[:i] + [data] + base[i + 1:]))
                   for what, data in good(f.type)[1:]]
    return result + [("greatest", encode_array(front + [greatest(f.type) for f in fields]))]


def record_bad(fields, front):
    base = front + [least(f.type) for f in fields]
    whole = encode_array(base)
    result = [("nothing", b""), ("cut short", whole[:-1]),
              ("a byte behind the end", whole + b"\xc0"),
              ("one item more", encode_array(base + [b"\xc0"])),
              ("not the shortest header", long_form(whole)), ("a map", b"\x80")]
    if base:
        result.append(("one item less", encode_array(base[:-1])))
    for i, f in enumerate(fields, len(front)):
        result += [(f"{f.name}: {why}", encode_array(base[:i] + [data] + base[i + 1:]))
                   for why, data in bad(f.type)]
    return result


RUN = re.compile(rb"(?s)(.)\1{15}")  # No {15,}: for each more byte sre would keep a mark.


def hex_of(data):
    """Hex, with runs of one byte as «5a*1000»."""
    at, words = 0, []
    while run := RUN.search(data, at):
        rest = data[run.start():]
        size = len(rest) - len(rest.lstrip(run.group(1)))
        words += [data[at:run.start()].hex()] if run.start() > at else []
        words.append(f"{run.group(1).hex()}*{size}")
        at = run.start() + size
    words += [data[at:].hex()] if at < len(data) else []
    return " ".join(words)


def entry(rule, vectors_good, vectors_bad, unknown=()):
    return {"message": rule,
            "good": [[what, hex_of(data)] for what, data in vectors_good],
            "malformed": [[why, hex_of(data)] for why, data in vectors_bad],
            "unknown": [[why, hex_of(data)] for why, data in unknown]}


def frame_entry(family, case):
    front = [encode_int(case.number), encode_int(7)]
    fields, base = case.record.fields, [least(f.type) for f in case.record.fields]
    first = case is family.cases[0]
    goods = record_good(fields, front)
    bads = record_bad(fields, front)
    unknown = []
    if first:
        def numbered(number, request):
            return encode_array([number, encode_int(request)] + base)
        goods += [(f"request {n}", numbered(front[0], n)) for n in (0, (1 << 32) - 1)]
        bads += [("request 2^32", numbered(front[0], 1 << 32)), ("number 0", numbered(b"\x00", 7)),
                 ("number 128", numbered(b"\xcc\x80", 7))]
        unknown = [("number 127", numbered(b"\x7f", 7))]
    result = entry(family.name, goods, bads, unknown)
    result["case"] = case.record.name
    return result


def text_of(rules, file):
    inner, entries = frame_only(rules), []
    for rule in rules.values():
        if isinstance(rule, Record) and rule.file == file and rule.name not in inner:
            entries.append(entry(rule.name, record_good(rule.fields, []),
                                 record_bad(rule.fields, [])))
        if isinstance(rule, Family) and rule.frames():
            entries += [frame_entry(rule, c) for c in rule.cases if c.record.file == file]
    lines = json.dumps({"about": "made by tools/schema.py from " + file, "messages": entries},
                       indent=1, ensure_ascii=False)
    return re.sub(r'\[\n\s+("(?:[^"\\]|\\.)*"),\n\s+("[^"]*")\n\s+\]', r"[\1, \2]", lines) + "\n"
