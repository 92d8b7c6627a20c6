#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stories and their golden transcripts (docs/testing.md).

  golden.py TALLY_SIM STORY.scn             runs the story, twice, and compares with STORY.golden
  golden.py --update TALLY_SIM STORY.scn…   writes anew what those tell that have one; read the diff
  golden.py --first TALLY_SIM STORY.scn…    writes it, also where there was none
  golden.py --self-test TALLY_SIM STORY.scn shows that a changed transcript is noticed

A story must end well, tell the same bytes each time, tell them under libsodium's own verdicts as
under remembered ones, tell the same with another id under stand-ins for signatures, and tell
something else from another seed.
"""
import difflib
import os
import subprocess
import sys

DIFF_LINES = 60


def tell(program, story, *options):
    """What the story tells, as bytes; None after showing why it did not end well."""
    run = subprocess.run([program, 'run', story, '--transcript', '-', *options],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if run.returncode != 0:
        sys.stderr.write(run.stderr.decode())
        return None
    return run.stdout


def golden_path(story):
    return os.path.splitext(story)[0] + '.golden'


def differences(old, new):
    """The first lines of the diff, as text; empty if there is none."""
    lines = difflib.unified_diff(old.decode().splitlines(), new.decode().splitlines(), 'golden',
                                 'now', lineterm='')
    lines = list(lines)
    more = [f'… {len(lines) - DIFF_LINES} more lines'] if len(lines) > DIFF_LINES else []
    return '\n'.join(lines[:DIFF_LINES] + more)


def check(program, story, golden=None):
    """Yields what is wrong, one sentence each."""
    told = tell(program, story)
    if told is None:
        yield f'{story}: it does not end well'
        return
    if golden is None:
        try:
            with open(golden_path(story), 'rb') as file:
                golden = file.read()
        except FileNotFoundError:
            yield f'{story}: no golden transcript; read the run, then golden.py --first'
            golden = told
    changed = differences(golden, told)
    if changed:
        yield f'{story}: it tells something else than its golden transcript:\n{changed}'
    if tell(program, story) != told:
        yield f'{story}: told twice, it is not the same'
    if tell(program, story, '--crypto', 'real') != told:
        yield f'{story}: it depends on the crypto provider'
    fast = tell(program, story, '--crypto', 'fast')
    if fast is None or fast.splitlines()[:-1] != told.splitlines()[:-1]:
        yield f'{story}: under crypto fast it tells something else'
    elif fast == told:
        yield f'{story}: crypto fast signs as libsodium does'


def seeds_differ(program, story):
    """Whether another seed is another run; how that one ends does not matter."""
    def run_id(seed):
        run = subprocess.run([program, 'run', story, '--seed', seed, '--transcript', '-'],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return run.stdout.splitlines()[-1:]
    return run_id('1001') != run_id('1002')


def update(program, stories, first):
    wrong = 0
    for story in stories:
        if not first and not os.path.exists(golden_path(story)):
            continue
        told = tell(program, story)
        if told is None:
            wrong += 1
            continue
        with open(golden_path(story), 'wb') as file:
            file.write(told)
    return wrong


def self_test(program, story):
    told = tell(program, story)
    if told is None:
        return 1
    lines = told.splitlines(keepends=True)
    liar = b''.join(lines[:1] + lines[2:])
    found = list(check(program, story, liar))
    ok = len(found) == 1 and 'something else' in found[0] and not list(check(program, story, told))
    print('golden: the self-test', 'passes' if ok else 'fails')
    return 0 if ok else 1


def main(words):
    if len(words) >= 3 and words[0] in ('--update', '--first'):
        return update(words[1], words[2:], words[0] == '--first')
    if len(words) == 3 and words[0] == '--self-test':
        return self_test(words[1], words[2])
    if len(words) != 2:
        sys.stderr.write(__doc__)
        return 2
    wrong = list(check(*words))
    if not seeds_differ(*words):
        wrong.append(f'{words[1]}: its seed changes nothing')
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
