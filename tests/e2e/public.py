#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Logs by URL: whoever knows C2SP tlog-tiles reads and verifies them whole, and gets nothing else;
an auditor checks them, and who cosigned them, with Go's code."""
import os
import subprocess

from nodes import Nodes, ask, expect, run, same, tell, until
from tlog_tiles import Reader
from witness import admit, cosigned, free_port, key_of

TLOGCHECK = os.path.join(os.path.dirname(__file__), '..', 'interop', 'go', 'tlogcheck')


def place(node, origin):
    return f'/logs/{node.logs()[origin]["origin_hash"]}'


def a_whole_log_by_url(folder):
    """A reader written from the specification fetches 600 receipts and verifies all"""
    port = free_port()
    with Nodes(folder, 'a') as (a,):
        a.start('--public', f'127.0.0.1:{port}')
        origin = a.append('audit', [f'line {number}' for number in range(600)])[0]['origin']
        reader = Reader(port, place(a, origin))
        until(lambda: reader.ask(reader.prefix + '/checkpoint')[0] == 200 and
              reader.checkpoint()[1] == 600, 'it is sealed')
        found, entries, root = reader.whole()
        expect(found == origin and len(entries) == 600, f'{found}: {len(entries)}')
        expect(root.hex() == a.logs()[origin]['root'], 'another root')
        expect('tile/1/000.p/2' in reader.files and 'tile/0/002.p/88' in reader.files,
               f'{sorted(reader.files)}')
        # What was promised once is kept: partial tiles of earlier sizes are there for ever.
        early = reader.tile(0, 2, 88)
        a.append('audit', [f'more {number}' for number in range(300)])
        until(lambda: reader.ask(reader.prefix + '/checkpoint')[0] == 200 and
              reader.checkpoint()[1] == 900, 'it is sealed')
        expect(early == reader.tile(0, 2, 88) == reader.tile(0, 2, 256)[:88], 'changed')
        expect(len(reader.whole()[1]) == 900, 'it has grown')
        status, headers, body = reader.ask(reader.prefix + '/tile/0/000', 'HEAD')
        expect(status == 200 and headers['Content-Length'] == '8192' and not body, f'{headers}')


def tricks_get_nothing(folder):
    """Paths that are none, numbers that are too large, what is not covered or not public: 404"""
    port = free_port()
    with Nodes(folder, 'a') as (a,):
        a.start('--public', f'127.0.0.1:{port}')
        origin = a.append('audit', [f'line {number}' for number in range(300)])[0]['origin']
        base = place(a, origin)
        reader = Reader(port, base)
        until(lambda: reader.ask(base + '/checkpoint')[0] == 200 and
              reader.checkpoint()[1] == 300, 'it is sealed')
        digits = base[len('/logs/'):]
        for path in ('tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/000.p/01', 'tile/0/000.p/-1',
                     'tile/0/000.p/', 'tile/0/001', 'tile/0/001.p/45', 'tile/0/002.p/1',
                     'tile/1/000.p/2', 'tile/2/000.p/1', 'tile/8/000', 'tile/63/000',
                     'tile/00/000', 'tile/0/0', 'tile/0/x000/000', 'tile/0/%30',
                     'tile/0/x18446744073709551616/000', 'tile/0/' + 'x999/' * 30 + '999',
                     'tile/entries/001', 'tile/entries/001.p/45', 'tile/data/000', 'tile/0/000/',
                     'tile//0/000', 'tile/../checkpoint', '../../keys/identity.key',
                     '..%2f..%2fkeys', 'bodies/000', 'bodies/001.p/44', 'signed', 'checkpoint/',
                     'checkpoint%00', 'checkpoint%00x', '%63heckpoint', 'tile/0/000%00',
                     '', 'tile'):
            status, headers, body = reader.ask(f'{base}/{path}')
            expect(status in (400, 404) and b'"code"' in body, f'{path}: {status} {body[:80]}')
            expect('immutable' not in headers.get('Cache-Control', ''), f'{path}: {headers}')
        for path in (f'/logs/{digits.upper()}/checkpoint', f'/logs/{digits[:-1]}/checkpoint',
                     f'/logs/{"0" * 64}/checkpoint', f'/logs//{digits}/checkpoint', '/logs/',
                     '/logs', '/', f'/{digits}/checkpoint', '/' + 'x' * 9000):
            expect(reader.ask(path)[0] in (404, 414, 431), path)
        for method in ('PUT', 'DELETE', 'POST'):
            expect(reader.ask(base + '/checkpoint', method)[0] in (404, 405), method)
        expect(reader.checkpoint()[1] == 300, 'it still answers')


