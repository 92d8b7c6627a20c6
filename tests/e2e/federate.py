#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The main job, as an operator does it: nodes federate receipts, an outsider checks one."""
import hashlib
import os
import signal

from nodes import Nodes, ask, expect, run, same, tell, until


def real_lines(count):
    """Receipts of real input: the sources of this program."""
    source = os.environ.get('TALLY_SOURCE', '.')
    lines = []
    for folder, _, names in sorted(os.walk(os.path.join(source, 'src'))):
        for name in sorted(names):
            with open(os.path.join(folder, name), 'rb') as file:
                lines.append(hashlib.sha256(file.read()).hexdigest() + '  ' + name)
    return (lines * (count // len(lines) + 1))[:count]


def prove(node, origin, index, folder, key):
    path = os.path.join(folder, 'x.tlog-proof')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(run('proof', 'export', '--data', node.data, origin, index)[0])
    good = ask('proof', 'check', path, '--key', key)
    expect(good['verdict'] == 'good' and good['index'] == index, f'{good}')
    return path


def refuse_every_flip(path, key):
    """A flipped bit anywhere is noticed. Only what other readers ignore too may be changed."""
    with open(path, 'rb') as file:
        proof = file.read()
    for at in range(0, len(proof) - 1, 23):
        flipped = bytearray(proof)
        flipped[at] ^= 1
        out, err = run('proof', 'check', '-', '--key', key, input=bytes(flipped), code=None)
        expect(not out.startswith('good'), f'byte {at} of {path} was changed and nobody noticed')
        expect(err.startswith('tally: '), f'byte {at}: no sentence: {out}{err}')


def two(folder):
    """Two nodes federate; a proof from the second convinces without any node."""
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        b.start(peers=[a])
        receipts = a.append('compliance', real_lines(700))
        expect([item['index'] for item in receipts] == list(range(700)), 'the order is not kept')
        origin = receipts[0]['origin']
        same([a, b], origin, 700)
        expect(b.logs()[origin]['state'] == 'replica', 'a copy does not say so')
        path = prove(b, origin, 345, folder, a.about['node'])
        wanted = receipts[345]['receipt']
        checked = ask('proof', 'check', path, '--key', a.about['peer_id'], '--receipt', wanted)
        expect(checked['receipt'] == wanted, 'another receipt')
        run('proof', 'check', path, '--key', b.about['node'], code=5)
        run('proof', 'check', path, '--key', a.about['node'], '--receipt',
            receipts[344]['receipt'], code=5)
        refuse_every_flip(path, a.about['node'])
        shown = ask('receipt', 'show', '--data', b.data, receipts[345]['receipt'])
        expect(shown['body'] == real_lines(700)[345], 'the body is not what was appended')
        until(lambda: ask('status', '--data', b.data)['syncs'] > 0, 'b counts what it fetched')
        until(lambda: ask('status', '--data', a.data)['confirms'] > 0, 'a hears of it')
        peers = ask('peers', '--data', b.data)['items']
        expect(len(peers) == 1 and peers[0]['state'] == 'linked', f'{peers}')
        for node in (a, b):
            expect(ask('fsck', '--data', node.data)['good'], 'fsck')
    expect(ask('fsck', '--data', b.data)['good'], 'fsck after the end')


def line_of_three(folder):
    """A - B - C: C gets what A issued from B, which it never asked A for."""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        a.start()
        b.start(peers=[a])
        c.start(peers=[b])
        origin = a.append('line', real_lines(300))[0]['origin']
        same([a, b, c], origin, 300)
        mine = c.append('line', ['from the other end'])[0]['origin']
        same([c, b, a], mine, 1)
        expect(mine != origin, 'two issuers share a log')
        run('log', 'show', '--data', b.data, 'line', code=4)  # Two logs of that name.
        keys = {peer['peer'] for peer in ask('peers', '--data', c.data)['items']
                if peer['state'] == 'linked'}
        expect(keys == {b.about['node']}, f'c is linked with {keys}')


def all_sizes(folder):
    """Bodies of every size pass: empty, small, above what packages carry, 16 MiB."""
    sizes = [0, 1, 4095, 4096, 4097, 70000, 16 << 20]
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        b.start(peers=[a])
        for size in sizes:
            with open(os.path.join(folder, 'body'), 'wb') as file:
                file.write(bytes(i * 7 % 251 for i in range(251)) * (size // 251 + 1))
                file.truncate(size)
            out, _ = run('append', '--data', a.data, '--namespace', 'sizes', '--type', 'file',
                         os.path.join(folder, 'body'))
        origin, index, receipt = out.split()
        expect(int(index) == len(sizes) - 1, out)
        same([a, b], origin, len(sizes))
        for index, size in enumerate(sizes):
            shown = ask('receipt', 'show', '--data', b.data, origin, index)
            expect(shown['body_bytes'] == size and ('body' in shown or 'body_base64' in shown),
                   f'body {index} of {size} bytes is not held')
        run('receipt', 'show', '--data', b.data, receipt, '--body', code=0)
        expect(ask('fsck', '--data', b.data)['good'], 'fsck')


def resume(folder):
    """Each end is away for a while, also by kill -9; then both hold the same."""
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        b.start(peers=[a])
        origin = a.append('resume', real_lines(200))[0]['origin']
        same([a, b], origin, 200)
        b.stop(signal.SIGKILL)
        a.append('resume', real_lines(900))
        b.start(peers=[a])
        same([a, b], origin, 1100)
        key = a.about['node']
        a.stop()
        expect(int(b.append('elsewhere', ['x'])[0]['index']) == 0, 'b does not work alone')
        a.append('resume', ['without a node'])
        a.start()
        expect(a.about['node'] == key, 'the key changed')
        same([a, b], origin, 1101)
        for node in (a, b):
            expect(ask('fsck', '--data', node.data)['good'], 'fsck')


if __name__ == '__main__':
    tell([two, line_of_three, all_sizes, resume])
