#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles proto/*.cddl to C, and writes the golden vectors of proto/vectors.

    schema.py --out DIR      messages.h, messages.c, and codecs.h, codecs.c for tests
    schema.py --json FILE    C that shows statements as JSON
    schema.py --vectors      writes proto/vectors/*.json anew
    schema.py --check        are the vectors in git up to date? Exit code 1 if not
    schema.py --list         every message with its number and greatest size
"""
import argparse
import sys
from pathlib import Path

import schema_c
import schema_json
import schema_model as model
import schema_vectors

FILES = ("common", "datagram", "gossip", "dht", "reach", "stream", "receipt", "federation", "admin")


def vectors_by_path(rules, folder):
    return {folder / "vectors" / f"{name}.json": schema_vectors.text_of(rules, f"{name}.cddl")
            for name in FILES}


def check(rules, folder):
    stale = [path for path, text in vectors_by_path(rules, folder).items()
             if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{path} is not what the schema says; run tools/schema.py --vectors", file=sys.stderr)
    return 1 if stale else 0


def show(rules):
    for rule in rules.values():
        for case in rule.cases if isinstance(rule, model.Family) else []:
            print(f"{rule.name:12} {case.number:3} {case.seal:6} {case.record.name:22} "
                  f"{model.size_max(case.record):9}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    proto = Path(__file__).resolve().parent.parent / "proto"
    parser.add_argument("--proto", type=Path, default=proto)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--vectors", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("files", nargs="*", type=Path, help="other files than proto's, in order")
    options = parser.parse_args()
    try:
        rules = model.load(options.files or [options.proto / f"{name}.cddl" for name in FILES])
    except model.Refused as refused:
        print(f"schema.py: {refused}", file=sys.stderr)
        return 1
    if options.out:
        for name, text in schema_c.files_of(rules).items():
            (options.out / name).write_text(text)
    if options.json:
        options.json.write_text(schema_json.source_of(rules))
    if options.vectors:
        for path, text in vectors_by_path(rules, options.proto).items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    if options.list:
        show(rules)
    return check(rules, options.proto) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
