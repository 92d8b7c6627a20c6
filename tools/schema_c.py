# SPDX-License-Identifier: Apache-2.0
"""Schema to C: structs, strict readers, writers, printers, sizes."""
from schema_model import (Bool, Bytes, Const, Family, Int, List, Nil, Option, Packed, Record, Text,
                          family_size_max, frame_only, size_max)

NATIVE = {"key": "struct tally_key", "hash": "struct tally_hash",
          "signature": "struct tally_signature"}
TOP = "/* SPDX-License-Identifier: Apache-2.0 */\n" \
    "/* Made by tools/schema.py from proto: do not edit. */\n"


def c_name(name):
    return name.replace("-", "_")


def constant(name):
    return "TALLY_" + c_name(name).upper()


def number(value, signed=False):
    if not signed:
        return f"UINT64_C({value})" if value > 0x7fffffff else str(value)
    return "INT64_MIN" if value == -(1 << 63) else f"INT64_C({value})"


def int_type(type):
    if type.least < 0:
        return "int64_t"
    return next(f"uint{w}_t" for w in (8, 16, 32, 64) if type.most < 1 << w)


def fixed(type):
    return isinstance(type, Bytes) and type.least == type.most


def declare(type, name):
    """Lines of C that declare a member."""
    match type:
        case Int():
            return [f"{int_type(type)} {name};"]
        case Bool():
            return [f"bool {name};"]
        case Bytes() if type.name == "address":
            return [f"struct tally_address {name};"]
        case Bytes() if type.name in NATIVE:
            return [f"{NATIVE[type.name]} {name};"]
        case Bytes() if fixed(type):
            base, bracket, rest = name.partition("[")
            return [f"uint8_t {base}{bracket}{rest}[{type.most}];"]
        case Bytes() | Text() | Packed():
            return [f"struct tally_bytes {name};"]
        case List(item=item, most=most):
            return [f"size_t {name}_count;"] + declare(item, f"{name}[{most}]")
        case Option(type=inner):
            return [f"bool has_{name};"] + declare(inner, name)
        case Record():
            return [f"struct tally_{c_name(type.name)} {name};"]
    raise AssertionError(type)


def beside(place, word):
    """The member beside m->x that tells whether or how many."""
    base, _, name = place.rpartition("->")
    return f"{base}->has_{name}" if word == "has" else f"{place}_count"


def indent(lines):
    return ["    " + line for line in lines]


def loop(place, body, level):
    return [f"for (size_t {level} = 0; {level} < {beside(place, 'count')}; {level}++) {{",
            *indent(body), "}"]


def bytes_place(type, place):
    return f"{place}.bytes" if type.name in NATIVE else place


def read(type, place, level="i"):
    match type:
        case Const(value=value):
            return [f"wire_read_uint(r, {number(value)}, {number(value)});"]
        case Nil():
            return ["wire_read_nil(r);"]
        case Bool():
            return [f"{place} = wire_read_bool(r);"]
        case Int(least=least, most=most):
            kind = "int" if least < 0 else "uint"
            bounds = f"{number(least, least < 0)}, {number(most, least < 0)}"
            return [f"{place} = ({int_type(type)})wire_read_{kind}(r, {bounds});"]
        case Bytes() if type.name == "address":
            return [f"{place} = wire_read_address(r);"]
        case Bytes(most=most) if fixed(type):
            return [f"wire_read_fixed(r, {bytes_place(type, place)}, {most});"]
        case Bytes(least=least, most=most):
            return [f"{place} = wire_read_bin(r, {least}, {most});"]
        case Text(least=least, most=most, first=first):
            lines = [f"{place} = wire_read_str(r, {least}, {most});"]
            if first is not None:
                lines += [f"if (!wire_text_allowed({place}, {allows_name(type)}))",
                          "    wire_reader_fail(r);"]
            return lines
        case Packed(item=item, most=most):
            return [f"{place} = wire_read_packed(r, {item.most}, {most});"]
        case List(least=least, most=most, item=item):
            return [f"{place}_count = wire_read_array(r, {least}, {most});",
                    *loop(place, read(item, f"{place}[{level}]", level + "i"), level)]
        case Option(type=inner):
            has = beside(place, "has")
            return [f"{has} = !wire_read_if_nil(r);", f"if ({has}) {{",
                    *indent(read(inner, place, level)), "}"]
        case Record():
            return [f"tally_{c_name(type.name)}_read(r, &{place});"]
    raise AssertionError(type)


