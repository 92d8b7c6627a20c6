#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that fail, between real processes: what is stated, kept, and becomes of it."""
import base64
import hashlib
import os
import shutil

from nodes import Nodes, ask, expect, run, same, tell, until
from admission import federation, holds, key_of
from agreements import active, proposals, propose, strict, waits
from guard import stopped_by_a_fork


def cases(node, *words):
    return ask('discrepancy', 'list', '--data', node.data, *words)['items']


def case(node, kind, *words):
    """The one of that kind; None if there is none yet."""
    found = [one for one in cases(node, *words) if one['discrepancy_type'] == kind]
    return found[0] if found else None


def move(node, index, outcome, *words, code=0):
    return ask('discrepancy', 'resolve', '--data', node.data, str(index), '--outcome', outcome,
               *words, code=code)


def damage(node, origin):
    """Turns a byte in the signature of the first receipt that a node holds of a log."""
    path = os.path.join(node.data, 'logs', node.logs()[origin]['origin_hash'], 'tile', 'entries')
    while os.path.isdir(path):   # The full bundle, or the partial one.
        path = os.path.join(path, sorted(os.listdir(path))[0])
    with open(path, 'r+b') as file:
        end = 2 + int.from_bytes(file.read(2), 'big')
        file.seek(end - 10)
        byte = file.read(1)
        file.seek(end - 10)
        file.write(bytes([byte[0] ^ 1]))


def agreed(a, b, scroll):
    """Two strict nodes that run, with an agreement that shares one namespace."""
    strict(a, b)
    name = propose(a, b, '--trust-level', 'verify', '--scrolls', scroll)
    a.start()
    b.start(peers=[a])
    waits(b, name)
    proposals(b, 'accept', name[:8])
    until(lambda: active(a) and active(b), 'both have signed')


def refused(node, code, part, *words):
    _, said = run('discrepancy', *words, '--data', node.data, code=code)
    expect(part in said.splitlines()[0], f'{words}: {said}')
    error = ask('discrepancy', *words, '--data', node.data, code=code)
    expect(error['schema'] == 'tally/error/1' and error['exit'] == code, f'{error}')


