#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes that run on two sides of an air gap, and what a stick carries over it."""
import os
import shutil
import signal
import subprocess
import time

from bundles import carry, export, holds, key_of, lines, taken
from nodes import TALLY, Nodes, ask, expect, run, tell, until


def meet(*nodes):
    """Each admits the others at level isolated, and runs, with no link to anybody."""
    for node in nodes:
        key_of(node)
    for node in nodes:
        for other in nodes:
            if other is not node:
                run('federation', 'admit', '--data', node.data, key_of(other), '--level',
                    'isolated')
        node.start()


def alone(*nodes):
    for node in nodes:
        status = ask('status', '--data', node.data)
        expect(status['links'] == 0 and status['connections'] == 0, f'{status}')


def sealed(node, origin, count):
    until(lambda: holds(node, origin) == count, f'{origin} has {count}')


def sound(*nodes):
    for node in nodes:
        fsck = ask('fsck', '--data', node.data)
        expect(fsck['good'], f'{fsck}')


def both_ways(folder):
    """Two running nodes without any link exchange their logs by a folder, in both directions"""
    with Nodes(folder, 'a', 'b') as (a, b):
        meet(a, b)
        mine = a.append('audit', lines(700))[0]['origin']
        with open(os.path.join(folder, 'large'), 'wb') as file:
            file.write(os.urandom(300000))
        run('append', '--data', a.data, '--namespace', 'audit', os.path.join(folder, 'large'))
        yours = b.append('audit', lines(30, 'of b'))[0]['origin']
        sealed(a, mine, 701)
        sealed(b, yours, 30)
        one, other = os.path.join(folder, 'one'), os.path.join(folder, 'other')
        export(a, one)
        export(b, other)
        expect(taken(carry(b, one)) == {mine: (0, 701, 'held')}, 'there')
        expect(taken(carry(a, other)) == {yours: (0, 30, 'held')}, 'back')
        expect(a.checkpoint(mine) == b.checkpoint(mine) and
               a.checkpoint(yours) == b.checkpoint(yours), 'other checkpoints')
        shown = ask('receipt', 'show', '--data', b.data, mine, 700)
        expect(shown['body_bytes'] == 300000 and 'body_base64' in shown, 'the large body')
        expect(taken(carry(b, one)) == {mine: (701, 701, 'held')}, 'nothing is new')
        a.append('audit', lines(60, 'later'))
        sealed(a, mine, 761)
        shutil.rmtree(one)
        export(a, one)
        expect(taken(carry(b, one)) == {mine: (701, 761, 'held')}, 'only what is new')
        alone(a, b)
        b.stop()
        b.start()
        expect(holds(b, mine) == 761, 'after a restart')
        expect(ask('status', '--data', b.data)['rejected'] == {}, 'something was refused')
        sound(a, b)


def who_is_admitted(folder):
    """Logs of strangers stay out, and so do those whose admission was taken back"""
    with Nodes(folder, 'a', 'b') as (a, b):
        bundle = os.path.join(folder, 'stick')
        origin = a.append('audit', lines(5))[0]['origin']
        export(a, bundle)
        key_of(b)
        run('federation', 'mode', 'strict', '--data', b.data)
        b.start()
        expect(taken(carry(b, bundle)) == {origin: (0, 0, 'unadmitted')}, 'a stranger')
        run('federation', 'admit', '--data', b.data, key_of(a), '--level', 'isolated')
        expect(taken(carry(b, bundle)) == {origin: (0, 5, 'held')}, 'admitted')
        a.append('audit', lines(5))
        shutil.rmtree(bundle)
        export(a, bundle)
        run('federation', 'withdraw', '--data', b.data, key_of(a))
        expect(taken(carry(b, bundle)) == {origin: (5, 5, 'withdrawn')}, 'withdrawn')
        rejected = ask('status', '--data', b.data)['rejected']
        expect(rejected.get('unadmitted') and rejected.get('withdrawn'), f'{rejected}')


