#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A data directory that was put back from a backup signs nothing before it is known to be the
newest, and what it lacks comes back from those who hold it (operations 3.17)."""
import os
import shutil
import signal
import subprocess
import time

from nodes import TALLY, Failed, Nodes, ask, expect, run, tell, until


def lines(first, last):
    return [f'receipt {number}' for number in range(first, last)]


def status(node):
    return ask('status', '--data', node.data)


def guard(node):
    return status(node)['guard']


def size(node, origin):
    log = node.logs().get(origin)
    return log['size'] if log else 0


def put_back(node, copy):
    """The directory of that copy, as cp or tar makes it; the one before it is gone."""
    shutil.rmtree(node.data)
    shutil.copytree(copy, node.data)


def refused(node, error):
    """No append succeeds, and the reason is told in one sentence."""
    out, err = run('append', '--data', node.data, '--namespace', 'audit', '-', '--json', code=1,
                   input=b'one too many')
    expect(f'"{error}"' in out + err, f'refused, but not with {error}: {out}{err}')


def settled(nodes, origin, count):
    for node in nodes:
        until(lambda n=node: size(n, origin) == count, f'{node.data} has {count} of {origin}')


def two_copies(a, b, folder):
    """100 receipts, a copy, 50 more; returns the log, its root and where the copy is."""
    copy = os.path.join(folder, 'copy')
    b.start()
    a.start(peers=[b])
    origin = a.append('audit', lines(0, 100))[0]['origin']
    settled([a, b], origin, 100)
    a.stop()
    shutil.copytree(a.data, copy)
    a.start(peers=[b])
    begun = time.monotonic()
    a.append('audit', lines(100, 150))
    expect(time.monotonic() - begun < 1, 'a peer that answers at once is no reason to wait')
    settled([a, b], origin, 150)
    return origin, a.checkpoint(origin), copy


def backup(folder):
    """Restore: no append succeeds; recover: the same root; the next append is consistent"""
    with Nodes(folder, 'a', 'b') as (a, b):
        origin, before, copy = two_copies(a, b, folder)
        a.stop()
        put_back(a, copy)
        run('append', '--data', a.data, '--namespace', 'audit', '-', code=1, input=b'offline')
        a.start(peers=[b])
        until(lambda: guard(a)['state'] == 'recovering', 'a sees that it lacks something')
        expect(guard(a)['missing'] == 50, f'{guard(a)}')
        refused(a, 'GUARDED')
        expect(status(a)['guarded'], 'status says so')
        doctor = ask('doctor', '--data', a.data, '--quick', code=1)
        expect('E_OLD_COPY' in [one['code'] for one in doctor['findings']], 'doctor says so')
        run('node', 'confirm-latest', '--yes', '--data', a.data, code=1)
        run('log', 'recover', '--data', a.data, code=2)
        done = ask('log', 'recover', '--from-peers', '--data', a.data)
        expect(done['receipts'] == 50, f'{done}')
        expect(size(a, origin) == 150 and a.checkpoint(origin) == before, 'another root')
        expect(guard(a)['state'] == 'passed', 'the guard has passed')
        expect(a.append('audit', ['the next'])[0]['index'] == 150, 'it goes on where it was')
        settled([a, b], origin, 151)
        expect(a.checkpoint(origin) == b.checkpoint(origin), 'the next one is consistent')
        expect(status(a)['forks'] == 0 and status(b)['forks'] == 0, 'a fork came of it')
        run('log', 'recover', '--from-peers', '--data', a.data)
        a.stop()
        expect(ask('fsck', '--data', a.data)['good'], 'fsck')


def key_alone(folder):
    """Only the key is left: the node rebuilds its own logs from those who hold them"""
    with Nodes(folder, 'a', 'b') as (a, b):
        origin, before, _ = two_copies(a, b, folder)
        other = a.append('trade', lines(0, 700))[0]['origin']
        settled([a, b], other, 700)
        a.stop()
        keys = os.path.join(folder, 'keys')
        shutil.move(os.path.join(a.data, 'keys'), keys)
        shutil.rmtree(a.data)
        os.mkdir(a.data, 0o700)
        shutil.move(keys, os.path.join(a.data, 'keys'))
        a.start(peers=[b])
        until(lambda: guard(a)['state'] == 'recovering', 'an empty directory is no new node')
        refused(a, 'GUARDED')
        ask('log', 'recover', '--from-peers', '--data', a.data)
        expect(size(a, origin) == 150 and a.checkpoint(origin) == before, 'audit is as it was')
        expect(size(a, other) == 700 and a.checkpoint(other) == b.checkpoint(other), 'trade too')
        expect(a.append('audit', ['on'])[0]['index'] == 150, 'it goes on')
        a.stop()
        expect(ask('fsck', '--data', a.data)['good'], 'fsck')


def nobody_there(folder):
    """Nobody answers: read-only, saying whom it waits for, until the operator gives his word"""
    if 'TALLY_LONG' not in os.environ:
        return 'skip: it waits for a minute; tools/test --long'
    with Nodes(folder, 'a', 'b') as (a, b):
        origin, _, copy = two_copies(a, b, folder)
        a.stop()
        b.stop()
        put_back(a, copy)
        a.start(peers=[b])
        expect(guard(a) == {'state': 'asking', 'waits_for': [b.about['peer_id']], 'missing': 0},
               f'{guard(a)}')
        run('log', 'recover', '--from-peers', '--data', a.data, code=1)
        begun = time.monotonic()
        refused(a, 'UNCONFIRMED')   # It waits as long as somebody may still answer.
        expect(50 < time.monotonic() - begun < 70, 'a minute')
        expect(guard(a)['state'] == 'waiting', f'{guard(a)}')
        warnings = status(a)['warnings']
        expect(any(b.about['peer_id'] in one for one in warnings), f'{warnings}')
        run('node', 'confirm-latest', '--data', a.data, code=2)
        said = ask('node', 'confirm-latest', '--yes', '--data', a.data, '--note', 'b is gone')
        expect(said['confirmed'], f'{said}')
        statement = ask('receipt', 'show', '--data', a.data, said['receipt'])
        expect(statement['type'] == 'fed_confirm', f'{statement}')
        expect(a.append('audit', ['on'])[0]['index'] == 100, 'it goes on')
        expect(not ask('node', 'confirm-latest', '--yes', '--data', a.data)['confirmed'], 'once')
        # It was wrong: what b holds contradicts it, and that comes out.
        until(lambda: size(a, origin) == 101, 'sealed')
        b.start(peers=[a])
        stopped_by_a_fork(a)


def stopped_by_a_fork(node):
    """It ends by itself, with exit code 6, and leaves evidence that proves itself."""
    try:
        code = node.process.wait(30)
    except subprocess.TimeoutExpired as error:
        raise Failed('it runs on') from error
    said = node.process.stdout.read().decode() + node.said()
    node.process.stdout.close()
    node.process = None
    expect(code == 6, f'exit code {code}: {said[-300:]}')
    expect('contradict' in said, said[-300:])
    forks = os.listdir(os.path.join(node.data, 'forks'))
    expect(len(forks) == 1, f'{forks}')
    run('fork', 'check', os.path.join(node.data, 'forks', forks[0]), code=6)


def went_its_own_way(folder):
    """What peers hold contradicts the directory: exit code 6, and evidence that stands by itself"""
    with Nodes(folder, 'a', 'b') as (a, b):
        _, _, copy = two_copies(a, b, folder)
        a.stop()
        put_back(a, copy)
        run('node', 'confirm-latest', '--yes', '--data', a.data)   # A lie: b holds 150.
        run('append', '--data', a.data, '--namespace', 'audit', '-', input=b'another 101st')
        a.start(peers=[b])
        stopped_by_a_fork(a)


def killed(folder):
    """kill -9 while it recovers, again and again: in the end all of it is there"""
    with Nodes(folder, 'a', 'b') as (a, b):
        copy = os.path.join(folder, 'copy')
        b.start()
        a.start(peers=[b])
        origin = a.append('audit', lines(0, 300))[0]['origin']
        settled([a, b], origin, 300)
        a.stop()
        shutil.copytree(a.data, copy)
        a.start(peers=[b])
        a.append('audit', lines(300, 12000))
        settled([a, b], origin, 12000)
        before = a.checkpoint(origin)
        a.stop()
        put_back(a, copy)
        for life in range(6):
            a.start(peers=[b])
            until(lambda: guard(a)['state'] == 'recovering', 'it asks anew')
            with subprocess.Popen([TALLY, 'log', 'recover', '--from-peers', '--data', a.data],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
                time.sleep(0.02 + 0.03 * life)
                a.stop(signal.SIGKILL)
            expect(size(a, origin) in (300, 12000), f'{size(a, origin)}')
            if size(a, origin) == 12000:
                break
        a.start(peers=[b])
        until(lambda: guard(a)['state'] in ('recovering', 'passed'), 'it asks anew')
        ask('log', 'recover', '--from-peers', '--data', a.data)
        expect(a.checkpoint(origin) == before, 'the same root')
        a.stop()
        expect(ask('fsck', '--data', a.data)['good'], 'fsck')


def never_anybody(folder):
    """Who never knew anybody, or wrote nothing, passes at once; so does a copy of it"""
    with Nodes(folder, 'a', 'b') as (a, b):
        a.append('audit', lines(0, 3))
        a.start()
        expect(guard(a)['state'] == 'passed', 'no peer')
        a.stop()
        shutil.copytree(a.data, os.path.join(folder, 'copy'))
        put_back(a, os.path.join(folder, 'copy'))
        a.append('audit', lines(3, 5))
        b.start(peers=[])
        expect(guard(b)['state'] == 'passed', 'nothing written')
        b.stop()
        a.start()
        b.start(peers=[a])
        expect(guard(b)['state'] == 'passed', 'an empty log')


if __name__ == '__main__':
    tell([backup, key_alone, never_anybody, went_its_own_way, killed, nobody_there])