def write(type, place, level="i"):
    match type:
        case Const(value=value):
            return [f"wire_write_uint(w, {number(value)});"]
        case Nil():
            return ["wire_write_nil(w);"]
        case Bool():
            return [f"wire_write_bool(w, {place});"]
        case Int(least=least, most=most):
            kind = "int" if least < 0 else "uint"
            bounds = f"{number(least, least < 0)}, {number(most, least < 0)}"
            return [f"wire_write_{kind}_in(w, {place}, {bounds});"]
        case Bytes() if type.name == "address":
            return [f"wire_write_address(w, &{place});"]
        case Bytes(most=most) if fixed(type):
            return [f"wire_write_fixed(w, {bytes_place(type, place)}, {most});"]
        case Bytes(least=least, most=most):
            return [f"wire_write_bin_in(w, {place}, {least}, {most});"]
        case Text(least=least, most=most, first=first):
            check = [f"if (!wire_text_allowed({place}, {allows_name(type)}))",
                     "    wire_writer_fail(w);"] if first is not None else []
            return check + [f"wire_write_str_in(w, {place}, {least}, {most});"]
        case Packed(item=item, most=most):
            return [f"wire_write_packed(w, {place}, {item.most}, {most});"]
        case List(least=least, most=most, item=item):
            count = beside(place, "count")
            inner = write(item, f"{place}[{level}]", level + "i")
            return [f"wire_write_array_in(w, {count}, {least}, {most});",
                    f"for (size_t {level} = 0; {level} < {count} && {level} < {most}; "
                    f"{level}++) {{",
                    *indent(inner), "}"]
        case Option(type=inner):
            return [f"if ({beside(place, 'has')}) {{", *indent(write(inner, place, level)),
                    "} else {", "    wire_write_nil(w);", "}"]
        case Record():
            return [f"tally_{c_name(type.name)}_write(&{place}, w);"]
    raise AssertionError(type)


def show(type, place, level="i"):
    match type:
        case Bool():
            return [f'wire_text_add(t, {place} ? "true" : "false");']
        case Int(least=least):
            return [f"wire_text_{'int' if least < 0 else 'uint'}(t, {place});"]
        case Bytes() if type.name == "address":
            return [f"wire_text_hex(t, bytes_of({place}.ip, 16));", 'wire_text_add(t, ":");',
                    f"wire_text_uint(t, {place}.port);"]
        case Bytes(most=most) if fixed(type):
            return [f"wire_text_hex(t, bytes_of({bytes_place(type, place)}, {most}));"]
        case Bytes() | Packed():
            return [f"wire_text_hex(t, {place});"]
        case Text():
            return [f"wire_text_quote(t, {place});"]
        case List(item=item):
            inner = show(item, f"{place}[{level}]", level + "i")
            return ['wire_text_add(t, "[");',
                    *loop(place, [f"if ({level} > 0)", '    wire_text_add(t, " ");', *inner],
                          level),
                    'wire_text_add(t, "]");']
        case Option(type=inner):
            return [f"if ({beside(place, 'has')}) {{", *indent(show(inner, place, level)),
                    "} else {", '    wire_text_add(t, "nil");', "}"]
        case Record():
            return ['wire_text_add(t, "{");', f"tally_{c_name(type.name)}_print(&{place}, t);",
                    'wire_text_add(t, "}");']
    raise AssertionError(type)


def show_fields(record):
    lines = []
    for index, f in enumerate(record.members()):
        lines.append(f'wire_text_add(t, "{" " if index else ""}{f.name}=");')
        lines += show(f.type, f"m->{f.name}")
    return lines


def allows_name(type):
    return "allows_" + "".join(f"{ord(min(s)):02x}{ord(max(s)):02x}{len(s):02x}"
                               for s in (type.first, type.rest))