def forged_and_fetched_elsewhere(folder):
    """A holder serves a forged history: stated with evidence, and resolved by fetching elsewhere"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        a.start()
        b.start(peers=[a])
        origin = a.append('audit', [f'line {number}' for number in range(300)])[0]['origin']
        same([a, b], origin, 300)
        a.stop()
        b.stop()
        damage(b, origin)
        b.start(peers=[a])
        c.start('--verify', 'checkpoint', peers=[a, b])
        found = until(lambda: case(c, 'root_mismatch'), 'what b served does not verify')
        expect(found['party'] == key_of(b) and found['severity'] == 'critical', f'{found}')
        expect(found['details']['claimed_size'] >= 300, f'{found}')
        expect(found['details']['first_divergence_at'] == 'receipt-sequence-0', f'{found}')
        path = os.path.join(c.data, 'discrepancies', found['evidence'])
        checked = ask('discrepancy', 'check', path)
        expect(checked['contradicts'] and checked['party'] == key_of(b), f'{checked}')
        expect(holds(c, a) == 0, 'c took what does not verify')
        a.start(peers=[b])
        same([a, c], origin, 300)
        done = until(lambda: next((one for one in cases(c, '--all') if one['id'] == found['id'] and
                                   one['state'] == 'resolved'), None), 'it resolves itself')
        expect(done['outcome'] == 'automatic', f'{done}')
        expect(not [one for one in cases(c) if one['id'] == found['id']], 'it is still listed')
        # Everybody who sees the statements folds the same.
        mine = ask('discrepancy', 'list', '--data', c.data, '--all')
        until(lambda: ask('discrepancy', 'list', '--data', a.data, '--all', '--of',
                          key_of(c))['hash'] == mine['hash'], 'another machine folds otherwise')
        with open(path, 'r+b') as file:
            file.seek(200)
            file.write(b'!')
        run('discrepancy', 'check', path, code=5)
        expect(not ask('fsck', '--data', c.data, code=5)['good'], 'fsck sees nothing')


def fork_resolved_by_hand(folder):
    """A fork is a case for people: an arbiter's word, a suspension, an end; each where it counts"""
    with Nodes(folder, 'a', 'b', 'c', 'twin') as (a, b, c, twin):
        for node, other, level in ((b, a, 'verify'), (b, c, 'attest'), (c, b, 'verify'),
                                   (a, b, 'verify'), (c, a, 'observe')):
            federation(node, 'admit', key_of(other), '--level', level)
        a.start()
        b.start(peers=[a])
        c.start(peers=[b])
        origin = a.append('audit', ['one'])[0]['origin']
        same([a, b, c], origin, 1)
        a.stop()
        shutil.copytree(a.data, twin.data, ignore=shutil.ignore_patterns('lock', '*.sock'))
        run('node', 'confirm-latest', '--yes', '--data', twin.data)   # A lie: a goes on elsewhere.
        twin.append('audit', ['of the twin', 'and more'])
        a.start()
        a.append('audit', ['two'])
        same([a, b], origin, 2)
        a.stop()
        twin.start(peers=[b])
        found = until(lambda: case(b, 'fork'), 'the fork is stated')
        stopped_by_a_fork(twin)
        expect(found['party'] == key_of(a), f'{found}')
        # One receipt is the same, and b asked the twin where they part, unless the twin, which ends
        # when it sees its own fork, was gone by then (tests/unit/sync/test_locate.c is never late).
        first = found['details']['first_divergence_at']
        expect(first in ('receipt-sequence-1', None), f'{found}')
        shown = ask('fork', 'show', '--data', b.data, found['evidence'])
        expect(shown['first_divergence_at'] == first, f'{shown}')
        text = run('fork', 'show', '--data', b.data, found['evidence'])[0]
        expect(first is None or 'from receipt 1 on' in text, text)
        expect(ask('fork', 'list', '--data', b.data)['items'][0]['fork'] == found['evidence'],
               'its evidence is the file of the fork')
        until(lambda: case(b, 'fork')['state'] == 'manual', 'nothing can fetch it away')
        number = found['id']
        # Mistakes, with their sentences.
        refused(b, 2, '--outcome is needed', 'resolve', str(number))
        refused(b, 2, '--arbiter PARTY goes with', 'resolve', str(number), '--outcome', 'manual',
                '--arbiter', key_of(c))
        refused(b, 1, 'level attest', 'resolve', str(number), '--outcome', 'arbitration',
                '--arbiter', key_of(a))
        refused(b, 4, 'there is no discrepancy', 'resolve', '9999', '--outcome', 'manual')
        refused(b, 2, 'is no discrepancy', 'show', 'xyz')
        move(b, number, 'arbitration', '--arbiter', key_of(c), '--note', 'whom we both know')
        until(lambda: ask('discrepancy', 'list', '--data', c.data, '--of', key_of(b))['items'],
              'the arbiter sees the case')
        ask('discrepancy', 'arbitrate', '--data', c.data, str(number), '--of', key_of(b),
            '--claim', 'fails')
        until(lambda: case(b, 'fork')['state'] == 'suspended', 'the verdict is adopted')
        shown = ask('discrepancy', 'show', '--data', b.data, str(number))
        expect(shown['arbitration']['arbiter'] == key_of(c) and
               shown['arbitration']['claim'] == 'fails', f'{shown}')
        by_hash = ask('discrepancy', 'show', '--data', b.data, shown['receipt'])
        expect(by_hash['id'] == number, f'{by_hash}')
        # By hand, while no node runs.
        b.stop()
        expect(move(b, number, 'manual', '--note', 'they told us how')['state'] == 'resolved', '')
        refused(b, 1, 'resolved already', 'resolve', str(number), '--outcome', 'manual')
        expect(not case(b, 'fork') and case(b, 'fork', '--all')['outcome'] == 'manual', '')


