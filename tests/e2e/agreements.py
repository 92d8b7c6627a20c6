#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Agreements between real processes: how they come about, what they let pass, and how they end."""
import base64
import hashlib
import json
import os

from nodes import Nodes, ask, expect, run, same, tell, until


def key_of(node):
    verb = 'show' if os.path.exists(os.path.join(node.data, 'keys')) else 'init'
    return ask('node', verb, '--data', node.data)['node']


def federation(node, verb, *words):
    return ask('federation', verb, '--data', node.data, *words)


def propose(node, target, *words):
    return ask('propose', '--data', node.data, '--target', key_of(target), *words)['proposal_id']


def proposals(node, verb, *words, **options):
    return ask('proposals', verb, '--data', node.data, *words, **options)


def agreements(node, verb, *words, **options):
    return ask('agreements', verb, '--data', node.data, *words, **options)


def proposal(node, name):
    """One as that node sees it, or None."""
    items = [one for one in proposals(node, 'list')['items'] if one['proposal_id'] == name]
    return items[0] if items else None


def waits(node, name, state='open'):
    return until(lambda: (proposal(node, name) or {}).get('state') == state,
                 f'{name[:8]} is {state}')


def active(node):
    return [one for one in agreements(node, 'list')['items'] if one['state'] == 'active']


def holds(node, issuer, name_space):
    log = node.logs().get(f'{key_of(issuer)}/{name_space}')
    return log['size'] if log else 0


def terms(folder, **members):
    path = os.path.join(folder, 'terms.json')
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(members, file)
    return path


def strict(a, b):
    """Two that let strangers do nothing; b would hear what a states, and nothing more."""
    federation(a, 'mode', 'strict')
    federation(b, 'admit', key_of(a), '--roles', 'announce,serve')
    return a, b


def negotiated(folder):
    """Propose, counter twice, accept: the shared namespace flows, others do not; revoke ends it"""
    with Nodes(folder, 'a', 'b') as (a, b):
        strict(a, b)
        first = propose(a, b, '--trust-level', '2', '--scrolls', 'audit', '--expires', '1h')
        a.start()
        b.start(peers=[a])
        for node in (a, b):
            node.append('audit', ['one'])
            node.append('drills', ['one'])
            node.append('secret', ['one'])
        waits(b, first)
        expect(holds(b, a, 'audit') == 0 and holds(a, b, 'audit') == 0, 'shared too soon')
        second = proposals(b, 'counter', first[:8], '--scrolls', 'drills,audit')['proposal_id']
        waits(a, second)
        expect(proposal(a, first)['state'] == 'countered', f'{proposal(a, first)}')
        third = proposals(a, 'counter', second[:8], '--terms', terms(
            folder, verification_frequency='hourly', retention_period_days=180,
            data_jurisdiction='EU', audit_rights=True,
            dispute_resolution='arbitration_zurich'))['proposal_id']
        waits(b, third)
        seen = proposal(b, third)
        expect(seen['previous'] == second, f'{seen}')
        expect(seen['proposed_terms']['scrolls_to_share'] == ['audit', 'drills'], f'{seen}')
        expect(seen['proposed_terms']['verification_frequency'] == 'hourly', f'{seen}')
        proposals(b, 'accept', third[:8])
        until(lambda: active(a) and active(b), 'both have signed')
        for one, other in ((a, b), (b, a)):
            for name_space in ('audit', 'drills'):
                until(lambda: holds(one, other, name_space) == 1, f'{name_space} flows')
        ours, theirs = active(a)[0], active(b)[0]
        expect(ours['agreement_hash'] == theirs['agreement_hash'], 'two agreements')
        check_signed(ours, a, b)
        origin = a.append('audit', ['two'])[0]['origin']
        same([a, b], origin, 2)
        for one, other in ((a, b), (b, a)):
            expect(holds(one, other, 'secret') == 0, 'what is not shared flows')
        healthy(a, b)
        ended(a, b, ours['agreement_id'])


def check_signed(agreement, a, b):
    """What both signed can be computed by anybody."""
    digest = hashlib.sha256(b'tally agreement 1\n' +
                            base64.b64decode(agreement['agreement_bytes'])).hexdigest()
    expect(agreement['agreement_hash'] == digest, f'{agreement}')
    expect(agreement['parties'] == [key_of(a), key_of(b)], f'{agreement}')
    expect(set(agreement['signatures']) == {key_of(a), key_of(b)}, f'{agreement}')
    types = [agreement['signatures'][key_of(node)]['type'] for node in (a, b)]
    expect(types == ['fed_trust_established', 'fed_trust_accepted'], f'{types}')
    for member in ('terms', 'trust_level', 'established_at', 'key_exchange'):
        expect(member in agreement, f'no {member}')


