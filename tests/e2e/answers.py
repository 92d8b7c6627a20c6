#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the verbs make of a node's answers: found peers, long waits, hostile words, broken nodes."""
import os
import time

from fake_node import FakeNode
from nodes import ask, expect, on_terminal, run, tell

ID = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
DID = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'
NOT_FOUND, BUSY, UNREACHABLE, TIMED_OUT = 4, 12, 14, 15


def found(address, age_ms, linked):
    return {'peer': DID, 'peer_id': ID, 'address': address, 'transport': 'udp', 'source': 'dht',
            'age_ms': age_ms, 'linked': linked}


def find(folder):
    """find prints what was found: for people, in lines, as JSON"""
    data = os.path.join(folder, 'n')
    answer = {'schema': 'tally/find/1', 'items': [
        found('/ip4/11.0.0.1/udp/4001', 12345, True), found(None, None, False)]}
    node = FakeNode(data, {'find_namespace': answer, 'find_peer': answer})
    out, err = run('find', 'namespace', 'commits', '--data', data)
    expect(out.splitlines() == [f'{ID}\t/ip4/11.0.0.1/udp/4001\tdht\t12 s\tlinked',
                                f'{ID}\t-\tdht\t-\t-'] and not err, f'{out}{err}')
    expect(ask('find', 'peer', ID, '--data', data) == answer, 'JSON is not what the node said')
    run('dht', 'lookup', DID, '--data', data)
    expect(node.asked[0] == ('find-namespace', 'commits') and
           [words[0] for words in node.asked] == ['find-namespace', 'find-peer', 'find-peer'],
           f'{node.asked}')
    shown = on_terminal('find', 'namespace', 'commits', '--data', data, columns=120)
    shown = shown.splitlines()
    expect(shown[0].split() == ['PEER', 'ADDRESS', 'SOURCE', 'AGE', 'STATE'] and
           len(shown) == 3 and shown[1].index('/ip4') == shown[0].index('ADDRESS'), f'{shown}')


def nothing(folder):
    """Nothing found: exit 4, and why nobody could be asked"""
    for number, (links, role, why) in enumerate([
            (0, 'client', 'no link with anybody'), (2, 'off', 'the DHT is off'),
            (2, 'client', '')]):
        data = os.path.join(folder, str(number))
        FakeNode(data, {'find_peer': NOT_FOUND, 'status': {'links': links, 'dht': {'role': role}}})
        out, err = run('find', 'peer', ID, '--data', data, code=4)
        expect(not out and f'peer {ID} was not found' in err and why in err and
               (why or err.endswith('was not found\n')), err)
    data = os.path.join(folder, 'busy')
    FakeNode(data, {'find_peer': BUSY})
    error = ask('find', 'peer', ID, '--data', data, code=1)
    expect(error['code'] == 'BUSY' and 'try again' in error['message'], f'{error}')


def long_waits(folder):
    """--timeout ends a wait with exit 9; on a terminal one sees that it lasts"""
    data = os.path.join(folder, 'n')
    FakeNode(data, {'find_peer': {'items': []}, 'check': {},
                    'doctor': {'running': True, 'healthy': True, 'findings': []}},
             find_peer=9, check=1.5)
    begun = time.monotonic()
    out, err = run('find', 'peer', ID, '--data', data, '--timeout', 1, code=9)
    expect(time.monotonic() - begun < 4 and not out and 'no answer in 1 s' in err, f'{out}{err}')
    error = ask('find', 'peer', ID, '--data', data, '--timeout', 1, code=9)
    expect(error['code'] == 'TIMED_OUT' and error['exit'] == 9, f'{error}')
    expect(not run('doctor', '--data', data)[1], 'progress where there is no terminal')
    seen = on_terminal('doctor', '--data', data, stderr_too=True)
    expect('asking others whether they reach this node ... 1 s' in seen, seen)


def check_of_doctor(folder):
    """doctor waits until others answered, and says what came of it"""
    doctor = {'schema': 'tally/doctor/1', 'running': True, 'healthy': False, 'findings': [
        {'code': 'E_NAT_DOUBLE', 'level': 'advice', 'message': 'a', 'remedy': 'b'}]}
    for number, (answer, word, sentence) in enumerate([
            ({}, 'done', 'asked just now'), (UNREACHABLE, 'done', 'asked just now'),
            (TIMED_OUT, 'timed_out', 'did not answer in time'),
            (NOT_FOUND, 'nobody', 'nobody to ask'), (BUSY, 'busy', 'being asked already')]):
        data = os.path.join(folder, str(number))
        node = FakeNode(data, {'check': answer, 'doctor': doctor}, check=0.1)
        expect(ask('doctor', '--data', data, code=1)['check'] == word, word)
        expect(node.asked == [('check', ''), ('doctor', '')], f'{node.asked}')
        out = run('doctor', '--data', data, code=1)[0]
        expect(sentence in out and '\nE_NAT_DOUBLE  advice\n  a\n  do: b\n' in out, out)
        expect(ask('doctor', '--data', data, '--quick', code=1)['check'] == 'skipped', 'quick')