def suspended_log(folder):
    """What is suspended is neither taken nor shown, and flows again once it is resolved"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        old = os.path.join(folder, 'old')
        a.start()
        b.start(peers=[a])
        origin = a.append('audit', ['one'])[0]['origin']
        same([a, b], origin, 1)
        a.stop()
        shutil.copytree(a.data, old, ignore=shutil.ignore_patterns('lock', '*.sock'))
        a.start()
        a.append('audit', ['two', 'three'])
        same([a, b], origin, 3)
        a.stop()
        new = a.data + '.new'
        os.rename(a.data, new)
        shutil.copytree(old, a.data)
        a.start(peers=[b])
        found = until(lambda: case(b, 'size_regression'), 'a smaller size than was signed')
        expect(found['party'] == key_of(a) and found['details']['claimed_size'] == 1 and
               found['details']['first_divergence_at'] == 'receipt-sequence-1', f'{found}')
        ask('discrepancy', 'check', os.path.join(b.data, 'discrepancies', found['evidence']))
        a.stop()
        shutil.rmtree(a.data)
        os.rename(new, a.data)
        move(b, found['id'], 'suspension')
        c.start(peers=[b])
        a.start(peers=[b])
        a.append('audit', ['four'])
        until(lambda: ask('status', '--data', b.data)['rejected'].get('suspended', 0) > 0,
              'it is counted')
        expect(holds(b, a) == 3, 'a suspended log was taken')
        expect(holds(c, a) == 0, 'a suspended log was shown')
        move(b, found['id'], 'manual')
        same([a, b, c], origin, 4)


def cross_anchored(folder):
    """Another's checkpoint is a leaf of ours at level attest; a third machine verifies the chain"""
    with Nodes(folder, 'a', 'b') as (a, b):
        alone = dict(os.environ, TALLY_DATA_DIR=os.path.join(folder, 'nowhere'), HOME=folder)
        federation(a, 'admit', key_of(b), '--level', 'attest')
        federation(b, 'admit', key_of(a), '--level', 'verify')
        a.start()
        b.start(peers=[a])
        origin = a.append('audit', [f'line {number}' for number in range(40)])[0]['origin']
        same([a, b], origin, 40)
        words = ['anchor', 'cross', '--data', b.data, '--mesh', key_of(a)]
        _, said = run(*words, code=1)
        expect('not admitted at level attest' in said, said)
        federation(b, 'level', key_of(a), 'attest')
        run('proof', 'cross', '--data', b.data, origin, '7', code=4)
        done = ask(*words)['items']
        expect([one['origin'] for one in done] == [origin] and done[0]['size'] == 40, f'{done}')
        a.append('audit', ['one more'])
        same([a, b], origin, 41)
        until(lambda: run('proof', 'cross', '--data', b.data, origin, '7', code=None)[0],
              'it is sealed')
        path = os.path.join(folder, 'chain')
        chain = run('proof', 'cross', '--data', b.data, origin, '7')[0].encode()
        with open(path, 'wb') as file:
            file.write(chain)
        shown = ask('verify', path, env=alone)
        expect(shown['origin'] == origin and shown['index'] == 7 and shown['size'] == 40 and
               shown['anchored_in'] == key_of(b) + '/federation' and
               shown['anchor_index'] == done[0]['index'], f'{shown}')
        expect(run('verify', path, env=alone)[0].startswith('good: '), 'for people')
        # The other way round: its own receipt, by what b states, which a holds.
        until(lambda: run('proof', 'cross', '--data', a.data, origin, '7', '--by', key_of(b),
                          code=None)[0].encode() == chain, 'both have the same proof')
        run('proof', 'cross', '--data', b.data, origin, '40', code=4)  # Not under that checkpoint.
        # No byte of it can be another one.
        for at in list(range(0, len(chain), 97)) + [len(chain) - 2]:
            with open(path, 'wb') as file:
                file.write(chain[:at] + bytes([chain[at] ^ 1]) + chain[at + 1:])
            run('verify', path, code=5, env=alone)
        with open(path, 'wb') as file:
            file.write(chain[:-1])
        run('verify', path, code=5, env=alone)
        run('verify', os.path.join(folder, 'none'), code=4, env=alone)
        run('anchor', 'cross', '--data', b.data, code=2)


