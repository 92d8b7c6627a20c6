#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Witnesses that are no parties, asked over HTTP: one of our own nodes, a foreign one written from
the specification, and those that lie."""
import base64
import os
import shutil
import subprocess
import time

from foreign_witness import LIES, Witness
from nodes import Nodes, ask, expect, run, tell, until
from witness import checkpoint, finality, free_port

GO = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'interop', 'go', 'tlogcheck')


def add(node, witness, **options):
    return ask('witness', 'add', '--data', node.data, '--url', witness.url, '--key', witness.vkey,
               **options)


def items(node, origin=None, url=None):
    """What the node says of its witnesses: of one log, of one address, or of all."""
    return [item for item in ask('witness', 'list', '--data', node.data)['items']
            if origin in (None, item['origin']) and url in (None, item['url'])]


def cosigned(node, origin, url, size):
    return [item for item in items(node, origin, url) if item['size'] >= size]


def policy(folder, **vkeys):
    path = os.path.join(folder, 'policy-of-' + '-'.join(vkeys))
    with open(path, 'w', encoding='ascii') as file:
        for name, vkey in vkeys.items():
            file.write(f'witness {name} {vkey}\n')
        file.write(f'group all-of-them all {" ".join(vkeys)}\nquorum all-of-them\n')
    return path


def log_key(vkey):
    return base64.b64decode(vkey.split('+', 2)[2])[1:]


def teach(witness, node):
    """The witness is told which logs the node has, and by which key they are signed."""
    for log in ask('log', 'list', '--data', node.data)['items']:
        vkey = ask('log', 'show', log['origin'], '--data', node.data)['vkey']
        witness.logs[log['origin']] = log_key(vkey)


def refused(node):
    """What is said of an append that the guard does not let pass."""
    return run('append', '--data', node.data, '--namespace', 'audit', '--lines', '-',
               input=b'no\n', code=1)[1]


def another_node(folder):
    """Our own second node, no party and not linked: asked below its public address"""
    port = free_port()
    url = f'http://127.0.0.1:{port}'
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start('--witness-gap', '1')
        origin = a.append('audit', ['one', 'two', 'three'])[0]['origin']
        until(lambda: ask('log', 'show', origin, '--data', a.data)['size'] == 3, 'sealed')
        names = os.path.join(folder, 'logs')
        with open(names, 'w', encoding='ascii') as file:
            file.write('logs/v0\n')
            for log in ask('log', 'list', '--data', a.data)['items']:
                vkey = ask('log', 'show', log['origin'], '--data', a.data)['vkey']
                file.write(f'vkey {vkey}\n')
        b.start('--public', f'127.0.0.1:{port}', '--witness-logs', names)

        def witness_key():
            fields = ask('key', 'show', '--data', b.data)
            return fields.get('witness_vkey')
        vkey = until(witness_key, 'b has a witness key')
        said = ask('witness', 'add', '--data', a.data, '--url', url + '/', '--key', vkey)
        expect(said['url'] == url and said['asked'], f'{said}')
        (item,) = until(lambda: cosigned(a, origin, url, 3), 'b cosigns by its address')
        expect(item['vkey'] == vkey and item['status'] == 'cosigned', f'{item}')
        path = policy(folder, other=vkey)
        said = finality(a, origin, path)
        expect(said['final'] and said['size'] == 3, f'{said}')
        # It stays asked over a start of both, and the tree goes on from what was cosigned.
        b.stop()
        a.stop()
        a.start('--witness-gap', '1')
        failed = until(lambda: [item for item in items(a, origin, url) if item['reason']],
                       'nobody is there')
        expect(failed[0]['status'] == 'failed' and 'refused' in failed[0]['reason'], f'{failed}')
        # Nobody else could know a larger tree of ours: nothing is signed before it has spoken.
        guard = ask('status', '--data', a.data)['guard']
        expect(guard['state'] == 'asking' and guard['waits_for'] == [url], f'{guard}')
        b.start('--public', f'127.0.0.1:{port}', '--witness-logs', names)
        until(lambda: ask('status', '--data', a.data)['guard']['state'] == 'passed', 'it answers')
        a.append('audit', ['four'])
        until(lambda: cosigned(a, origin, url, 4), 'b cosigns again')
        until(lambda: finality(a, origin, path)['size'] == 4, 'final again')
        # The federation log, of which b knows nothing, is refused by itself.
        federation = [item for item in items(a, url=url) if item['origin'] != origin]
        expect(federation and federation[0]['status'] == 'unknown' and
               federation[0]['reason'] == 'it does not witness this log', f'{federation}')
        text = run('witness', 'list', '--data', a.data)[0]
        expect('it does not witness this log' in text and url in text, text)
        # Removed by its address: not asked any more, also in the next life.
        run('witness', 'remove', '--data', a.data, url)
        until(lambda: not items(a, url=url), 'not asked')
        a.stop()
        a.start()
        expect(not items(a, url=url), 'asked again')
        said = finality(a, origin, path)
        expect(said['final'], f'what was cosigned stays: {said}')


def a_foreign_witness(folder):
    """A witness in Python from the specification: first contact, growth, starts, an old copy"""
    with Witness('witness.example/one', 'one') as witness, Nodes(folder, 'a') as (a,):
        a.start('--witness-gap', '1')
        origin = a.append('audit', [str(number) for number in range(5)])[0]['origin']
        add(a, witness)
        unknown = until(lambda: [item for item in items(a, origin, witness.url)
                                 if item['status'] == 'unknown'], 'it knows no log yet')
        expect(unknown[0]['refused'] == 1 and unknown[0]['http_status'] == 404, f'{unknown}')
        until(lambda: ask('log', 'show', origin, '--data', a.data)['size'] == 5, 'sealed')
        teach(witness, a)
        run('witness', 'request', '--data', a.data)
        until(lambda: cosigned(a, origin, witness.url, 5), 'first contact')
        for size in range(6, 9):
            a.append('audit', [str(size)])
            until(lambda size=size: cosigned(a, origin, witness.url, size), f'{size} cosigned')
        until(lambda: finality(a, origin, policy(folder, one=witness.vkey))['size'] == 8, 'final')
        log = ask('log', 'show', origin, '--data', a.data)
        until(lambda: witness.name in checkpoint(os.path.join(a.data, 'logs'), log['origin_hash']),
              'the cosignature stands beside the checkpoint')
        done = subprocess.run([GO, '-witness', witness.vkey, log['path'], log['vkey']], check=False,
                              capture_output=True, timeout=100)
        expect(done.returncode in (0, 77), f'Go: {done.stdout.decode()}{done.stderr.decode()}')
        # An old copy: the witness alone remembers more, and shows it; nothing is signed.
        a.stop()
        old = a.data + '.old'
        shutil.copytree(a.data, old)
        a.start('--witness-gap', '1')
        a.append('audit', ['lost'])
        until(lambda: cosigned(a, origin, witness.url, 9), 'one more')
        a.stop()
        shutil.rmtree(a.data)
        os.rename(old, a.data)
        a.start('--witness-gap', '1')
        expect(refused(a), 'an append of the first moment forks the log')
        until(lambda: ask('status', '--data', a.data)['guard']['state'] == 'recovering',
              'the witness holds more')
        expect('larger checkpoint' in refused(a), 'it is said why')


def those_who_lie(folder):
    """Wrong keys, other trees, loops, endless, slow, redirecting, garbage: told apart, and bounded
    """
    cases = (('wrong_key', 'disbelieved', 'no line of its answer'),
             ('other_tree', 'disbelieved', 'no line of its answer'),
             ('far_ahead', 'disbelieved', 'no line of its answer'),
             ('no_lines', 'disbelieved', 'no line of its answer'),
             ('conflicts', 'conflict', 'another tree'),
             ('larger', 'conflict', 'another tree'),
             ('bare_conflict', 'conflict', 'another tree'),
             ('endless', 'failed', 'larger than the limit'),
             ('slow', 'failed', 'no answer in time'),
             ('elsewhere', 'another', 'points elsewhere'),
             ('garbage', 'failed', 'connection was closed'),
             ('broken', 'another', 'failed by itself'),
             ('refuses', 'unproven', 'proof does not hold'))
    expect(sorted(case[0] for case in cases) == sorted(LIES), 'each lie has its case')
    with Nodes(folder, 'a') as (a,):
        a.start('--witness-gap', '1')
        origin = a.append('audit', ['one', 'two'])[0]['origin']
        liars = [Witness(f'liar.example/{name}', name) for name, _, _ in cases]
        honest = Witness('honest.example/w', 'honest')
        until(lambda: ask('log', 'show', origin, '--data', a.data)['size'] == 2, 'sealed')
        for liar, (name, _, _) in zip(liars, cases):
            liar.lie = name
            add(a, liar)
        add(a, honest)
        teach(honest, a)
        run('witness', 'request', '--data', a.data)
        for liar, (name, status, words) in zip(liars, cases):
            def said(liar=liar, status=status):
                return [item for item in items(a, origin, liar.url) if item['status'] == status]
            item = until(said, f'{name}: {status}: {items(a, origin, liar.url)}')[0]
            expect(words in item['reason'] and item['size'] == 0 and item['refused'] > 0,
                   f'{name}: {item}')
        # None of them held up who does its duty, nor the signing.
        until(lambda: cosigned(a, origin, honest.url, 2), 'the honest one cosigns')
        before = sum(liar.asked for liar in liars)
        a.append('audit', ['three'])
        until(lambda: cosigned(a, origin, honest.url, 3), 'the honest one goes on')
        time.sleep(3)
        logs = len(ask('log', 'list', '--data', a.data)['items'])
        asked = sum(liar.asked for liar in liars) - before
        expect(asked <= 4 * logs * len(liars), f'{asked} more questions to liars')
        expect(ask('status', '--data', a.data)['guard']['state'] == 'passed', 'a number stopped it')
        for liar in [*liars, honest]:
            liar.__exit__()


def a_policy_names_them(folder):
    """tally run --policy: its witnesses with an address are stated once, and what is said later
    counts"""
    with Witness('p.example/w', 'p') as witness, Nodes(folder, 'a') as (a,):
        path = os.path.join(folder, 'policy')
        with open(path, 'w', encoding='ascii') as file:
            file.write(f'witness w {witness.vkey} {witness.url}/\nquorum w\n')
        a.start('--policy', path, '--witness-gap', '1')
        origin = a.append('audit', ['one'])[0]['origin']
        until(lambda: items(a, origin, witness.url), 'stated')
        until(lambda: ask('log', 'show', origin, '--data', a.data)['size'] == 1, 'sealed')
        teach(witness, a)
        run('witness', 'request', '--data', a.data)
        until(lambda: finality(a, origin, path)['final'], 'final')
        run('witness', 'remove', '--data', a.data, witness.name)
        a.stop()
        a.start('--policy', path)
        time.sleep(1.5)
        expect(not items(a, url=witness.url), 'a file counts more than a statement')
        a.stop()
        with open(path, 'w', encoding='ascii') as file:
            file.write(f'witness w {witness.vkey} http://me:secret@127.0.0.1/\nquorum w\n')
        err = run('run', '--data', a.data, '--policy', path, code=10)[1]
        expect('cannot be asked' in err, err)


def mistakes_get_a_sentence(folder):
    """Wrong addresses and keys: one sentence, and the right exit code"""
    with Witness('m.example/w', 'm') as witness, Nodes(folder, 'a') as (a,):
        ask('node', 'init', '--data', a.data)
        log = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
        at = ('--data', a.data)
        for words, code, text in (
                (('witness', 'add', *at), 2, '--url URL --key VKEY'),
                (('witness', 'add', *at, '--url', witness.url), 2, '--url URL --key VKEY'),
                (('witness', 'add', *at, '--url', 'ftp://x', '--key', witness.vkey), 2, 'http or'),
                (('witness', 'add', *at, '--url', 'http://u:p@x', '--key', witness.vkey), 2,
                 'without user'),
                (('witness', 'add', *at, '--url', witness.url, '--key', 'x+y+z'), 2, 'no vkey'),
                (('witness', 'add', *at, '--url', witness.url, '--key', log), 2, 'type 04'),
                (('witness', 'add', *at, 'x', '--url', witness.url, '--key', witness.vkey), 2,
                 'either a party'),
                (('witness', 'remove', *at, witness.url), 4, 'no witness was ever added'),
                (('run', *at, '--policy', a.data + '.not'), 4, '.not')):
            err = run(*words, code=code)[1]
            expect(text in err and err.count('\n') <= 2, f'{words}: {err}')
        # Without a running node it is stated all the same, and shown when one runs.
        run('witness', 'add', *at, '--url', witness.url, '--key', witness.vkey)
        err = run('witness', 'add', *at, '--url', witness.url, '--key', witness.vkey, code=1)[1]
        expect('is so already' in err, err)
        run('witness', 'remove', *at, witness.vkey)
        err = run('witness', 'remove', *at, witness.vkey, code=1)[1]
        expect('is so already' in err, err)


if __name__ == '__main__':
    tell([another_node, a_foreign_witness, those_who_lie, a_policy_names_them,
          mistakes_get_a_sentence])
