#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each check of the simulator fails where what it looks at goes wrong, and nowhere else.

  checks.py BROKEN SOUND SOURCE

BROKEN is tally-sim with mutants in it (mutants.h), SOUND the real one. A check of sim/checker.h
that no mutant shows fails this test. Whose mutant is not called after a check: what is left out
there, some story finds by one of them.
"""
import os
import re
import subprocess
import sys
import tempfile

MESH = ('nodes 4\nlink delay 20..60\nat 1 append all 5\n'
        'at 5 append n1 40\nat 9 restart n2\nat 20 heal\n')
FORK = 'nodes 4\nlink delay 20..60\nat 1 append all 5\nat 5 lie n4 fork 5\n'
ROOM = ('nodes 2\nlink delay 200..300 rate 1000000\ndisk all sync 10..20\nat 40 heal\n' +
        ''.join(f'at 1 append n1 300 in {log} size 3000..4000\n' for log in 'abcd'))
# Which story shows a check: text, or one of sim/scenarios.
STORIES = {
    'COUNTER': MESH.replace('..60', '..60 duplicate 20 replay 20'),
    'RECEIPT': 'forged',
    'HOLDS': MESH + 'at 21 crash n2\nat 70 heal\n',
    'ALLOCATES': MESH,
    'DATAGRAM': MESH,
    'PACKET': 'neighbours',
    'UNPROVED': 'hellos',
    'ROOM': ROOM,
    'CHAIN': MESH,
    'BODY': MESH,
    'NOTE': MESH,
    'ACCUSED': 'fork',
    'SCOPE': 'neighbours',
    'BACK': MESH,
    'ACKNOWLEDGED': MESH,
    'REMEMBERED': FORK + 'at 20 restart n1\nat 25 heal\n',
    'EPOCH': MESH + 'at 0.2 restart n1\n',
    'REVOKED': 'revoked',
    'ROOTS': FORK + 'at 20 heal\n',
}
# What is left out that is no check of the simulator's, which of these finds it, and where.
FOUND = [
    ('unguarded', 'ROOTS', 'restore'),
    ('unguarded', 'ROOTS', 'restore-heir'),
    ('unguarded', 'ROOTS', 'restore-early'),
]


# What a mutant does not do may be to free: that is not what it is for.
NO_LEAKS = {**os.environ, 'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'}


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=NO_LEAKS)
    return done.returncode, done.stderr


def main(broken, sound, source):
    with open(os.path.join(source, 'sim', 'checker.h'), encoding='utf-8') as file:
        checks = re.findall(r'X\(([A-Z]+), "', file.read())
    with open(os.path.join(source, 'tests', 'sim', 'mutants.h'), encoding='utf-8') as file:
        mutants = dict(re.findall(r'X\(([A-Z]+), ([a-z_]+)\)', file.read()))
    rows = [(mutants.get(check, check), check, STORIES.get(check, '')) for check in checks] + FOUND
    print(f'1..{len(rows)}')
    with tempfile.TemporaryDirectory() as folder:
        for number, (mutant, check, story) in enumerate(rows, 1):
            path = os.path.join(source, 'sim', 'scenarios', story + '.scn')
            if '\n' in story:
                path = os.path.join(folder, check + '.scn')
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(story)
            status, said = run(broken, '--break', mutant, 'run', path)
            fails = status == 1 and f': {check}: ' in said
            holds, otherwise = run(sound, 'run', path)
            good = fails and holds == 0
            print(f'{"ok" if good else "not ok"} {number} - {check}: {mutant}',
                  flush=True)
            if not good:
                print(said, otherwise, file=sys.stderr)


main(*sys.argv[1:])