def whose_logs(folder):
    """Own logs are served, those of others if the operator says so, none if not"""
    port = free_port()
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        b.start('--public', f'127.0.0.1:{port}', peers=[a])
        origin = a.append('audit', ['one', 'two'])[0]['origin']
        same([a, b], origin, 2)
        base = place(b, origin)
        expect(Reader(port, base).ask(base + '/checkpoint')[0] == 404, "another's log is shown")
        b.stop()
        b.start('--public', f'127.0.0.1:{port}', '--public-logs', 'all', peers=[a])
        expect(len(Reader(port, base).whole()[1]) == 2, 'a replica serves as well')
        b.stop()
        own = b.append('mine', ['x'])[0]['origin']
        b.start('--public', f'127.0.0.1:{port}', '--public-logs', 'none')
        for path in (base, place(b, own)):
            expect(Reader(port, path).ask(path + '/checkpoint')[0] == 404, f'{path} is shown')
        for words, part in (
                (('--public-logs', 'some', '--public', '127.0.0.1:9'), 'own, all or none'),
                (('--public-logs', 'all'), 'goes with --public')):
            err = run('run', '--data', a.data, *words, code=2)[1]
            expect(part in err and err.count('\n') <= 2, err)


def checked_by_go(folder):
    """Go's sumdb verifies what was fetched: tree, cosignature of a witness, proof of inclusion"""
    port = free_port()
    with Nodes(folder, 'a', 'b') as (a, b):
        admit(a, b)
        a.start('--public', f'127.0.0.1:{port}', '--witness-gap', '1')
        b.start(peers=[a])
        origin = a.append('audit', [f'line {number}' for number in range(300)])[0]['origin']
        until(lambda: cosigned(a, origin, 300), 'b cosigns')
        reader = Reader(port, place(a, origin))
        until(lambda: reader.checkpoint() and b'/witness ' in reader.files['checkpoint'],
              'the cosignature is served')
        reader.whole()
        tree = os.path.join(folder, 'fetched')
        reader.save(tree)
        proof = os.path.join(folder, 'p.tlog-proof')
        with open(proof, 'w', encoding='utf-8') as file:
            file.write(run('proof', 'export', origin, '123', '--data', a.data)[0])
        log_key = ask('log', 'show', origin, '--data', a.data)['vkey']
        item = cosigned(a, origin, 300)[key_of(b)]

        def check(witness_key, *files):
            return subprocess.run([TLOGCHECK, '-witness', witness_key, tree, log_key, *files],
                                  capture_output=True, text=True, timeout=120, check=False)
        done = check(item['vkey'], proof)
        if done.returncode == 77:
            return 'skip: ' + done.stderr.strip()
        expect(done.returncode == 0 and 'cosigned' in done.stdout and 'entry 123' in done.stdout,
               f'{done.returncode}: {done.stdout}{done.stderr}')
        # Another key of that name, and a line that was changed.
        name = os.path.join(tree, 'checkpoint')
        with open(name, encoding='utf-8') as file:
            lines = file.read().splitlines(True)
        at = next(i for i, line in enumerate(lines) if '/witness ' in line)
        front, back = lines[at][:-6], lines[at][-5:]
        lines[at] = front + ('A' if lines[at][-6] != 'A' else 'B') + back
        with open(name, 'w', encoding='utf-8') as file:
            file.writelines(lines)
        done = check(item['vkey'])
        expect(done.returncode == 1, f'a false cosignature passes: {done.stdout}')
        del lines[at]
        with open(name, 'w', encoding='utf-8') as file:
            file.writelines(lines)
        expect(check(item['vkey']).returncode == 1, 'none at all passes')
    return None


if __name__ == '__main__':
    tell([a_whole_log_by_url, tricks_get_nothing, whose_logs, checked_by_go])