def the_way_in(folder):
    """doctor and status show each own address: where from, whether reachable, who says so"""
    data = os.path.join(folder, 'n')
    own = {'address': '/ip4/11.0.0.1/udp/4001', 'transport': 'udp', 'source': 'mapped',
           'mapping': 'pcp', 'state': 'reachable', 'global': True, 'by': DID, 'by_peer_id': ID,
           'age_ms': 125000, 'votes': 0}
    seen = {**own, 'address': '/ip4/11.0.0.1/tcp/4001', 'source': 'observed', 'state': 'unknown',
            'by_peer_id': None, 'age_ms': None, 'votes': 3}
    loop = {**seen, 'address': '/ip4/127.0.0.1/udp/4001', 'global': False, 'scope': 'loopback'}
    nat = {'kind': 'cone', 'lease': 'held', 'lease_error': '', 'mapping': 'pcp',
           'gateway': '10.9.0.1', 'outer': '/ip4/11.0.0.1/udp/4001'}
    node = {'running': True, 'healthy': True, 'findings': [], 'profile': 'auto', 'port': 4001,
            'addresses': [loop, own, seen], 'nat': nat, 'warnings': [], 'advice': 1,
            'refused': {'not_global': 7}, 'network': 'tally',
            'dht': {'role': 'server', 'contacts': 20, 'lookups': 5, 'lookups_failed': 1},
            'mdns': {'packets_in': 1, 'packets_out': 2, 'refused': 3},
            'bootstraps': [{'bootstrap': 'dns:example.org', 'state': 'resolved', 'last_error': ''}]}
    FakeNode(data, {'check': {}, 'doctor': node, 'status': node})
    for verb in ('doctor', 'status'):
        out = run(verb, '--data', data)[0]
        expect('127.0.0.1' not in out, 'an address that is of no use to others')
        for line in (
                f'address  /ip4/11.0.0.1/udp/4001  mapped by pcp, reachable: {ID} dialled it '
                '2 min ago\n',
                '         /ip4/11.0.0.1/tcp/4001  seen by 3 peers, not known whether reachable\n',
                'nat      cone, gateway 10.9.0.1, outside /ip4/11.0.0.1/udp/4001, port mapping '
                'held by pcp\n', 'dht      server, 20 contacts'):
            expect(line in out, f'{line} is not in {out}')
    expect('refused  7 addresses were not dialled: not_global\n' in out and
           'mdns     1 packets in, 2 out, 3 refused\n' in out and 'tally doctor says' in out, out)
    out = run('doctor', '--data', data)[0]
    expect('begin    dns:example.org  resolved\n' in out and out.endswith('\nall is well\n'), out)


def hostile_words(folder):
    """What peers say of themselves cannot move the cursor, nor break the columns"""
    data = os.path.join(folder, 'n')
    peer = {'peer_id': ID, 'state': 'linked', 'agent': '\x1b[2J evil\ttab\nline \u00e9\u009b',
            'address': '/ip4/11.0.0.1/udp/4001', 'path': 'direct', 'why_not_better': 'best',
            'rtt_us': 1234, 'offset_ms': -7, 'source': 'dht', 'mesh': True, 'last_error': '',
            'connected': False}
    FakeNode(data, {'peers': {'schema': 'tally/peer-list/1', 'items': [peer, {}, peer]}})
    out = run('peers', '--data', data)[0]
    lines = out.splitlines()
    expect(len(lines) == 3 and all(len(line.split('\t')) == 11 for line in lines), out)
    expect('\x1b' not in out and '\\x1b[2J evil\\x09tab\\x0aline \u00e9' in out, out)
    expect(lines[0].split('\t')[1:9] == ['linked', 'direct', '1.2 ms', '-7 ms', 'yes', 'dht',
                                         '/ip4/11.0.0.1/udp/4001', '-'], lines[0])
    expect('\x1b' not in on_terminal('peers', '--data', data), 'on a terminal')


def broken_nodes(folder):
    """A node that ends, or does not speak JSON, is a sentence and an exit code"""
    for number, (answer, sentence) in enumerate([
            (None, 'ended before it answered'), (b'no JSON', 'is not JSON'),
            (b'[]', 'is not JSON'), (b'{"a":1,"a":2}', 'is not JSON')]):
        data = os.path.join(folder, str(number))
        FakeNode(data, dict.fromkeys(('status', 'peers', 'find_peer', 'check', 'doctor'), answer))
        for words in (('status',), ('peers',), ('find', 'peer', ID), ('doctor',)):
            out, err = run(*words, '--data', data, code=1)
            expect(not out and sentence in err and len(err.splitlines()) == 1, f'{words}: {err}')
            expect(ask(*words, '--data', data, code=1)['schema'] == 'tally/error/1', f'{words}')


if __name__ == '__main__':
    tell([find, nothing, long_waits, check_of_doctor, the_way_in, hostile_words, broken_nodes])