def schemas(folder):
    """One name and version with two hashes is found at both ends; what nobody named is flagged"""
    with Nodes(folder, 'a', 'b') as (a, b):
        files = []
        for text in ('one', 'another'):
            files.append(os.path.join(folder, text))
            with open(files[-1], 'w', encoding='utf-8') as file:
                file.write(text)

        def register(node, file, name, version, *words, code=0):
            return run('schema', 'register', file, '--data', node.data, '--name', name,
                       '--version', version, *words, code=code)
        for node, other in ((a, b), (b, a)):
            federation(node, 'admit', key_of(other), '--level', 'verify')
        register(a, files[0], 'drill', '1.0')
        register(a, files[0], 'record', '1.0', '--namespace', 'audit')
        _, said = register(a, files[1], 'drill', '1.0', code=1)
        expect('says one thing for ever' in said, said)
        register(a, files[1], 'no type', '1.0', code=2)
        register(a, os.path.join(folder, 'none'), 'drill', '2.0', code=4)
        a.start()
        b.start(peers=[a])
        register(b, files[0], 'record', '1.0', '--namespace', 'audit')  # While it runs.
        until(lambda: len(ask('schema', 'list', '--data', b.data, '--of', key_of(a))['items']) == 2,
              'b sees what a registered')
        for node in (a, b):
            expect(not case(node, 'schema_incompatible'), 'too early')
        register(b, files[1], 'drill', '1.0')
        for node, other in ((a, b), (b, a)):
            found = until(lambda: case(node, 'schema_incompatible'), 'it is found')
            expect(found['party'] == key_of(other) and found['severity'] == 'warning', f'{found}')
            hashes = {found['details'][name] for name in ('claimed_root', 'computed_root')}
            expect(hashes == {hashlib.sha256(text.encode()).hexdigest()
                              for text in ('one', 'another')}, f'both hashes: {found}')
            ask('verify', os.path.join(node.data, 'discrepancies', found['evidence']))
        said = ask('schema', 'sync', '--data', b.data, '--mesh', key_of(a))
        expect((said['same'], said['differ'], said['theirs'], said['ours']) == (1, 1, 0, 0) and
               not said['backward_compatible'], f'{said}')
        theirs = until(lambda: ask('schema', 'sync', '--data', a.data, '--mesh', key_of(b)), '')
        expect(theirs['digest'] == said['digest'], 'what is the same is the same')
        # A later version that says the same at both: it is over, by itself.
        for node in (a, b):
            register(node, files[1], 'drill', '2.0')
        for node in (a, b):
            until(lambda: not case(node, 'schema_incompatible'), 'they agree again')
            expect(case(node, 'schema_incompatible', '--all')['outcome'] == 'automatic', '')
        origin = a.append('audit', ['known'])[0]['origin']
        run('append', '--data', a.data, '--namespace', 'audit', '--type', 'odd', '--lines', '-',
            input=b'unknown\n')
        shown = [ask('receipt', 'show', '--data', a.data, origin, index) for index in (0, 1)]
        expect(shown[0]['schema_known'] and shown[0]['type_schema']['version'] == '1.0', f'{shown}')
        expect(not shown[1]['schema_known'] and shown[1]['type_schema'] is None, f'{shown}')
        text = run('receipt', 'show', '--data', a.data, origin, '1')[0]
        expect('unknown: it is kept' in text, text)
        run('schema', 'show', 'odd', '--data', a.data, code=4)
        run('schema', 'show', 'drill', '--data', a.data)


