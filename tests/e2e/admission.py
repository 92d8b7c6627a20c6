#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whom a node admits, and what it lets them: between real processes, while they run and before."""
import os
import shutil

from nodes import Nodes, ask, expect, run, same, tell, until

STRANGER = '12D3KooWGRYZDHBembyGJQqQ6WgLqJWYNjnECJwGBnCg8vbCeo8F'


def key_of(node):
    """The key of a node that may not have run yet."""
    verb = 'show' if os.path.exists(os.path.join(node.data, 'keys')) else 'init'
    return ask('node', verb, '--data', node.data)['node']


def federation(node, verb, *words, **options):
    return ask('federation', verb, '--data', node.data, *words, **options)


def rejected(node, reason):
    return ask('status', '--data', node.data)['rejected'].get(reason, 0)


def linked(node, other):
    return any(peer['state'] == 'linked' and peer['peer'] == key_of(other)
               for peer in ask('peers', '--data', node.data)['items'])


def holds(node, issuer, name_space='audit'):
    """Receipts of an issuer that a node has under a checkpoint."""
    log = node.logs().get(f'{key_of(issuer)}/{name_space}')
    return log['size'] if log else 0


def settles(node, other, rounds=3):
    """A good while for something that must not happen: as long as other news goes round."""
    for number in range(rounds):
        mark = node.append('mark', [f'{number}'])[0]
        until(lambda: other.has(mark['origin'], mark['index'] + 1), 'news goes round')


def reads(node, receipt, party):
    """A statement can be read by people and programs, not only by nodes"""
    shown = ask('receipt', 'show', '--data', node.data, receipt)['statement']
    expect(shown == {'party': party, 'level': 'verify', 'roles': ['announce', 'serve', 'request'],
                     'note': 'the b people'}, f'{shown}')
    lines = run('receipt', 'show', '--data', node.data, receipt)[0].splitlines()
    expect('  level            verify' in lines, f'{lines}')


def strict_from_the_first_line(folder):
    """Who is admitted federates; a stranger gets nothing, is counted, and let in when admitted"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        said = federation(a, 'admit', key_of(b), '--level', 'verify', '--note', 'the b people')
        expect(said['strict'] and said['mode'] == 'unsaid' and said['index'] == 0, f'{said}')
        reads(a, said['receipt'], key_of(b))
        a.start()
        b.start(peers=[a])
        c.start(peers=[a])
        origin = a.append('audit', ['one', 'two'])[0]['origin']
        same([a, b], origin, 2)
        until(lambda: rejected(a, 'unadmitted') > 0, 'the stranger is counted')
        settles(a, b)
        expect(not linked(a, c) and not linked(c, a), 'a stranger has a link')
        expect(holds(c, a) == 0, 'a stranger has receipts')
        expect(federation(a, 'show', key_of(c))['may']['link'] == 'unadmitted', 'show says why')
        federation(a, 'admit', key_of(c))
        until(lambda: linked(a, c), 'who is admitted is linked')
        same([a, c], origin, 2)


def withdrawn_while_it_runs(folder):
    """A withdrawal ends link and streams at once, and holds over a restart; so does coming back"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        for node in (b, c):
            federation(a, 'admit', key_of(node))
        a.start()
        for node in (b, c):
            node.start(peers=[a])
        same([a, b, c], a.append('audit', ['one'])[0]['origin'], 1)
        said = federation(a, 'withdraw', key_of(b))
        expect(said['state'] == 'withdrawn' and said['strict'], f'{said}')
        until(lambda: not linked(a, b) and not linked(b, a), 'both ends see that it is over')
        origin = a.append('audit', ['two'])[0]['origin']
        same([a, c], origin, 2)
        a.stop()
        a.start()
        a.append('audit', ['three'])
        same([a, c], origin, 3)
        until(lambda: rejected(a, 'withdrawn') > 0, 'it is counted')
        expect(holds(b, a) == 1, 'what was withdrawn still gets receipts')
        federation(a, 'admit', key_of(b), '--level', 'observe')
        same([a, b], origin, 3)


