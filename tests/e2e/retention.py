#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Retention between real processes: what was agreed on is kept so long, and proved for ever."""
import os
import signal

from agreements import active, holds, key_of, proposals, propose, strict, terms, waits
from nodes import Nodes, ask, expect, run, same, tell, until

DAYS = 40
SHIM = os.path.join(os.path.dirname(os.environ.get('TALLY') or
                                    os.path.join(os.environ.get('TALLY_BUILD', 'build'), 'tally')),
                    'tests', 'e2e', 'another_day.so')


def travel(days):
    """Every process that is started from now on lives so many days from today."""
    if days == 0:
        os.environ.pop('LD_PRELOAD', None)
        return
    os.environ['LD_PRELOAD'] = SHIM
    os.environ['ANOTHER_DAY'] = str(days)


def shows(node, origin, index, code=0):
    return ask('receipt', 'show', origin, str(index), '--data', node.data, code=code)


def pruned(node, origin):
    return 'body_pruned' in shows(node, origin, 0) and shows(node, origin, 0)['body_pruned']


def proved(node, issuer, origin, index, folder):
    """By a proof that is made of what is left; it needs the issuer's key and no node."""
    path = os.path.join(folder, 'x.tlog-proof')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(run('proof', 'export', '--data', node.data, origin, index)[0])
    good = ask('proof', 'check', path, '--key', key_of(issuer))
    expect(good['verdict'] == 'good' and good['index'] == index, f'{good}')


def agreed(a, b, folder):
    """40 days ago the two agreed to keep bodies for 30; a receipt small and one large came."""
    strict(a, b)
    name = propose(a, b, '--trust-level', '2', '--scrolls', 'audit', '--terms',
                   terms(folder, retention_period_days=30))
    a.start()
    b.start(peers=[a])
    waits(b, name)
    proposals(b, 'accept', name[:8])
    until(lambda: active(a) and active(b), 'both have signed')
    a.append('audit', ['old and small'])
    origin = a.append('audit', ['x' * 9000])[0]['origin']
    until(lambda: holds(b, a, 'audit') == 2, 'it flows')
    return origin


def kept_and_dropped(folder):
    """What is old is dropped by the other party, proofs hold, and a third gets what there is"""
    if not os.path.exists(SHIM):
        return 'skip: no ' + SHIM
    travel(-DAYS)
    try:
        with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
            origin = agreed(a, b, folder)
            checkpoint = b.checkpoint(origin)
            a.stop()
            b.stop()
            travel(0)
            a.start()
            b.start(peers=[a])
            a.append('audit', ['new'])
            until(lambda: holds(b, a, 'audit') == 3, 'it goes on')
            until(lambda: pruned(b, origin), 'it is pruned')
            checked(a, b, origin, folder)
            passed_on(a, b, c, origin)
            b.stop(signal.SIGKILL)
            b.start(peers=[a])
            checked(a, b, origin, folder)
            expect(checkpoint, 'there was a checkpoint')
    finally:
        travel(0)
    return None


def checked(a, b, origin, folder):
    for index in range(3):
        proved(b, a, origin, index, folder)
    said = shows(b, origin, 1)
    expect(said['body_pruned'] and 'body' not in said, f'{said}')
    expect(shows(b, origin, 2)['body'] == 'new', 'what is new was pruned')
    expect(shows(a, origin, 0)['body'] == 'old and small', 'the issuer pruned its own')
    err = run('receipt', 'show', origin, '0', '--body', '--data', b.data, code=4)[1]
    expect('pruned: the time for which' in err, err)
    expect('pruned' in run('receipt', 'show', origin, '0', '--data', b.data)[0], 'text')
    fsck = ask('fsck', '--data', b.data)
    expect(fsck['good'] and fsck['pruned'] == 2 and not fsck['problems'], f'{fsck}')
    expect('2 bodies are not kept any more' in run('fsck', '--data', b.data)[0], 'fsck says it')
    expect(ask('fsck', '--data', a.data)['pruned'] == 0, 'of its own')
    logs = [log for log in b.logs().values() if log['origin'].endswith('/federation')]
    expect(logs and all('body_pruned' not in shows(b, log['origin'], 0) for log in logs),
           'a statement was pruned')


def passed_on(a, b, c, origin):
    """The issuer is away: who pruned passes on what it has, and nobody waits for the rest."""
    key = key_of(c)
    a.stop()
    ask('federation', 'admit', key, '--level', 'verify', '--data', b.data)
    c.start(peers=[b])
    until(lambda: c.has(origin, 3), 'the third holds the log')
    same([b, c], origin, 3)
    said = shows(c, origin, 1)
    expect('body' not in said and not said['body_pruned'], f'{said}')
    expect(shows(c, origin, 2)['body'] == 'new', 'what is there comes')
    expect(ask('fsck', '--data', c.data)['good'], 'fsck of the third')
    c.stop()
    a.start()


if __name__ == '__main__':
    tell([kept_and_dropped])