def sampled(folder):
    """A witness draws samples: what is not in the signed tree is stated with evidence, and once"""
    with Nodes(folder, 'a', 'b') as (a, b):
        for node, other, roles in ((a, b, 'announce,serve,request'), (b, a, 'announce,request')):
            federation(node, 'admit', key_of(other), '--level', 'verify', '--roles', roles)
        a.start('--witness-gap', '1')
        b.start('--witness-cycle', '3', peers=[a])   # It takes no logs of a's: a witness only.
        origin = a.append('audit', [f'line {number}' for number in range(3)])[0]['origin']
        until(lambda: any(item['origin'] == origin and item['result'] == 'verified' for item in
                          ask('witness-history', '--data', b.data)['items']), 'b sampled')
        expect(not case(b, 'root_mismatch', '--all'), 'a case of nothing')
        hashed = a.logs()[origin]['origin_hash']
        # The first one's signature is another now; of four receipts all are drawn.
        a.stop()
        damage(a, origin)
        a.start('--witness-gap', '1', peers=[b])
        a.append('audit', ['four'])
        found = until(lambda: case(b, 'root_mismatch', '--all'), 'what a shows is not in its tree')
        expect(found['party'] == key_of(a) and found['details']['log'] == hashed, f'{found}')
        expect(found['details']['first_divergence_at'] == 'receipt-sequence-0', f'{found}')
        path = os.path.join(b.data, 'discrepancies', found['evidence'])
        checked = ask('discrepancy', 'check', path)
        expect(checked['contradicts'] and checked['party'] == key_of(a), f'{checked}')
        with open(path, encoding='utf-8') as file:
            text = file.read()
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text.replace('\nsample 0 1 ', '\nsample 1 2 '))
        run('discrepancy', 'check', path, code=0)   # It leads nowhere there either.
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text.replace('\nsample 0 1 ', '\nsample 0 2 '))
        run('discrepancy', 'check', path, code=5)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        count = len(cases(b, '--all'))
        a.append('audit', ['five'])
        until(lambda: len(ask('witness-history', '--data', b.data)['items']) >= 3, 'sampled again')
        expect(len(cases(b, '--all')) == count, 'it is said once, not with each sample')


def bundle(node, origin):
    """The first full bundle of entries of a log, as it lies on disk."""
    return os.path.join(node.data, 'logs', node.logs()[origin]['origin_hash'], 'tile', 'entries',
                        '000')


def term_broken(folder):
    """Who agreed to share a namespace and refuses it is said to, with what it signed; once"""
    with Nodes(folder, 'a', 'b') as (a, b):
        agreed(a, b, 'audit')
        origin = a.append('audit', ['one'])[0]['origin']
        same([a, b], origin, 1)
        b.stop()
        a.append('audit', [f'line {number}' for number in range(300)])
        path = bundle(a, origin)
        until(lambda: os.path.exists(path), 'the bundle is whole')
        a.stop()
        # What a cannot read any more it cannot show: for b that is a refusal.
        os.rename(path, path + '.away')
        os.mkdir(path)
        a.start(peers=[b])
        b.start('--term-patience', '1', peers=[a])
        found = until(lambda: case(b, 'term_violation'), 'it is stated')
        expect(found['party'] == key_of(a) and found['severity'] == 'warning' and
               found['details']['log'] == origin and found['details']['claimed_size'] == 301,
               f'{found}')
        expect(found['note'] == 'a scroll that is shared is refused, or not offered', f'{found}')
        path_of = os.path.join(b.data, 'discrepancies', found['evidence'])
        expect(ask('discrepancy', 'check', path_of)['party'] == key_of(a), 'it verifies')
        with open(path_of, encoding='utf-8') as file:
            text = file.read()
        lines = text.split('\n')
        ours = base64.b64decode(lines[lines.index(next(one for one in lines
                                                       if one.startswith('ours '))) + 1]).decode()
        expect('clause shares\n' in ours and 'refused refused\n' in ours and 'times ' in ours, ours)
        # Terms that it did not sign are no evidence.
        other = os.path.join(folder, 'other')
        at = lines.index(next(one for one in lines if one.startswith('theirs '))) + 1
        body = bytearray(base64.b64decode(lines[at]))
        body[-1] ^= 1
        with open(other, 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines[:at] + [base64.b64encode(body).decode()] + lines[at + 1:]))
        run('discrepancy', 'check', other, code=5)
        expect(not cases(a), f'a has nothing against b: {cases(a)}')
        a.stop()
        os.rmdir(path)
        os.rename(path + '.away', path)
        a.start(peers=[b])
        same([a, b], origin, 301)
        done = until(lambda: next((one for one in cases(b, '--all') if one['id'] == found['id'] and
                                   one['state'] == 'resolved'), None), 'it is kept again')
        expect(done['outcome'] == 'automatic', f'{done}')
        expect(len([one for one in cases(b, '--all')
                    if one['discrepancy_type'] == 'term_violation']) == 1, 'once')


if __name__ == '__main__':
    tell([forged_and_fetched_elsewhere, fork_resolved_by_hand, suspended_log, cross_anchored,
          schemas, sampled, term_broken])