def allows_function(type):
    """A predicate of the characters of a text, as runs."""
    def runs(chars):
        tests, codes = [], sorted(map(ord, chars))
        while codes:
            start = end = codes.pop(0)
            while codes and codes[0] == end + 1:
                end = codes.pop(0)
            tests.append(f"c == {start}" if start == end else f"(c >= {start} && c <= {end})")
        return " || ".join(tests)
    return [f"static bool {allows_name(type)}(uint8_t c, bool first)", "{", "    if (first)",
            f"        return {runs(type.first)};", f"    return {runs(type.rest)};", "}", ""]


def function(head, body, unused=()):
    return [head, "{", *indent([f"(void){u};" for u in unused] + body), "}", ""]


def record_header(record, alone):
    name, lines = c_name(record.name), []
    members = record.members()
    if members:
        lines += ["/* " + line if i == 0 else " * " + line for i, line in enumerate(record.comment)]
        if record.comment:
            lines[-1] += " */"
        lines.append(f"struct tally_{name} {{")
        for f in members:
            found = declare(f.type, f.name)
            lines += indent(found[:-1] + [found[-1] + (f" /* {f.comment} */" if f.comment else "")])
        lines += ["};"]
    bounds = [(f"{constant(record.name)}_SIZE_MAX", size_max(record))]
    for f in members:
        inner = f.type.type if isinstance(f.type, Option) else f.type
        if isinstance(inner, (List, Packed, Text)) or isinstance(inner, Bytes) and not fixed(inner):
            most = inner.most * inner.item.most if isinstance(inner, Packed) else inner.most
            bounds.append((f"{constant(record.name)}_{f.name.upper()}_MAX", most))
    lines += ["enum {", *(f"    {name} = {value}," for name, value in bounds), "};"]
    if alone:
        lines += [f"void tally_{name}_read(struct wire_reader *r, struct tally_{name} *m);",
                  f"void tally_{name}_write(const struct tally_{name} *m, struct wire_writer *w);"]
    if members:
        lines += [f"void tally_{name}_print(const struct tally_{name} *m, struct wire_text *t);"]
    return lines + [""]


def record_source(record, alone):
    name, fields = c_name(record.name), record.fields
    if not record.members():
        return []
    reads = [line for f in fields for line in read(f.type, f"m->{f.name}")]
    if any(isinstance(f.type, Option) for f in fields):
        reads.insert(0, f"*m = (struct tally_{name}){{0}};")
    writes = [line for f in fields for line in write(f.type, f"m->{f.name}")]
    suffix, scope = "", ""
    if alone:
        at = 1 if reads[0].startswith("*m") else 0
        reads.insert(at, f"wire_read_array(r, {len(fields)}, {len(fields)});")
        writes.insert(0, f"wire_write_array(w, {len(fields)});")
    else:
        suffix, scope = "_fields", "static "
    m = f"struct tally_{name} *m"
    return [*function(f"{scope}void tally_{name}_read{suffix}(struct wire_reader *r, {m})", reads),
            *function(f"{scope}void tally_{name}_write{suffix}(const {m}, struct wire_writer *w)",
                      writes),
            *function(f"void tally_{name}_print(const {m}, struct wire_text *t)",
                      show_fields(record))]


def member(family, case):
    """The name of a message inside its family: sync-heads-want in sync-frame is heads_want."""
    prefix = family.name.removesuffix("frame")
    return c_name(case.record.name.removeprefix(prefix))


def kind_name(family, case):
    return constant(case.record.name if family.frames() else f"{family.name}-{case.record.name}")


