#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys that end: revoked, handed over, recovered, between real processes."""
import os
import shutil
import signal
import subprocess

from nodes import TALLY, Nodes, ask, expect, run, same, tell, until


def key(node, verb, *words, **options):
    return ask('key', verb, '--data', node.data, *words, **options)


def key_of(node):
    verb = 'show' if os.path.exists(os.path.join(node.data, 'keys')) else 'init'
    return ask('node', verb, '--data', node.data)['node']


def federation(node, verb, *words, **options):
    return ask('federation', verb, '--data', node.data, *words, **options)


def rejected(node, reason):
    return ask('status', '--data', node.data)['rejected'].get(reason, 0)


def linked(node, did):
    return any(peer['state'] == 'linked' and peer['peer'] == did
               for peer in ask('peers', '--data', node.data)['items'])


def refuses(node, did):
    return federation(node, 'show', did)['may']['link'] == 'revoked'


def holds(node, did, name_space='audit'):
    log = node.logs().get(f'{did}/{name_space}')
    return log['size'] if log else 0


def revoked_by_itself(folder):
    """All refuse the key at once, its logs stay good; a thief's copy gets nowhere"""
    with Nodes(folder, 'a', 'b', 'c', 'd') as (a, b, c, d):
        a.start()
        for node in (b, c):
            node.start(peers=[a])
        origin = b.append('audit', ['one', 'two'])[0]['origin']
        same([a, b, c], origin, 2)
        old = key_of(b)
        copy = os.path.join(folder, 'copy')
        b.stop()
        shutil.copytree(b.data, copy)
        b.start(peers=[a])
        until(lambda: linked(a, old), 'it is back')
        said = key(b, 'revoke', '--reason', 'compromised', '--yes')
        expect(said['reason'] == 'compromised' and said['key'] == old, f'{said}')
        for node in (a, c):
            until(lambda node=node: refuses(node, old), 'all have heard of it')
        until(lambda: not linked(a, old), 'the link is over')
        run('append', '--data', b.data, '--namespace', 'audit', '-', code=1, input=b'three')
        b.stop()
        # Nobody was to take over, and nobody else can tell that another key did.
        refused(b, 1, 'not the key that it named', 'rotate', '--yes')
        expect(key_of(b) == old, 'another key took over')
        # The thief goes on with what he copied.
        shutil.rmtree(d.data, ignore_errors=True)
        shutil.copytree(copy, d.data)
        d.start(peers=[a, c])
        # Nobody tells it how far its logs had got, so he has to swear that this is the latest copy.
        run('node', 'confirm-latest', '--yes', '--data', d.data)
        d.append('audit', ['stolen'])
        until(lambda: rejected(a, 'revoked') > 0, 'the thief is counted')
        mark = a.append('mark', ['x'])[0]['origin']
        same([a, c], mark, 1)
        expect(holds(a, old) == 2 and holds(c, old) == 2, 'the thief was heard')
        expect(not linked(a, old) and not linked(c, old), 'the thief has a link')
        # What it said until then is good, and goes on to others.
        d.stop()
        shutil.rmtree(d.data)
        d.start(peers=[a])
        same([a, c, d], origin, 2)
        until(lambda: refuses(d, old), 'who comes later is told')
        # Over a restart, and without anybody who tells it.
        for node in (a, c, d):
            node.stop()
        c.start()
        expect(refuses(c, old), 'it was forgotten')
        expect(ask('fsck', '--data', a.data)['good'], 'fsck')