def healthy(a, b):
    """Who watches a node sees whether the parties it agreed with are there"""
    said = ask('health', '--data', a.data, '--all-peers')
    expect(said['ready'] and said['healthy'], f'{said}')
    expect([(peer['party'], peer['linked'], peer['fresh'], peer['verify_every_s'])
            for peer in said['peers']] == [(key_of(b), True, True, 3600)], f'{said}')
    b.stop()
    until(lambda: not ask('health', '--data', a.data, '--all-peers', code=None)['healthy'],
          'its absence is seen')
    said = ask('health', '--data', a.data, '--all-peers', code=1)
    expect(said['ready'] and not said['peers'][0]['linked'], f'{said}')
    ask('health', '--data', a.data)
    ask('health', '--data', b.data, code=3)
    b.start(peers=[a])


def ended(a, b, name):
    """Revoked at once: what comes after stays, and the other side learns why."""
    said = agreements(a, 'revoke', name[:8], '--notice-days', '0', '--reason', 'over')
    expect(said['state'] == 'ended', f'{said}')
    mark = a.append('audit', ['three'])[0]
    b.append('audit', ['two'])
    until(lambda: agreements(b, 'list')['items'][0]['state'] == 'ended', 'the other learns of it')
    for _ in range(3):
        size = a.append('tick', ['x'])[0]['index'] + 1
        until(lambda: a.has(mark['origin'].replace('audit', 'tick'), size), 'time passes')
    expect(holds(b, a, 'audit') == 2 and holds(a, b, 'audit') == 1, 'it flows after the end')
    a.stop()
    a.start()
    expect(agreements(a, 'list')['items'][0]['state'] == 'ended', 'forgotten at a restart')


def crossing(folder):
    """Two that propose to each other, admit nobody and accept both: the smaller hash holds"""
    with Nodes(folder, 'a', 'b') as (a, b):
        for node in (a, b):
            key_of(node)
            federation(node, 'mode', 'strict')
        p = propose(a, b, '--trust-level', 'observe', '--scrolls', 'audit')
        q = propose(b, a, '--trust-level', 'verify', '--scrolls', 'drills')
        a.start()
        b.start(peers=[a])
        waits(b, p)
        waits(a, q)
        b.stop()
        a.stop()
        proposals(b, 'accept', p[:8])
        proposals(a, 'accept', q[:8])
        hashes = sorted(proposal(a, one)['agreement_hash'] for one in (p, q))
        a.start()
        b.start(peers=[a])
        for node in (a, b):
            until(lambda: proposal(node, p)['state'] == proposal(node, q)['state'] == 'agreed',
                  'both are signed by both')
            expect([one['agreement_id'] for one in active(node)] == hashes[:1], 'not the smaller')
        lists = [agreements(node, 'list') for node in (a, b)]
        expect(lists[0]['items'][0]['terms'] == lists[1]['items'][0]['terms'], f'{lists}')


def answers(folder):
    """Rejected, withdrawn, expired; an amendment, and a notice during which one may read"""
    with Nodes(folder, 'a', 'b') as (a, b):
        strict(a, b)
        a.start()
        b.start(peers=[a])
        name = propose(a, b, '--scrolls', 'audit')
        waits(b, name)
        proposals(b, 'reject', name[:8], '--reason', 'too little')
        waits(a, name, 'rejected')
        refused(a, 'proposals', 1, 'is our own proposal', 'accept', name)
        name = propose(a, b, '--scrolls', 'audit', '--note', 'again')
        waits(b, name)
        proposals(a, 'withdraw', name[:8])
        waits(b, name, 'withdrawn')
        refused(b, 'proposals', 1, 'does not stand', 'accept', name)
        name = propose(a, b, '--scrolls', 'audit', '--expires', '1s')
        waits(b, name, 'expired')
        refused(b, 'proposals', 1, 'has expired', 'accept', name)
        name = propose(a, b, '--scrolls', 'audit', '--trust-level', 'verify')
        waits(b, name)
        proposals(b, 'accept', name)
        before = until(lambda: active(a) and active(b), 'active')[0]['agreement_id']
        name = propose(b, a, '--scrolls', 'drills', '--trust-level', 'verify')
        waits(a, name)
        proposals(a, 'accept', name)
        until(lambda: all(len(active(node)) == 1 and active(node)[0]['replaces'] == before
                          for node in (a, b)), 'amended')
        name = active(a)[0]['agreement_id']
        agreements(b, 'revoke', name[:8], '--notice-days', '2')
        until(lambda: agreements(a, 'list')['items'][0]['state'] == 'notice', 'notice')
        b.append('drills', ['one'])
        until(lambda: holds(a, b, 'drills') == 1, 'one may read until the end')
        seen = agreements(a, 'list')
        expect(seen['items'][0]['level'] == 'observe', 'more than reading')
        expect(seen['heard']['taken'] >= 4 and seen['heard']['false_claims'] == 0, f'{seen}')