def family_header(family):
    name = c_name(family.name)
    enum = f"tally_{name}_kind" if family.frames() else f"tally_{name}"
    lines = [f"enum {enum} {{"]
    lines += [f"    {kind_name(family, c)} = {c.number}," for c in family.cases]
    last = max(c.number for c in family.cases)
    lines += ["};", f"enum {{ {constant(family.name)}_LAST = {last} }};",
              "/* The name, as in the schema; NULL for a number nobody knows. */",
              f"const char *tally_{name}_name(uint32_t number);"]
    if not family.frames():
        return lines + ["/* Is there such a kind; is it signed? */",
                        f"bool tally_{name}_known(uint32_t number);",
                        f"bool tally_{name}_signed(uint32_t number);", ""]
    lines += [f"struct tally_{name} {{", f"    enum {enum} kind;", "    uint32_t request;",
              "    union {"]
    lines += [f"        struct tally_{c_name(c.record.name)} {member(family, c)};"
              for c in family.cases if c.record.members()]
    return lines + ["    };", "};", f"enum {{ {constant(family.name)}_SIZE_MAX = "
        f"{family_size_max(family)} }};",
        "/* Reads one whole frame. UNKNOWN: a number nobody knows; then only request is set. */",
        f"enum tally_drop tally_{name}_read(struct tally_bytes bytes, struct tally_{name} *m);",
        f"void tally_{name}_write(const struct tally_{name} *m, struct wire_writer *w);",
        f"void tally_{name}_print(const struct tally_{name} *m, struct wire_text *t);", ""]


def family_names(family):
    name = c_name(family.name)
    cases = [line for c in family.cases
             for line in (f"case {c.number}:", f'    return "{c.record.name}";')]
    lines = function(f"const char *tally_{name}_name(uint32_t number)",
                     ["switch (number) {", *cases, "default:", "    return NULL;", "}"])
    if family.frames():
        return lines
    signed = " || ".join(f"number == {c.number}" for c in family.cases if c.seal == "signed")
    return (lines
            + function(f"bool tally_{name}_known(uint32_t number)",
                       [f"return tally_{name}_name(number) != NULL;"])
            + function(f"bool tally_{name}_signed(uint32_t number)", [f"return {signed};"]))


def family_source(family):
    lines = family_names(family)
    if not family.frames():
        return lines
    name, known = c_name(family.name), [c for c in family.cases]
    most = max(len(c.record.fields) for c in known) + 2
    reads, writes, shows, counts = [], [], [], []
    for c in known:
        label = f"case {kind_name(family, c)}:"
        record, place = c_name(c.record.name), f"&m->{member(family, c)}"
        counts += [label, f"    return {len(c.record.fields) + 2};"]
        full = bool(c.record.members())
        for lines_of, call in ((reads, f"tally_{record}_read_fields(r, {place});"),
                               (writes, f"tally_{record}_write_fields({place}, w);"),
                               (shows, f"tally_{record}_print({place}, t);")):
            lines_of += [label] + (["    " + call] if full else []) + ["    break;"]
    lines += function(f"static uint32_t {name}_count(enum tally_{name}_kind kind)",
                      ["switch (kind) {", *counts, "}", "return 0;"])
    lines += function(
        f"static void {name}_read_kind(struct wire_reader *r, struct tally_{name} *m)",
        ["switch (m->kind) {", *reads, "}"])
    lines += function(
        f"enum tally_drop tally_{name}_read(struct tally_bytes bytes, struct tally_{name} *m)",
        ["struct wire_reader reader, *r = &reader;",
         f"if (bytes.size > {family.limit})", "    return TALLY_DROP_MALFORMED;",
         "wire_reader_init(r, bytes);",
         "uint32_t count = wire_read_array(r, 2, 64);",
         "uint32_t number = (uint32_t)wire_read_uint(r, 1, 127);",
         "m->request = (uint32_t)wire_read_uint(r, 0, UINT32_MAX);",
         "if (!wire_reader_good(r))", "    return TALLY_DROP_MALFORMED;",
         f"if (tally_{name}_name(number) == NULL)", "    return TALLY_DROP_UNKNOWN;",
         f"m->kind = (enum tally_{name}_kind)number;",
         f"if (count != {name}_count(m->kind))", "    return TALLY_DROP_MALFORMED;",
         f"{name}_read_kind(r, m);",
         "return wire_reader_done(r) ? TALLY_DROP_NONE : TALLY_DROP_MALFORMED;"])
    assert most <= 64
    lines += function(
        f"void tally_{name}_write(const struct tally_{name} *m, struct wire_writer *w)",
        [f"wire_write_array(w, {name}_count(m->kind));", "wire_write_uint(w, m->kind);",
         "wire_write_uint(w, m->request);", "switch (m->kind) {", *writes, "}"])
    return lines + function(
        f"void tally_{name}_print(const struct tally_{name} *m, struct wire_text *t)",
        [f"wire_text_add(t, tally_{name}_name(m->kind));", 'wire_text_add(t, " request=");',
         "wire_text_uint(t, m->request);", 'wire_text_add(t, " ");', "switch (m->kind) {", *shows,
         "}"])