def each_role(folder):
    """announce, serve, request: without a role the peer may all but that, and is told so"""
    with Nodes(folder, 'a', 'b', 'c', 'd') as (a, b, c, d):
        federation(a, 'admit', key_of(b), '--roles', 'serve,request')   # Its logs are not taken.
        federation(a, 'admit', key_of(c), '--roles', 'announce,request')  # Nothing is pulled.
        federation(a, 'admit', key_of(d), '--roles', 'announce,serve')  # It gets nothing.
        a.start()
        for node in (b, c, d):
            node.start(peers=[a])
        mine = a.append('audit', ['of a'])[0]['origin']
        for node in (b, c, d):
            node.append('audit', ['of its own'])
        same([a, b, c], mine, 1)
        until(lambda: holds(a, d) == 1, 'who announces and serves is fetched')
        until(lambda: rejected(a, 'role') > 2, 'out of role is counted')
        settles(a, b, 2)
        expect(holds(a, b) == 0, 'a log was taken of one that may not announce')
        expect(holds(a, c) == 0, 'a log was pulled from one that may not serve')
        expect(holds(d, a) == 0, 'a log was given to one that may not request')
        # Another role, and what lay there comes.
        federation(a, 'level', key_of(b), 'observe', '--roles', 'announce,serve,request')
        until(lambda: holds(a, b) == 1, 'a role that was given counts at once')


def each_level(folder):
    """observe sees receipts and no statements, verify signs; isolated has no link at all"""
    with Nodes(folder, 'a', 'b', 'c', 'd') as (a, b, c, d):
        federation(a, 'admit', key_of(b), '--level', 'observe')
        federation(a, 'admit', key_of(c), '--level', 'verify')
        federation(a, 'admit', key_of(d), '--level', 'isolated')
        a.start()
        for node in (b, c, d):
            node.start(peers=[a])
        origin = a.append('audit', ['one'])[0]['origin']
        same([a, b, c], origin, 1)
        until(lambda: holds(c, a, 'federation') >= 3, 'who verifies sees the statements')
        until(lambda: ask('status', '--data', a.data)['confirms'] > 0, 'and signs what it got')
        theirs = ask('federation', 'list', '--data', c.data, '--of', key_of(a))
        expect(theirs['hash'] == federation(a, 'list')['hash'], 'another machine folds otherwise')
        expect(holds(b, a, 'federation') == 0, 'who observes sees statements')
        expect(not linked(a, d) and holds(d, a) == 0, 'who is isolated has a link')
        until(lambda: rejected(a, 'level') > 0, 'it is counted')
        federation(a, 'level', key_of(d), 'observe')
        same([a, d], origin, 1)
        federation(a, 'level', key_of(b), 'verify')
        until(lambda: holds(b, a, 'federation') >= 3, 'a level that was raised counts at once')
        federation(a, 'level', key_of(c), 'isolated')
        until(lambda: not linked(c, a), 'a level that was lowered counts at once')


def third_parties(folder):
    """A log of a third party passes only if its issuer is admitted, or the bringer integrates"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        b.start()
        c.start(peers=[b])
        federation(a, 'admit', key_of(b), '--level', 'verify')
        a.start(peers=[b])
        c.append('audit', ['of a third party'])
        until(lambda: holds(b, c) == 1, 'b holds it')
        until(lambda: linked(a, b), 'a is linked')
        settles(b, a)
        until(lambda: rejected(a, 'unadmitted') > 0, 'it is counted')
        expect(holds(a, c) == 0, 'a took what nobody admitted')
        federation(a, 'level', key_of(b), 'integrate')
        until(lambda: holds(a, c) == 1, 'a mirror may bring it')


def named_and_not_admitted(folder):
    """Whom --peer names and nobody admits is not dialled; doctor says so, and what to do"""
    with Nodes(folder, 'a', 'b') as (a, b):
        b.start()
        federation(a, 'admit', STRANGER)
        a.start(peers=[b])

        def finding():
            found = ask('doctor', '--data', a.data, '--quick', code=None)['findings']
            return [one for one in found if one['code'] == 'E_PEER_REFUSED']
        said = until(finding, 'doctor says why')[0]
        expect('nobody admitted' in said['message'] and 'federation admit' in said['remedy'],
               f'{said}')
        expect(ask('status', '--data', b.data)['traffic']['datagrams_in'] == 0, 'it was dialled')
        federation(a, 'admit', key_of(b))
        until(lambda: linked(a, b), 'an admission is followed at once')


def open_again(folder):
    """An open mesh is as it was; whom one puts aside is alone; strangers come back by a word"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        a.start()
        for node in (b, c):
            node.start(peers=[a])
        origin = a.append('audit', ['one'])[0]['origin']
        same([a, b, c], origin, 1)
        said = federation(a, 'admit', key_of(b), '--level', 'isolated')
        expect(not said['strict'], 'putting one aside shut out all')
        a.append('audit', ['two'])
        same([a, c], origin, 2)
        expect(holds(b, a) == 1 and not linked(a, b), 'who was put aside stays')
        expect(federation(a, 'mode', 'strict')['strict'], 'strict')
        until(lambda: not linked(a, c), 'strangers are out')
        expect(not federation(a, 'mode', 'open')['strict'], 'open')
        a.append('audit', ['three'])
        same([a, c], origin, 3)
        status = ask('status', '--data', a.data)['trust']
        expect(status['hash'] == federation(a, 'list')['hash'], f'{status}')
        expect(status['mode'] == 'open' and status['parties'] == 1, f'{status}')


