#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which proposals a party answers: what its policy refuses is rejected by the node itself, with the
reason, and not proposed again by who knows the policy."""
from agreements import active, federation, key_of, proposal, proposals, propose, strict, waits
from nodes import Nodes, ask, expect, run, tell, until


def policy(node, *words):
    return federation(node, 'policy', *words)


def rejected(node, name, reason):
    said = until(lambda: (lambda one: one if one and one['state'] == 'rejected' else None)(
        proposal(node, name)), f'{name[:8]} is rejected')
    expect(said['refusal']['reason'] == reason, f'{said["refusal"]}')
    shown = run('proposals', 'show', '--data', node.data, name)[0]
    expect(f'because      {said["refusal"]["text"]}' in shown, shown)


def known(node, other, **members):
    """The node holds what the other stated of its policy."""
    def stated():
        said = federation(node, 'show', key_of(other))['policy']
        return said and all(said[name] == value for name, value in members.items())
    until(stated, f'{members} is known')


def refused(node, other, text, *words):
    err = run('propose', '--data', node.data, '--target', key_of(other), *words, code=1)[1]
    expect(text in err and err.count('\n') == 1, err)


def below_closed_and_one_sided(folder):
    """Below the level, closed, one-sided: rejected by itself, and said beforehand"""
    with Nodes(folder, 'a', 'b') as (a, b):
        strict(a, b)
        said = policy(b, '--min-level', 'verify', '--mutual', 'yes')
        expect(said['min_level'] == 'verify' and said['requires_mutual'] and
               said['accepts_proposals'] and said['stated'], f'{said}')
        a.start()
        b.start(peers=[a])
        low = propose(a, b, '--trust-level', 'observe', '--scrolls', 'audit')
        rejected(a, low, 'level')
        rejected(b, low, 'level')
        known(a, b, min_level='verify')
        refused(a, b, 'below the least level that is accepted, which is verify', '--trust-level',
                '1', '--scrolls', 'audit')
        refused(a, b, 'both are to', '--trust-level', '2', '--scrolls', 'audit', '--shares', 'ours')
        # Who does not know it yet is told by the rejection: as another node than ours would ask.
        policy(b, '--mutual', 'no')
        known(a, b, requires_mutual=False)
        one_sided = propose(a, b, '--trust-level', '2', '--scrolls', 'audit', '--shares', 'ours')
        waits(b, one_sided)
        # A policy that becomes stricter is applied to what stands open.
        policy(b, '--mutual', 'yes')
        rejected(a, one_sided, 'one_sided')
        policy(b, '--accept-proposals', 'no')
        known(a, b, accepts_proposals=False)
        refused(a, b, 'proposals are not accepted', '--trust-level', '3', '--scrolls', 'audit')
        counts = policy(b)['rejected']
        expect(counts['level'] == 1 and counts['one_sided'] == 1 and counts['closed'] == 0,
               f'{counts}')
        # Closed to others, b proposes itself, and takes the counter to that.
        own = propose(b, a, '--trust-level', 'verify', '--scrolls', 'audit')
        waits(a, own)
        counter = proposals(a, 'counter', own, '--trust-level', 'attest')['proposal_id']
        waits(b, counter)
        proposals(b, 'accept', counter)
        until(lambda: active(a) and active(b), 'agreed')
        table = run('federation', 'list', '--data', a.data)[0]
        expect('active attest' in table and 'closed' in table, table)
        listed = federation(a, 'list')
        (item,) = [one for one in listed['items'] + listed['strangers']
                   if one['party'] == key_of(b)]
        expect(item['agreement']['state'] == 'active' and item['agreement']['level'] == 'attest' and
               item['proposal'] is None and not item['policy']['accepts_proposals'], f'{item}')


def one_side_shares(folder):
    """What one side shares the other reads, and nothing comes back"""
    with Nodes(folder, 'a', 'b') as (a, b):
        strict(a, b)
        a.start()
        b.start(peers=[a])
        mine = a.append('audit', ['one', 'two'])[0]['origin']
        yours = b.append('audit', ['three'])[0]['origin']
        offer = propose(a, b, '--trust-level', 'observe', '--scrolls', 'audit', '--shares', 'ours')
        waits(b, offer)
        shown = run('proposals', 'show', '--data', b.data, offer)[0]
        expect('shared by    proposer' in shown, shown)
        proposals(b, 'accept', offer)
        until(lambda: active(a) and active(b), 'agreed')
        until(lambda: b.logs().get(mine, {}).get('size') == 2, 'b reads what a shares')
        a.append('audit', ['four'])
        until(lambda: b.logs()[mine]['size'] == 3, 'and goes on')
        expect(yours not in a.logs(), 'a reads what b does not share')


def mistakes_get_a_sentence(folder):
    """Wrong words: one sentence, and the right exit code"""
    with Nodes(folder, 'a') as (a,):
        ask('node', 'init', '--data', a.data)
        for words, code, text in (
                (('--accept-proposals', 'maybe'), 2, 'neither yes nor no'),
                (('--mutual', '1'), 2, 'neither yes nor no'),
                (('--min-level', 'isolated'), 2, 'no trust level'),
                (('--min-level', '5'), 2, 'no trust level'),
                (('--note', 'x'), 2, '--note goes with')):
            err = run('federation', 'policy', '--data', a.data, *words, code=code)[1]
            expect(text in err and err.count('\n') <= 2, f'{words}: {err}')
        expect('nothing was stated' in run('federation', 'policy', '--data', a.data)[0], 'unsaid')
        run('federation', 'policy', '--data', a.data, '--min-level', '3')
        err = run('federation', 'policy', '--data', a.data, '--min-level', 'attest', code=1)[1]
        expect('is so already' in err, err)
        key = 'did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH'
        err = run('propose', '--data', a.data, '--target', key, '--scrolls', 'x', '--shares', 'all',
                  code=2)[1]
        expect('none of both, ours, theirs' in err, err)


if __name__ == '__main__':
    tell([below_closed_and_one_sided, one_side_shares, mistakes_get_a_sentence])
