#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A core that stops on an assertion is shrunk like any other failure, and its sizes are told.

  dies.py BROKEN

BROKEN is tally-sim with mutants in it (mutants.h).
"""
import os
import re
import subprocess
import sys
import tempfile

STORY = ('nodes 6\nlink delay 20..60\nat 1 append all 5\nat 2 suspend n2 1\nat 3 crash n4\n'
         'at 5 restart n4\nat 6 disk n3 full 10\nat 7 append n3 40\nat 9 append n1 3\n'
         'at 12 disk n3 full 0\nat 20 heal\n')


def main(broken):
    with tempfile.TemporaryDirectory() as folder:
        path, least = os.path.join(folder, 'dies.scn'), os.path.join(folder, 'least.scn')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(STORY)
        done = subprocess.run([broken, '--break', 'assertion', 'shrink', path, '--into', least],
                              capture_output=True, text=True, timeout=120)
        print(done.stdout, done.stderr)
        assert done.returncode == 0
        lines, before, nodes, all_nodes = map(int, re.search(
            r'(\d+) of (\d+) lines, (\d+) of (\d+) nodes', done.stderr).groups())
        assert before == STORY.count('\n') and all_nodes == 6, 'as it was'
        assert 0 < lines <= 4 and 0 < nodes <= 2, 'as it is'
        with open(least, encoding='utf-8') as file:
            story = file.read()
        print(story)
        assert re.search(r'# Breaks \S*mutants.c:\d+: .*Assertion.*failed\.\n', story)
        assert f'{lines} lines and {nodes} nodes were {before} and 6' in story


main(*sys.argv[1:])