def rotated(folder):
    """Peers go on with the successor at the same level; who was away learns it at its start"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        for one, other in ((a, b), (b, a), (c, b), (c, a), (a, c), (b, c)):
            federation(one, 'admit', key_of(other), '--level', 'verify')
        a.start()
        b.start(peers=[a])
        c.start(peers=[a, b])
        origin = b.append('audit', ['one'])[0]['origin']
        same([a, b, c], origin, 1)
        c.stop()
        old = key_of(b)
        said = key(b, 'rotate', '--yes')
        expect(said['restart'] and said['succeeds'] == old, f'{said}')
        until(lambda: refuses(a, old), 'a has heard of it')
        b.stop()
        b.start(peers=[a])
        new = key_of(b)
        expect(new == said['key'] and new != old, 'another key')
        until(lambda: linked(a, new), 'the successor is linked')
        show = federation(a, 'show', new)
        expect(show['may']['state'] is True and show['succeeds'] == old, f'{show}')
        origin = b.append('audit', ['two'])[0]['origin']
        same([a, b], origin, 1)
        expect(holds(b, old) == 1 and holds(a, old) == 1, 'the old log is gone')
        expect(len(federation(b, 'list')['items']) == 2, 'the successor forgot whom it trusts')
        shown = ask('receipt', 'list', '--data', b.data, f'{new}/federation')['items']
        expect(shown[0]['type'] == 'fed_succeed', f'{shown}')
        c.start(peers=[a, b])
        same([a, b, c], origin, 1)
        expect(refuses(c, old), 'who was away was not told')
        # Once more, where no node runs.
        b.stop()
        again = key(b, 'rotate', '--yes')
        expect(not again['restart'] and again['succeeds'] == new, f'{again}')
        b.start(peers=[a])
        until(lambda: linked(a, again['key']), 'the next one is linked')
        expect(key(b, 'show')['succeeds'] == [new, old], 'the line of keys')


def copied(folder):
    """A copy made between a key's end and its last seal is sealed, and the successor goes on"""
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        b.start(peers=[a])
        origin = b.append('audit', ['one'])[0]['origin']
        same([a, b], origin, 1)
        old = key_of(b)
        b.append('audit', ['two'])
        revoked = os.path.join(b.data, 'revoked')
        with subprocess.Popen([TALLY, 'key', 'rotate', '--yes', '--data', b.data],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as rotation:
            until(lambda: os.path.isdir(revoked) and os.listdir(revoked), 'the key has ended')
            b.process.send_signal(signal.SIGSTOP)
            rotation.kill()
        copy = os.path.join(folder, 'copy')
        shutil.copytree(b.data, copy, ignore=shutil.ignore_patterns('*.sock'))
        b.stop(signal.SIGKILL)
        shutil.rmtree(b.data)
        os.rename(copy, b.data)
        expect(f'{old}/federation' not in b.logs() or not b.has(f'{old}/federation', 1),
               'the copy came too late')
        b.start(peers=[a])
        until(lambda: b.has(origin, 2) and b.has(f'{old}/federation', 1), 'it is sealed')
        expect(ask('status', '--data', b.data)['guard']['state'] == 'passed', 'the guard')
        new = key(b, 'rotate', '--yes')['key']
        b.stop()
        b.start(peers=[a])
        until(lambda: linked(a, new), 'the successor is linked')
        until(lambda: holds(a, old) == 2, 'what the old key wrote last comes to others')


def recovered(folder):
    """A thief with the key cannot hand it on; the recovery key takes it back, from another node"""
    with Nodes(folder, 'a', 'b') as (a, b):
        for one, other in ((a, b), (b, a)):
            federation(one, 'admit', key_of(other), '--level', 'verify')
        file, secret = os.path.join(folder, 'recovery'), os.path.join(folder, 'passphrase')
        with open(secret, 'w', encoding='ascii') as out:
            out.write('correct horse\n')
        a.start()
        b.start(peers=[a])
        said = key(b, 'recovery', '--out', file, '--passphrase-file', secret)
        expect(os.stat(file).st_mode & 0o777 == 0o600, 'its mode')
        old = key_of(b)
        until(lambda: holds(a, old, 'federation') >= 2, 'a knows the recovery key')
        expect(key(b, 'show')['recovery'] == said['recovery'], 'show')
        expect('alone names a successor' in run('key', 'rotate', '--data', b.data, '--yes',
                                                code=2)[1], 'rotated without it')
        rotate = ['rotate', '--yes', '--recovery', file]
        expect('has a passphrase' in run('key', *rotate, '--data', b.data, code=1)[1], 'sealed')
        done = key(b, *rotate, '--passphrase-file', secret)
        b.stop()
        b.start(peers=[a])
        until(lambda: linked(a, done['key']), 'the successor is linked')
        expect(federation(a, 'show', done['key'])['succeeds'] == old, 'at the same level')
        # A stolen key without any successor: revoked on another node, by a file.
        other = os.path.join(folder, 'other')
        key(b, 'recovery', '--out', other)
        new = key_of(b)
        origin = b.append('audit', ['one', 'two', 'stolen'])[0]['origin']
        same([a, b], origin, 3)
        key(a, 'revoke', '--recovery', other, '--size', 'audit=2', '--reason', 'compromised',
            '--yes')
        until(lambda: refuses(a, new), 'a refuses it')
        until(lambda: run('append', '--data', b.data, '--namespace', 'audit', '-', code=None,
                          input=b'x')[1].find('revoked') >= 0, 'its own node ends too')
        shown = ask('receipt', 'show', '--data', a.data, f'{new}/audit', '2')
        expect(shown['revoked'] is True, f'{shown}')
        shown = ask('receipt', 'show', '--data', a.data, f'{new}/audit', '1')
        expect(shown['revoked'] is False, f'{shown}')


def refused(node, code, part, *words):
    _, said = run('key', *words, '--data', node.data, code=code)
    lines = said.splitlines()
    expect(part in lines[0] and lines[1:] in ([], [f'tally: see tally key {words[0]} --help']),
           f'{words}: {said}')
    error = ask('key', *words, '--data', node.data, code=code)
    expect(error['schema'] == 'tally/error/1' and error['exit'] == code, f'{error}')


def mistakes(folder):
    """Each mistake has its sentence and its exit code; export and import give the same node"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        refused(a, 4, 'is not a data directory', 'show')
        refused(a, 4, 'is not a data directory', 'rotate', '--yes')
        own = key_of(a)
        file = os.path.join(folder, 'file')
        key(a, 'export', file)
        expect(os.stat(file).st_mode & 0o777 == 0o600, 'its mode')
        refused(a, 1, 'there is such a file already', 'export', file)
        refused(a, 1, 'there is such a file already', 'import', file)
        expect(key(b, 'import', file)['key'] == own, 'another key')
        garbage = os.path.join(folder, 'garbage')
        with open(garbage, 'w', encoding='ascii') as out:
            out.write('garbage\n')
        os.chmod(garbage, 0o600)
        refused(c, 1, 'is not an Ed25519 key', 'import', garbage)
        refused(c, 4, 'No such file', 'import', os.path.join(folder, 'nothing'))
        refused(a, 2, '--yes', 'rotate')
        refused(a, 2, '--yes', 'revoke')
        refused(a, 2, 'is no reason', 'revoke', '--yes', '--reason', 'why')
        refused(a, 2, '--size goes with --recovery', 'revoke', '--yes', '--size', 'a=1')
        refused(a, 2, '--out FILE', 'recovery')
        refused(a, 4, 'No such file', 'revoke', '--yes', '--recovery', garbage + 'x')
        refused(a, 1, 'is no recovery key', 'revoke', '--yes', '--recovery', garbage)
        recovery = os.path.join(folder, 'recovery')
        key(a, 'recovery', '--out', recovery, '--passphrase-file', garbage)
        refused(a, 1, 'keeps it', 'recovery', '--out', recovery + '2')
        with open(file, 'w', encoding='ascii') as out:
            out.write('another\n')
        refused(a, 5, 'is not that of', 'rotate', '--yes', '--recovery', recovery,
                '--passphrase-file', file)
        refused(a, 2, 'is no size', 'revoke', '--yes', '--recovery', recovery,
                '--passphrase-file', garbage, '--size', 'audit')
        os.chmod(recovery, 0o644)
        refused(a, 1, 'chmod 600', 'revoke', '--yes', '--recovery', recovery)
        os.chmod(recovery, 0o600)
        expect(key(a, 'show')['revoked'] is False, 'a mistake revoked it')
        key_of(c)
        refused(c, 5, 'of another identity', 'rotate', '--yes', '--recovery', recovery,
                '--passphrase-file', garbage)
        key(a, 'revoke', '--yes', '--reason', 'retired', '--note', 'the end')
        refused(a, 1, 'revoked', 'revoke', '--yes')
        said = key(a, 'show')
        expect(said['revoked'] and said['reason'] == 'retired', f'{said}')


if __name__ == '__main__':
    tell([revoked_by_itself, rotated, copied, recovered, mistakes])