def tampered(folder):
    """A bundle that was changed on its way: nothing false gets in, nobody is blamed"""
    with Nodes(folder, 'a', 'b') as (a, b):
        bundle = os.path.join(folder, 'stick')
        meet(a, b)
        origin = a.append('audit', lines(600))[0]['origin']
        sealed(a, origin, 600)
        export(a, bundle)
        count = 0
        for path in sorted(os.path.join(root, name) for root, _, names in os.walk(bundle)
                           for name in names):
            with open(path, 'rb') as file:
                whole = file.read()
            at = len(whole) // 2
            with open(path, 'wb') as file:
                file.write(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            run('bundle', 'import', '--data', b.data, bundle, code=None)
            expect(holds(b, origin) in (0, 600), f'{path}: {holds(b, origin)}')
            count += holds(b, origin) == 0
            with open(path, 'wb') as file:
                file.write(whole)
        expect(count >= 3, f'only {count} were refused')
        expect(taken(carry(b, bundle))[origin][1] == 600, 'the good one')
        expect(not ask('discrepancy', 'list', '--data', b.data)['items'], 'somebody is blamed')
        expect(not ask('fork', 'list', '--data', b.data)['items'], 'a fork came of it')
        alone(b)
        sound(b)


def changed_entry(folder):
    """A receipt that was changed in the bundle: exit code 5, and what came before it is kept"""
    with Nodes(folder, 'a', 'b') as (a, b):
        bundle = os.path.join(folder, 'stick')
        meet(a, b)
        origin = a.append('audit', lines(600))[0]['origin']
        sealed(a, origin, 600)
        export(a, bundle)
        log = os.path.join(bundle, 'logs', os.listdir(os.path.join(bundle, 'logs'))[0])
        path = os.path.join(log, 'tile', 'entries', '001')
        with open(path, 'r+b') as file:
            file.seek(5000)
            byte = file.read(1)
            file.seek(5000)
            file.write(bytes([byte[0] ^ 1]))
        error = carry(b, bundle, code=5)
        expect('does not verify' in error['message'], f'{error}')
        with open(path, 'r+b') as file:
            file.seek(5000)
            file.write(byte)
        expect(taken(carry(b, bundle)) == {origin: (0, 600, 'held')}, 'put right')
        sound(b)


def forked(folder):
    """Two bundles that contradict each other: evidence, exit code 6, and the node runs on"""
    with Nodes(folder, 'a', 'b') as (a, b):
        one, other, copy = (os.path.join(folder, name) for name in ('one', 'other', 'copy'))
        origin = a.append('audit', lines(10))[0]['origin']
        shutil.copytree(a.data, copy)
        a.append('audit', lines(5, 'left'))
        run('append', '--data', copy, '--namespace', 'audit', '--lines', '-',
            input=b'right\nright\n')
        export(a, one)
        ask('bundle', 'export', '--data', copy, other)
        key_of(b)
        run('federation', 'admit', '--data', b.data, key_of(a), '--level', 'isolated')
        b.start()
        carry(b, one)
        carry(b, other, code=6)
        forks = ask('fork', 'list', '--data', b.data)['items']
        expect(len(forks) == 1 and forks[0]['origin'] == origin, f'{forks}')
        names = os.listdir(os.path.join(b.data, 'forks'))
        run('fork', 'check', os.path.join(b.data, 'forks', names[0]), code=6)
        expect(holds(b, origin) == 15, 'the log was overwritten')
        until(lambda: ask('status', '--data', b.data)['frozen'] == [origin], 'it is frozen')
        expect(ask('status', '--data', b.data)['forks'] == 1, 'one fork')
        carry(b, one)    # Known already.
        sound(b)


def our_own(folder):
    """A bundle that has more of the node's own log: it is an old copy, and signs no more"""
    with Nodes(folder, 'a') as (a,):
        bundle, old = os.path.join(folder, 'stick'), os.path.join(folder, 'old')
        a.append('audit', lines(10))
        shutil.copytree(a.data, old)
        a.append('audit', lines(5))
        export(a, bundle)
        shutil.rmtree(a.data)
        shutil.copytree(old, a.data)
        a.start()
        error = carry(a, bundle, code=1)
        expect(error['code'] == 'GUARDED', f'{error}')
        expect(ask('status', '--data', a.data)['guard']['state'] == 'recovering', 'it signs on')
        run('append', '--data', a.data, '--namespace', 'audit', '-', input=b'x', code=1)


def killed(folder):
    """kill -9 of the import, or of the node, in the middle: nothing is lost, a repeat completes"""
    with Nodes(folder, 'a', 'b') as (a, b):
        bundle = os.path.join(folder, 'stick')
        meet(a, b)
        origin = a.append('audit', lines(20000))[0]['origin']
        sealed(a, origin, 20000)
        export(a, bundle)
        for number in range(8):
            with subprocess.Popen([TALLY, 'bundle', 'import', bundle, '--data', b.data],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
                time.sleep(0.05 * (number + 1))
                if number % 2:
                    b.stop(signal.SIGKILL)
                    said = process.communicate()[1].decode()
                    expect(process.returncode in (0, 1, 3), f'{process.returncode}: {said}')
                    expect(process.returncode == 0 or 'node' in said, said)
                    b.start()
                else:
                    process.kill()
            expect(holds(b, origin) in (0, 20000), f'{holds(b, origin)}')
            expect(ask('status', '--data', b.data)['links'] == 0, 'it does not answer')
        until(lambda: run('bundle', 'import', bundle, '--data', b.data, code=None)[1] == '',
              'the import completes')
        expect(holds(b, origin) == 20000, 'all of it')
        expect(a.checkpoint(origin) == b.checkpoint(origin), 'another checkpoint')
        sound(b)


def one_at_a_time(folder):
    """While one bundle is taken in, another is told so; appends go on meanwhile"""
    with Nodes(folder, 'a', 'b') as (a, b):
        bundle = os.path.join(folder, 'stick')
        meet(a, b)
        origin = a.append('audit', lines(20000))[0]['origin']
        sealed(a, origin, 20000)
        export(a, bundle)
        with subprocess.Popen([TALLY, 'bundle', 'import', bundle, '--data', b.data],
                              stdout=subprocess.DEVNULL) as process:
            time.sleep(0.1)
            process.send_signal(signal.SIGSTOP)
            b.append('audit', lines(20))
            if holds(b, origin) == 0:
                said = run('bundle', 'import', bundle, '--data', b.data, code=None)[1]
                expect(said == '' or 'another bundle' in said, said)
            process.send_signal(signal.SIGCONT)
            expect(process.wait(60) == 0, f'{process.returncode}')
        expect(holds(b, origin) == 20000, 'all of it')
        sound(b)


if __name__ == '__main__':
    tell([both_ways, who_is_admitted, tampered, changed_entry, forked, our_own, killed,
          one_at_a_time])
