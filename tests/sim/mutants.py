#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A check is left out of the core: the swarm finds it, shrinks it and replays it.

  mutants.py BROKEN SOUND CHECK INVARIANT SMALLER

BROKEN is tally-sim with mutants in it, SOUND the real one. The story that is left must break the
INVARIANT (or «expect CONDITION»), be SMALLER percent smaller, come out the same when it is
replayed, byte for byte, and break nothing in the program that has the check.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile


def run(*words, status):
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    if done.returncode != status:
        sys.exit(f'{" ".join(words)}: exit {done.returncode}, expected {status}\n'
                 f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}')
    return done.stdout, done.stderr


def main(broken, sound, check, invariant, smaller):
    with tempfile.TemporaryDirectory() as folder:
        # One at a time: the first seed that fails is the same one each time.
        told, _ = run(broken, '--break', check, 'swarm', '--seeds', '400', '--jobs', '1',
                      '--into', folder, status=1)
        print(told, end='')
        least = glob.glob(os.path.join(folder, 'swarm-*-least.scn'))
        if len(least) != 1:
            sys.exit(f'one least story was expected, not {least}')
        with open(least[0], encoding='utf-8') as file:
            story = file.read()
        print(story, end='')
        if f'# Breaks {invariant}' not in story:
            sys.exit(f'{invariant} was to be broken')
        share = float(re.search(r'([0-9.]+) % smaller', told).group(1))
        if share < float(smaller):
            sys.exit(f'only {share} % smaller')
        first, said = run(broken, '--break', check, 'replay', least[0], status=1)
        again, _ = run(broken, '--break', check, 'replay', least[0], status=1)
        if 'the same run, byte for byte' not in said or first != again:
            sys.exit(f'not the same run: {said}')
        _, said = run(sound, 'run', least[0], status=0)
        print(said, end='')


main(*sys.argv[1:])
