#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Logs on files, for parties that no network joins: what is carried, and what is refused."""
import os
import shutil

from nodes import Nodes, ask, expect, run, same, tell, until


def key_of(node):
    verb = 'show' if os.path.exists(os.path.join(node.data, 'keys')) else 'init'
    return ask('node', verb, '--data', node.data)['node']


def export(node, folder, *words):
    out = ask('bundle', 'export', '--data', node.data, folder, *words)
    return {item['origin']: item['size'] for item in out['items']}


def carry(node, folder, code=0):
    return ask('bundle', 'import', '--data', node.data, folder, code=code)


def taken(answer):
    return {item['origin']: (item['from'], item['to'], item['verdict'])
            for item in answer['items']}


def lines(count, word='x'):
    return [f'{word} {number}' for number in range(count)]


def holds(node, origin):
    log = node.logs().get(origin)
    return log['size'] if log else 0


def there_and_back(folder):
    """Isolated parties exchange logs on files, also what is new later; nothing goes by network"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        bundle = os.path.join(folder, 'stick')
        for one, other in ((a, b), (b, a)):
            run('federation', 'admit', '--data', one.data, key_of(other), '--level', 'isolated')
        run('federation', 'mode', 'strict', '--data', b.data)
        origin = a.append('audit', lines(700))[0]['origin']
        with open(os.path.join(folder, 'large'), 'wb') as file:
            file.write(os.urandom(300000))
        run('append', '--data', a.data, '--namespace', 'audit', os.path.join(folder, 'large'))
        expect(export(a, bundle) == {origin: 701}, 'what is exported')
        expect(taken(carry(b, bundle)) == {origin: (0, 701, 'held')}, 'what is taken')
        expect(a.checkpoint(origin) == b.checkpoint(origin), 'another checkpoint')
        shown = ask('receipt', 'show', '--data', b.data, origin, 700)
        expect(shown['body_bytes'] == 300000 and 'body_base64' in shown, 'the large body')
        expect(taken(carry(b, bundle)) == {origin: (701, 701, 'held')}, 'nothing is new')
        a.append('audit', lines(60, 'later'))
        shutil.rmtree(bundle)
        export(a, bundle)
        expect(taken(carry(b, bundle)) == {origin: (701, 761, 'held')}, 'only what is new')
        expect(ask('fsck', '--data', b.data)['good'], 'fsck')
        # What came on files from an isolated party is not passed on by network.
        run('federation', 'admit', '--data', b.data, key_of(c), '--level', 'verify')
        b.start()
        c.start(peers=[b])
        mine = b.append('audit', ['of b'])[0]['origin']
        same([b, c], mine, 1)
        expect(holds(c, origin) == 0, 'it was passed on')
        expect(taken(carry(b, bundle)) == {origin: (761, 761, 'held')}, 'the running node')


def strangers(folder):
    """A strict node takes off files what it admitted; an open one all; statements are named"""
    with Nodes(folder, 'a', 'b', 'open') as (a, b, free):
        bundle, whole = os.path.join(folder, 'one'), os.path.join(folder, 'all')
        origin = a.append('audit', lines(5))[0]['origin']
        run('federation', 'mode', 'open', '--data', a.data)
        export(a, bundle)
        sizes = export(a, whole, '--all')
        expect(len(sizes) == 2 and sizes[f'{key_of(a)}/federation'] == 1, f'{sizes}')
        key_of(b)
        run('federation', 'mode', 'strict', '--data', b.data)
        expect(taken(carry(b, bundle)) == {origin: (0, 0, 'unadmitted')}, 'a stranger was taken')
        run('federation', 'admit', '--data', b.data, key_of(a), '--roles', 'request')
        expect(taken(carry(b, bundle)) == {origin: (0, 0, 'role')}, 'out of role')
        run('federation', 'level', '--data', b.data, key_of(a), 'isolated', '--roles', 'announce')
        expect(taken(carry(b, bundle)) == {origin: (0, 5, 'held')}, 'admitted')
        key_of(free)
        expect(taken(carry(free, whole))[origin] == (0, 5, 'held'), 'an open node')
        there = ask('federation', 'list', '--data', free.data, '--of', key_of(a))
        expect(there['hash'] == ask('federation', 'list', '--data', a.data)['hash'], 'the state')


def every_byte(bundle):
    for folder, _, names in sorted(os.walk(bundle)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            for at in {0, os.path.getsize(path) // 2, os.path.getsize(path) - 1}:
                yield path, at


def flipped(folder):
    """Whatever byte of a bundle is changed: nothing that is not true gets in"""
    with Nodes(folder, 'a') as (a,):
        bundle = os.path.join(folder, 'stick')
        origin = a.append('audit', lines(300))[0]['origin']
        export(a, bundle)
        refused = 0
        for number, (path, at) in enumerate(every_byte(bundle)):
            with open(path, 'r+b') as file:
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1]))
            data = os.path.join(folder, f'b{number}')
            run('node', 'init', '--data', data)
            run('bundle', 'import', '--data', data, bundle, code=None)
            expect(ask('fsck', '--data', data)['good'], f'{path} at {at}: fsck')
            logs = ask('log', 'list', '--data', data)['items']
            expect(not logs or logs[0]['size'] in (0, 300), f'{path} at {at}: {logs}')
            refused += not logs or logs[0]['size'] == 0
            with open(path, 'r+b') as file:
                file.seek(at)
                file.write(bytes([byte]))
            shutil.rmtree(data)
        expect(refused >= 12, f'only {refused} changed bytes were refused')
        run('node', 'init', '--data', os.path.join(folder, 'b'))
        out, _ = run('bundle', 'import', '--data', os.path.join(folder, 'b'), bundle)
        expect(out == f'0 to 300 {origin}\n', out)


def two_faces(folder):
    """A fork on files is proved, and an old copy of our own log is known for what it is"""
    with Nodes(folder, 'a', 'b') as (a, b):
        one, other = os.path.join(folder, 'one'), os.path.join(folder, 'other')
        copy = os.path.join(folder, 'copy')
        origin = a.append('audit', lines(10))[0]['origin']
        shutil.copytree(a.data, copy)
        a.append('audit', lines(5, 'left'))
        run('append', '--data', copy, '--namespace', 'audit', '--lines', '-',
            input=b'right\nright\n')
        export(a, one)
        ask('bundle', 'export', '--data', copy, other)
        key_of(b)
        carry(b, one)
        carry(b, other, code=6)
        forks = ask('fork', 'list', '--data', b.data)['items']
        expect(len(forks) == 1 and forks[0]['origin'] == origin, f'{forks}')
        expect(holds(b, origin) == 15, 'the log was overwritten')
        old = os.path.join(folder, 'old')
        shutil.copytree(a.data, old)
        a.append('audit', ['more'])
        shutil.rmtree(one)
        export(a, one)
        error = ask('bundle', 'import', '--data', old, one, code=1)
        expect(error['code'] == 'GUARDED', f'{error}')


def mistakes(folder):
    """Each mistake has its sentence"""
    with Nodes(folder, 'a') as (a,):
        empty = os.path.join(folder, 'empty')
        os.mkdir(empty)
        key_of(a)
        for words, code, part in (
                (('import', os.path.join(folder, 'nothing')), 4, 'No such file'),
                (('import', empty), 4, 'is no bundle'),
                (('export', empty), 4, 'nothing to export'),
                (('export', a.data), 1, 'cannot be made anew'),
                (('export', os.path.join(folder, 'x'), 'audit'), 4, 'there is no log')):
            _, said = run('bundle', *words, '--data', a.data, code=code)
            expect(part in said, f'{words}: {said}')
        a.start()
        until(lambda: ask('status', '--data', a.data), 'it runs')
        _, said = run('bundle', 'import', '--data', a.data, empty, code=4)
        expect('is no bundle' in said, said)


if __name__ == '__main__':
    tell([there_and_back, strangers, flipped, two_faces, mistakes])