def refused(node, noun, code, part, *words):
    _, said = run(noun, *words, '--data', node.data, code=code)
    expect(part in said.splitlines()[0], f'{words}: {said}')
    error = ask(noun, *words, '--data', node.data, code=code)
    expect(error['schema'] == 'tally/error/1' and error['exit'] == code, f'{error}')


def witnessed(folder):
    """At level verify both cosign, though neither admitted the other so far; the end ends it too"""
    with Nodes(folder, 'a', 'b') as (a, b):
        strict(a, b)
        name = propose(a, b, '--trust-level', 'verify', '--scrolls', 'audit')
        a.start('--witness-gap', '1')
        b.start('--witness-gap', '1', peers=[a])
        origins = {node: node.append('audit', ['one'])[0]['origin'] for node in (a, b)}
        waits(b, name)
        expect(not cosigned(a, origins[a]) and not cosigned(b, origins[b]), 'cosigned too soon')
        proposals(b, 'accept', name[:8])
        until(lambda: cosigned(a, origins[a]) == {key_of(b)}, 'asked without being admitted')
        until(lambda: cosigned(b, origins[b]) == {key_of(a)}, 'and the other way')
        agreements(a, 'revoke', active(a)[0]['agreement_id'][:8], '--notice-days', '0')
        until(lambda: not ask('witness', 'list', '--data', a.data)['items'], 'nobody is asked')


def cosigned(node, origin):
    items = ask('witness', 'list', '--data', node.data)['items']
    return {item['party'] for item in items if item['origin'] == origin and item['size'] > 0}


def mistakes(folder):
    """Each mistake has its sentence and its exit code, with and without a running node"""
    with Nodes(folder, 'a', 'b') as (a, b):
        refused(a, 'proposals', 4, 'is not a data directory', 'list')
        own, other = key_of(a), key_of(b)
        name = propose(a, b, '--scrolls', 'audit')
        for running in (False, True):
            if running:
                a.start()
            before = proposals(a, 'list')
            refused(a, 'propose', 2, 'to whom', '--scrolls', 'audit')
            refused(a, 'propose', 2, 'nothing is shared', '--target', other)
            refused(a, 'propose', 2, 'are no scrolls', '--target', other, '--scrolls', 'federation')
            refused(a, 'propose', 2, 'are no scrolls', '--target', other, '--scrolls', 'a,a')
            refused(a, 'propose', 2, 'is this node itself', '--target', own, '--scrolls', 'x')
            refused(a, 'propose', 2, 'no trust level', '--target', other, '--trust-level', '5',
                    '--scrolls', 'x')
            refused(a, 'propose', 2, 'is no time', '--target', other, '--scrolls', 'x',
                    '--expires', 'soon')
            for members, part in (({'verification_frequency': 'often'}, 'none of hourly'),
                                  ({'nothing_known': 1}, 'is not known'),
                                  ({'retention_period_days': -1}, 'is no number of days'),
                                  ({'scrolls_to_share': ['b', 7]}, 'no list of names')):
                refused(a, 'propose', 2, part, '--target', other, '--terms',
                        terms(folder, **members))
            refused(a, 'propose', 4, 'missing.json', '--target', other, '--terms',
                    os.path.join(folder, 'missing.json'))
            refused(a, 'proposals', 2, 'is no id', 'show', 'abc')
            refused(a, 'proposals', 4, 'no proposal begins', 'show', '00000000')
            refused(a, 'proposals', 1, 'is our own', 'reject', name)
            refused(a, 'agreements', 4, 'no agreement begins', 'revoke', 'abcdef')
            expect(proposals(a, 'list') == before, 'a refused statement changed something')
        expect('audit' in run('proposals', 'show', name[:6], '--data', a.data)[0], 'show')
        expect(name[:12] in run('proposals', 'list', '--data', a.data)[0], 'list')


if __name__ == '__main__':
    tell([negotiated, crossing, answers, witnessed, mistakes])
