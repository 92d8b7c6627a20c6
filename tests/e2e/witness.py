#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Witnesses between real processes: a quorum turns a tree final, a witness that is killed never
cosigns less, and whoever is not of the mesh asks by HTTP."""
import base64
import http.client
import json
import os
import signal
import socket

from nodes import Nodes, ask, expect, run, tell, until

SHARED = os.environ.get('TALLY_SHARED', '../shared')


def key_of(node):
    verb = 'show' if os.path.exists(os.path.join(node.data, 'keys')) else 'init'
    return ask('node', verb, '--data', node.data)['node']


def admit(*nodes, level='verify'):
    for node in nodes:
        for other in nodes:
            if other is not node:
                ask('federation', 'admit', '--data', node.data, key_of(other), '--level', level)


def cosigned(node, origin, size):
    """Who cosigned at least that size of an own log, as the node says."""
    items = ask('witness', 'list', '--data', node.data)['items']
    return {item['party']: item for item in items
            if item['origin'] == origin and item['size'] >= size}


def policy(node, others, needed):
    """A policy file about those witnesses, and one more that nobody has."""
    path = os.path.join(os.path.dirname(node.data), f'policy-{needed}')
    keys = {item['party']: item['vkey']
            for item in ask('witness', 'list', '--data', node.data)['items']}
    with open(path, 'w', encoding='ascii') as file:
        for number, other in enumerate(others):
            file.write(f'witness w{number} {keys[key_of(other)]}\n')
        file.write('witness absent mesh.example/node-b/witness+f3ddd220+'
                   'BJcO+i3+2rHJnqFJK5x4G8wu70VuU8YLP/K5C0R57DVJ\n')
        members = ' '.join(f'w{number}' for number in range(len(others)))
        file.write(f'group g {needed} {members} absent\nquorum g\n')
    return path


def finality(node, origin, path, code=0):
    return ask('log', 'show', origin, '--data', node.data, '--policy', path, code=code)['finality']


def checkpoint(folder, origin_hash):
    with open(os.path.join(folder, origin_hash, 'checkpoint'), encoding='utf-8') as file:
        return file.read()


def checked_now(a, b, origin):
    """An operator does not wait for the cycle: what b is shown now is stated by it"""
    said = ask('verify', '--data', b.data, '--mesh', key_of(a), '--scroll', 'audit')
    expect([(item['origin'], item['result']) for item in said['items']] == [(origin, 'verified')],
           f'{said}')
    ask('verify', '--data', b.data, '--mesh', key_of(a), '--scroll', 'drills', code=4)
    run('verify', '--data', b.data, code=2)
    os.kill(a.process.pid, signal.SIGSTOP)
    try:
        ask('verify', '--data', b.data, '--mesh', key_of(a), '--timeout', '2', code=9)
    finally:
        os.kill(a.process.pid, signal.SIGCONT)


def a_quorum_makes_it_final(folder):
    """Two of three cosign: final, with reasons; three are asked for: what is missing is said"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        admit(a, b, c)
        expect(not os.path.exists(os.path.join(b.data, 'keys', 'witness.key')),
               'a witness key before it is needed')
        a.start('--witness-gap', '1', '--witness-cycle', '2')
        b.start('--witness-cycle', '2', peers=[a])
        c.start('--witness-cycle', '2', peers=[a, b])
        origin = a.append('audit', ['one', 'two', 'three'])[0]['origin']
        until(lambda: len(cosigned(a, origin, 3)) == 2, 'both cosign')
        for node in (b, c):
            mode = os.stat(os.path.join(node.data, 'keys', 'witness.key')).st_mode & 0o777
            expect(mode == 0o600, f'the witness key has mode {mode:o}')
        two, three = policy(a, (b, c), 2), policy(a, (b, c), 3)
        said = until(lambda: (lambda f: f if f['final'] else None)(finality(a, origin, two)),
                     'two of three are final')
        expect(said['size'] == 3 and 'w0, w1' in said['reason'], f'{said}')
        said = finality(a, origin, three)
        expect(not said['final'] and said['verdict'] == 'quorum' and 'absent' in said['reason'],
               f'{said}')
        proof = os.path.join(folder, 'p.tlog-proof')
        with open(proof, 'w', encoding='utf-8') as file:
            file.write(run('proof', 'export', origin, '1', '--data', a.data)[0])
        run('policy', 'check', two, proof)
        run('policy', 'check', three, proof, code=7)
        run('proof', 'check', proof, '--key', key_of(a))
        # Samples, both ways: the witness stated them, and who was witnessed holds the statement.
        until(lambda: ask('witness-history', '--data', b.data)['items'], 'b sampled')
        got = until(lambda: [item for item in ask('witness-history', '--data', a.data, '--last',
                                                  '1h', '--mesh', key_of(b))['items']
                             if item['direction'] == 'received'], 'a holds what b stated')
        expect(got[0]['result'] == 'verified' and got[0]['witness'] == key_of(b), f'{got}')
        expect(len(base64.b64decode(got[0]['nonce'])) == 32 and got[0]['samples'], f'{got}')
        checked_now(a, b, origin)
        # Who is excused is not asked, and asked again by hand.
        ask('witness', 'remove', '--data', a.data, key_of(b))
        a.append('audit', ['four'])
        until(lambda: set(cosigned(a, origin, 4)) == {key_of(c)}, 'c alone cosigns')
        ask('witness', 'add', '--data', a.data, key_of(b))
        until(lambda: len(cosigned(a, origin, 4)) == 2, 'b cosigns again')