def parts_of(rules, record_part, family_part):
    lines, inner = [], frame_only(rules)
    for rule in rules.values():
        if isinstance(rule, Record):
            lines += record_part(rule, rule.name not in inner)
    for rule in rules.values():
        if isinstance(rule, Family):
            lines += family_part(rule)
    return lines


def texts_of(type):
    match type:
        case Text(first=first) if first is not None:
            return [type]
        case Record(fields=fields):
            return [t for f in fields for t in texts_of(f.type)]
        case List(item=item):
            return texts_of(item)
        case Option(type=inner):
            return texts_of(inner)
    return []


def codec_source(rules):
    """One entry a message: read strictly, write again, print; for tests and fuzzing."""
    lines, table = ['#include "codecs.h"', '#include "messages.h"', ""], []
    inner = frame_only(rules)
    for rule in rules.values():
        name = c_name(rule.name)
        head = f"static enum tally_drop again_{name}(struct tally_bytes in, " \
               "struct wire_writer *w, struct wire_text *t)"
        if isinstance(rule, Record) and rule.name not in inner:
            lines += function(head, [
                "struct wire_reader reader;", f"struct tally_{name} m;",
                "wire_reader_init(&reader, in);", f"tally_{name}_read(&reader, &m);",
                "if (!wire_reader_done(&reader))", "    return TALLY_DROP_MALFORMED;",
                f"tally_{name}_write(&m, w);", f"tally_{name}_print(&m, t);",
                "return TALLY_DROP_NONE;"])
        elif isinstance(rule, Family) and rule.frames():
            lines += function(head, [
                f"struct tally_{name} m;", f"enum tally_drop drop = tally_{name}_read(in, &m);",
                "if (drop != TALLY_DROP_NONE)", "    return drop;",
                f"tally_{name}_write(&m, w);", f"tally_{name}_print(&m, t);",
                "return TALLY_DROP_NONE;"])
        else:
            continue
        table.append(f'    {{"{rule.name}", again_{name}}},')
    return lines + ["const struct wire_codec wire_codecs[] = {", *table, "    {0},", "};"]


CODEC_HEADER = """#ifndef PROTO_CODECS_H
#define PROTO_CODECS_H
/* Every message by its name, for tests and fuzzing; ends with a name of NULL. */
#include "core/wire/text.h"
#include "core/wire/writer.h"
#include "tally/error.h"

struct wire_codec {
    const char *name;
    /* Reads strictly, writes again, prints. NONE if the bytes were of the right form. */
    enum tally_drop (*again)(struct tally_bytes in, struct wire_writer *w, struct wire_text *t);
};
extern const struct wire_codec wire_codecs[];

#endif
"""


def files_of(rules):
    inner = frame_only(rules)
    checks = {allows_name(t): t for rule in rules.values() if isinstance(rule, Record)
              for t in texts_of(rule)}
    header = ["#ifndef PROTO_MESSAGES_H", "#define PROTO_MESSAGES_H",
              '#include "core/wire/field.h"', '#include "core/wire/text.h"',
              '#include "tally/error.h"', "",
              *parts_of(rules, record_header, family_header), "#endif", ""]
    source = ['#include "messages.h"', '#include "core/base/bytes.h"', "",
              *(line for t in checks.values() for line in allows_function(t)),
              *parts_of(rules, record_source, family_source)]
    return {"messages.h": TOP + "\n".join(header), "messages.c": TOP + "\n".join(source),
            "codecs.h": TOP + CODEC_HEADER, "codecs.c": TOP + "\n".join(codec_source(rules)) + "\n"}