def replayed_elsewhere(folder):
    """A copy of the directory folds to the same state; a statement is a receipt like others"""
    with Nodes(folder, 'a', 'b') as (a, b):
        for verb in (['admit', STRANGER, '--level', 'attest', '--note', 'x'],
                     ['level', STRANGER, 'observe', '--roles', 'none'], ['withdraw', STRANGER],
                     ['admit', key_of(b)], ['mode', 'open']):
            federation(a, *verb)
        copy = os.path.join(folder, 'copy')
        shutil.copytree(a.data, copy)
        here, there = federation(a, 'list'), ask('federation', 'list', '--data', copy)
        expect(here == there and len(here['items']) == 2, f'{here} {there}')
        expect(ask('fsck', '--data', a.data)['good'], 'fsck')
        shown = ask('receipt', 'list', '--data', a.data, 'federation')
        expect([item['type'] for item in shown['items']] ==
               ['fed_admit', 'fed_level', 'fed_withdraw', 'fed_admit', 'fed_mode'], f'{shown}')
        federation(a, 'mode', 'strict')
        expect(federation(a, 'list')['hash'] != here['hash'], 'another state, the same hash')


def refused(node, code, part, *words):
    """What is refused changes nothing, and one sentence says why; with --json an object does."""
    _, said = run('federation', *words, '--data', node.data, code=code)
    lines = said.splitlines()
    help_too = [f'tally: see tally federation {words[0]} --help']
    expect(part in lines[0] and lines[1:] in ([], help_too),
           f'{words}: {said}')
    error = ask('federation', *words, '--data', node.data, code=code)
    expect(error['schema'] == 'tally/error/1' and error['exit'] == code, f'{error}')


def mistakes(folder):
    """Each mistake has its sentence and its exit code, with and without a running node"""
    with Nodes(folder, 'a') as (a,):
        refused(a, 4, 'is not a data directory', 'list')
        refused(a, 4, 'is not a data directory', 'withdraw', STRANGER)
        own = key_of(a)
        federation(a, 'admit', STRANGER)
        for running in (False, True):
            if running:
                a.start()
            before = federation(a, 'list')
            refused(a, 2, 'is no party', 'admit', 'somebody')
            refused(a, 2, 'is no party', 'show', 'did:key:z6Mk')
            refused(a, 2, 'is this node itself', 'admit', own)
            refused(a, 2, 'is no level', 'admit', own, '--level', 'trusted')
            refused(a, 2, 'are no roles', 'admit', own, '--roles', 'all')
            refused(a, 2, 'is no level', 'level', STRANGER, 'best')
            refused(a, 2, 'at most 120 bytes', 'withdraw', STRANGER, '--note', 'x' * 121)
            refused(a, 2, 'is no mode', 'mode', 'closed')
            refused(a, 1, 'admitted already', 'admit', STRANGER)
            refused(a, 4, 'never admitted', 'withdraw',
                    '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp')
            expect(federation(a, 'list') == before, 'a refused statement changed something')
        federation(a, 'withdraw', STRANGER[:20])
        refused(a, 4, 'was withdrawn', 'level', STRANGER, 'observe')
        federation(a, 'mode', 'open')
        refused(a, 1, 'is open already', 'mode', 'open')
        run('append', '--data', a.data, '--namespace', 'federation', '-', code=2, input=b'x')


if __name__ == '__main__':
    tell([strict_from_the_first_line, withdrawn_while_it_runs, each_role, each_level,
          third_parties, named_and_not_admitted, open_again, replayed_elsewhere, mistakes])