def killed_after_signing(folder):
    """A witness killed while it signs never cosigns a smaller or another tree afterwards"""
    with Nodes(folder, 'a', 'b') as (a, b):
        admit(a, b)
        a.start('--witness-gap', '1')
        b.start(peers=[a])
        origin = a.append('audit', ['0'])[0]['origin']
        until(lambda: cosigned(a, origin, 1), 'b cosigns')
        seen = 0
        for life in range(1, 6):
            a.append('audit', [f'{life} {number}' for number in range(7)])
            b.stop(signal.SIGKILL)
            b.start(peers=[a])
            size = 1 + 7 * life
            until(lambda size=size: cosigned(a, origin, size), 'b cosigns after its death')
            log = ask('log', 'show', origin, '--data', a.data)
            held = checkpoint(os.path.join(b.data, 'witness'), log['origin_hash']).split('\n')
            expect(held[0] == origin and int(held[1]) >= seen, f'{held} after {seen}')
            seen = int(held[1])
            root = base64.b64decode(held[2]).hex()
            expect(seen != log['size'] or root == log['root'], 'another tree')
        run('fsck', '--data', b.data)


def post(port, body):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
    connection.request('POST', '/add-checkpoint', body.encode())
    answer = connection.getresponse()
    return answer.status, answer.getheader('Content-Type'), answer.read().decode()


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def foreign_logs_by_http(folder):
    """Other people's logs are witnessed over HTTP, with the answers that C2SP fixes"""
    path = os.path.join(SHARED, 'vectors/transparency/generated/witness.json')
    if not os.path.exists(path):
        return
    with open(path, encoding='utf-8') as file:
        vectors = json.load(file)
    names = os.path.join(folder, 'logs')
    with open(names, 'w', encoding='ascii') as file:
        file.write(f'logs/v0\nvkey {vectors["log"]["Vkey"]}\n')
    port = free_port()
    with Nodes(folder, 'a') as (a,):
        a.start('--public', f'127.0.0.1:{port}', '--witness-logs', names)
        first = vectors['steps'][0]['Request']
        until(lambda: post(port, first)[0] == 200, 'the witness key is certified')
        steps = vectors['steps'][1:]
        for step in steps:
            status, kind, body = post(port, step['Request'])
            expect(status == step['Status'], f'{step["Desc"]}: {status}')
            if status == 409:
                expect(kind == 'text/x.tlog.size' and body == step['Response'], f'{kind} {body}')
        expect(post(port, 'x' * 70000)[0] == 413, 'too large')
        expect(post(port, 'old 0\n')[0] == 400, 'no request')
        expect(post(port, first.replace('node-a', 'node-z'))[0] == 404, 'no log of ours')
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
        connection.request('GET', f'/{vectors["origin_sha256_hex"]}/checkpoint')
        note = connection.getresponse().read().decode()
        expect(note.startswith(vectors['log']['Name'] + '\n13\n') and key_of(a) in note, note)
        # Its fork is kept, and proves itself to whoever has the log's key.
        (fork,) = os.listdir(os.path.join(a.data, 'forks'))
        file = os.path.join(a.data, 'forks', fork)
        run('fork', 'check', file, code=5)
        run('fork', 'check', file, '--key', vectors['log']['Vkey'], code=6)
        # A client that sends nothing more is not waited for.
        with socket.create_connection(('127.0.0.1', port)) as slow:
            slow.sendall(b'POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n')
            slow.settimeout(40)
            while slow.recv(4096):
                pass


def mistakes_get_a_sentence(folder):
    """Wrong words, files and keys: one sentence, and the right exit code"""
    with Nodes(folder, 'a') as (a,):
        key_of(a)
        bad = os.path.join(folder, 'bad')
        with open(bad, 'w', encoding='ascii') as file:
            file.write('# a comment\ngrup x\n')
        for words, code, text in (
                (('policy', 'check', bad), 10, 'bad:2 is no policy'),
                (('policy', 'show', bad + '.not'), 4, 'bad.not'),
                (('log', 'show', 'audit', '--data', a.data, '--policy', bad), 4, 'audit'),
                (('witness', 'list', '--data', a.data), 3, 'no node is running'),
                (('witness', 'request', '--data', a.data), 3, 'no node is running'),
                (('witness', 'remove', '--data', a.data, 'nobody'), 2, 'is no party'),
                (('witness-history', '--data', a.data, '--last', 'week'), 2, 'no duration'),
                (('run', '--data', a.data, '--public', '127.0.0.1'), 2, 'IP:PORT'),
                (('run', '--data', a.data, '--public', '127.0.0.1:0'), 2, 'port'),
                (('run', '--data', a.data, '--witness-logs', bad), 10, 'logs/v0'),
                (('run', '--data', a.data, '--witness-gap', '0'), 2, 'witness-gap')):
            err = run(*words, code=code)[1]
            expect(text in err and err.count('\n') <= 2, f'{words}: {err}')


if __name__ == '__main__':
    tell([a_quorum_makes_it_final, killed_after_signing, foreign_logs_by_http,
          mistakes_get_a_sentence])
