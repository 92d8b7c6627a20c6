# SPDX-License-Identifier: Apache-2.0
"""Schema to C that shows statements as JSON: for src/cmd, which may use a JSON library."""
from schema_c import TOP, beside, c_name, fixed, function, indent
from schema_model import Bool, Bytes, Int, List, Option, Record, Text

FILE = "federation.cddl"
# Numbers that have names: by member, or where a member means several things by message as well.
NAMED = {"level": "tally_trust_name((enum tally_trust)%s)",
         "mode": "tally_mode_name((enum tally_mode)%s)",
         "reason": "tally_revoked_reason_name((enum tally_revoked_reason)%s)",
         "outcome": "tally_outcome_name((enum tally_outcome)%s)",
         ("fed-discrepancy", "type"): "tally_discrepancy_name((enum tally_discrepancy)%s)"}


def value(record, name, type, place, level="i"):
    """The expression that is a member's JSON."""
    named = NAMED.get((record.name, name)) or NAMED.get(name)
    match type:
        case Bool():
            return f"json_boolean({place})"
        case Int() if named:
            return f"json_string({named % place})"
        case Int() if name == "roles":
            return f"statement_roles((uint8_t){place})"
        case Int() if name.endswith("_us"):
            return f"statement_time({place})"
        case Int() if name == "time_s":
            return f"statement_time({place} * UINT64_C(1000000))"
        case Int():
            return f"json_integer((json_int_t){place})"
        case Bytes() if type.name == "key":
            return f"print_json_did(&{place})"
        case Bytes() if type.name in ("hash", "signature"):
            return f"statement_hex(bytes_of({place}.bytes, sizeof {place}.bytes))"
        case Bytes() if fixed(type):
            return f"statement_hex(bytes_of({place}, sizeof {place}))"
        case Bytes() | Text():
            return f"statement_text({place})"
        case Record():
            return f"json_{c_name(type.name)}(&{place})"
    raise AssertionError(type)


def json_name(name):
    """Times are told as such, whatever unit they travel in."""
    return "time" if name == "time_s" else name.removesuffix("_us")


def set_member(record, field):
    name, type, place = field.name, field.type, f"m->{field.name}"
    match type:
        case Option(type=inner):
            shown = f"{beside(place, 'has')} ? {value(record, name, inner, place)} : json_null()"
        case List(item=item):
            each = value(record, name, item, f"{place}[i]")
            return [f"json_t *{name} = json_array();",
                    f"for (size_t i = 0; i < {beside(place, 'count')}; i++)",
                    f"    (void)json_array_append_new({name}, {each});",
                    f'(void)json_object_set_new(object, "{name}", {name});']
        case _:
            shown = value(record, name, type, place)
    return [f'(void)json_object_set_new(object, "{json_name(name)}", {shown});']


def record_source(record):
    name = c_name(record.name)
    return function(f"static json_t *json_{name}(const struct tally_{name} *m)", [
        "json_t *object = json_object();",
        *(line for field in record.members() for line in set_member(record, field)),
        "return object;"])


def reader_source(record):
    name = c_name(record.name)
    return function(f"static json_t *show_{name}(struct tally_bytes body)", [
        "struct wire_reader reader;", f"struct tally_{name} m;",
        "wire_reader_init(&reader, body);", f"tally_{name}_read(&reader, &m);",
        f"return wire_reader_done(&reader) ? json_{name}(&m) : NULL;"])


def parts_of(type):
    match type:
        case List(item=inner) | Option(type=inner):
            return parts_of(inner)
        case Record():
            return {type.name}
    return set()


def source_of(rules):
    records = [r for r in rules.values() if isinstance(r, Record) and r.file == FILE]
    inner = {name for r in records for f in r.fields for name in parts_of(f.type)}
    whole = [r for r in records if r.name not in inner]
    return TOP + "\n".join([
        '#include "cmd/print.h"', '#include "cmd/statement.h"', '#include "core/base/bytes.h"',
        '#include "core/wire/messages.h"', "",
        *(line for r in records for line in record_source(r)),
        *(line for r in whole for line in reader_source(r)),
        "const struct statement_form statement_forms[] = {",
        *indent([*(f'{{"{c_name(r.name)}", show_{c_name(r.name)}}},' for r in whole), "{0},"]),
        "};", ""])
