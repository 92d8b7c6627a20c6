#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Help, the manual page and --json: every verb of the table."""
import json
import os
import re
import socket
import subprocess

from nodes import TALLY, Nodes, ask, expect, run, tell

SOURCE = os.environ.get('TALLY_SOURCE', '.')


def verbs():
    return [line.split('  ')[1].strip() for line in run('help')[0].splitlines()
            if re.match(r'  [a-z]', line)]


def every_verb_explains_itself(folder):
    """Every verb explains itself, with its options and exit codes"""
    expect(len(verbs()) >= 20, f'{verbs()}')
    for verb in verbs():
        out, err = run(*verb.split(), '--help')
        expect(out.startswith(f'usage: tally {verb}') and 'exit codes: 0 done' in out and not err,
               f'{verb}: {out}{err}')
        expect(run('help', *verb.split())[0].find(out) >= 0, f'help {verb} says something else')
    expect(run('append', '--help')[0] == run('receipts', 'append', '--help')[0], 'the short form')
    run(code=2)
    expect(run('--help')[0] == run('help')[0], '--help')


def manual_page(folder):
    """docs/tally.1 is what the table says, docs/operations.md names all verbs, roff reads it"""
    page = run('help', '--man')[0]
    with open(os.path.join(SOURCE, 'docs', 'tally.1'), encoding='utf-8') as file:
        expect(file.read() == page, 'docs/tally.1 is stale: tally help --man > docs/tally.1')
    with open(os.path.join(SOURCE, 'docs', 'operations.md'), encoding='utf-8') as file:
        table = file.read().split('## Verbs')[1].split('\n## ')[0]
    for verb in verbs():
        expect(f'.SS tally {verb} ' in page, f'{verb} is not in it')
        expect(f'| `{verb}` | ' in table, f'{verb} is not in the table of docs/operations.md')
    try:
        done = subprocess.run(['man', '--warnings', '-l', os.path.join(SOURCE, 'docs', 'tally.1')],
                              capture_output=True, check=False, env={**os.environ, 'LC_ALL': 'C'})
    except FileNotFoundError:
        return None
    expect(done.returncode != 0 or not done.stderr, f'{done.stderr.decode()}')
    return None


def json_everywhere(folder):
    """With --json each verb prints one object with its schema"""
    with Nodes(folder, 'n') as (node,):
        node.start()
        receipt = node.append('a', ['one', 'two'])[0]
        expect(receipt['schema'] == 'tally/receipt-append/1', f'{receipt}')
        data = ('--data', node.data)
        node.stop()  # Seals.
        node.start()
        for schema, words in [
                ('status', ('status', *data)), ('peer-list', ('peers', *data)),
                ('doctor', ('doctor', *data, '--quick')),
                ('node', ('node', 'show', *data)), ('log-list', ('logs', 'list', *data)),
                ('log', ('log', 'show', *data, 'a')),
                ('receipt', ('receipt', 'show', *data, 'a', 0)),
                ('receipt-list', ('receipt', 'list', *data, 'a')), ('fsck', ('fsck', *data)),
                ('fsck', ('log', 'fsck', *data)), ('fork-list', ('fork', 'list', *data)),
                ('proof-export', ('proof', 'export', *data, 'a', 1)), ('version', ('version',))]:
            out, err = run(*words, '--json')
            expect(len(out.splitlines()) == 1 and not err, f'{words}: {out}{err}')
            expect(json.loads(out)['schema'] == f'tally/{schema}/1', f'{words}: {out}')
            if words[0] not in ('peers', 'fork'):  # Empty lists are.
                expect(run(*words)[0].strip(), f'{words} says nothing to people')
        page = ask('receipt', 'list', *data, 'a', '--limit', 1)
        expect(page['next'] == '1' and len(page['items']) == 1, f'{page}')


def export(folder):
    """A log leaves as JSON lines, and as files that any web server may give out"""
    with Nodes(folder, 'n') as (node,):
        node.start()
        node.append('a', [f'line {i}' for i in range(300)])
        node.stop()
        out, _ = run('log', 'export', '--data', node.data, 'a')
        lines = [json.loads(line) for line in out.splitlines()]
        expect([line['body'] for line in lines] == [f'line {i}' for i in range(300)], 'bodies')
        mirror = os.path.join(folder, 'mirror')
        run('log', 'export', '--data', node.data, 'a', '--to', mirror)
        names = sorted(os.listdir(mirror))
        expect('checkpoint' in names and 'tile' in names, f'{names}')
        folder_of = os.path.join(node.data, 'logs', node.logs()[lines[0]['origin']]['origin_hash'])
        for path in ('checkpoint', 'tile/0/000', 'tile/entries/000', 'tile/0/001.p/44'):
            with open(os.path.join(folder_of, path), 'rb') as one, \
                    open(os.path.join(mirror, path), 'rb') as other:
                expect(one.read() == other.read(), f'{path} differs')
        out, err = run('log', 'export', '--data', node.data, 'a', '--to', mirror, code=1)
        expect('empty' in err, f'{out}{err}')


def as_soon_as_durable(folder):
    """A receipt is printed when it is durable, not when the next one comes"""
    with Nodes(folder, 'n') as (node,):
        node.start()
        for life in ('through the node', 'alone'):
            with subprocess.Popen([TALLY, 'append', '--data', node.data, '--namespace', 'a',
                                   '--lines', '-'], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as process:
                for _ in range(3):
                    process.stdin.write(b'a line\n')
                    process.stdin.flush()
                    expect(process.stdout.readline(), f'{life}: no answer')  # Else it hangs.
            expect(process.returncode == 0, life)
            if node.process is not None:
                node.stop()
        expect(ask('log', 'show', '--data', node.data, 'a')['size'] == 6, 'six receipts')


def garbage_at_the_socket(folder):
    """Garbage, halves and crowds at the admin socket end that connection, not the node"""
    with Nodes(folder, 'n') as (node,):
        node.start()
        path = os.path.join(node.data, 'admin.sock')
        expect(os.stat(path).st_mode & 0o777 == 0o600, 'others may use the socket')
        for garbage in (b'\x00', b'\xff' * 9, b'\x05\x93\x01\x02\x03\x04',
                        b'GET / HTTP/1.1\r\n' * 9, b'\x81\x80\x80\x09' + bytes(100)):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(garbage)
                client.settimeout(20)
                expect(client.recv(1) == b'', f'{garbage} is not refused')
        crowd = [socket.socket(socket.AF_UNIX) for _ in range(31)]
        for client in crowd:
            client.connect(path)
            client.sendall(b'\xff\xff\x7f half of a large frame')
        expect(ask('status', '--data', node.data)['links'] == 0, 'the last place is not served')
        for client in crowd:
            client.close()
        expect(node.append('a', ['after']) != [], 'append')


def alone(folder):
    """Without a node: append writes by itself, and the next one goes on"""
    data = os.path.join(folder, 'a very long path ' + 'x' * 90, 'n')
    made = ask('node', 'init', '--data', data)
    out, _ = run('append', '--data', data, '--namespace', 'a', '--lines', '-', input=b'1\n2\n')
    out, _ = run('append', '--data', data, '--namespace', 'a', '--lines', '-', input=b'3\n')
    origin, index, receipt = out.split()
    expect(origin == made['node'] + '/a' and index == '2', out)
    log = ask('log', 'show', '--data', data, 'a')
    expect(log['size'] == 3 and log['pending'] == 0, f'{log}')
    proof, _ = run('proof', 'export', '--data', data, 'a', 2)
    for key in (made['node'], made['peer_id'], log['vkey']):
        run('proof', 'check', '-', '--key', key, input=proof.encode())
    without = proof.splitlines(keepends=True)
    del without[1]
    envelope = os.path.join(folder, 'envelope')
    run('proof', 'export', '--data', data, 'a', 2, '--receipt', envelope)
    bare = ''.join(without).encode()  # As others write them.
    run('proof', 'check', '-', '--key', made['node'], input=bare, code=2)
    good = ask('proof', 'check', '-', '--key', made['node'], '--receipt', envelope, input=bare)
    expect(good['receipt'] == receipt, f'{good}')
    # The socket's path is above what the system takes; it works all the same.
    node = subprocess.Popen([TALLY, 'run', '--data', data, '--profile', 'offline', '--json'],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        expect(json.loads(node.stdout.readline())['port'] == 0, 'offline has a port')
        expect(ask('status', '--data', data)['receipts'] == 3, 'status')
    finally:
        node.terminate()
        node.stdout.close()
        node.wait(12)


def first_append(folder):
    """An append without any node makes what is missing, and says so"""
    data = os.path.join(folder, 'new')
    out, said = run('append', '--data', data, '--namespace', 'a', '--lines', '-', input=b'1\n')
    expect('made a key and a data directory' in said and data in said, said)
    origin, index, _ = out.split()
    expect(index == '0' and origin == ask('node', 'show', '--data', data)['node'] + '/a', out)


if __name__ == '__main__':
    tell([every_verb_explains_itself, manual_page, json_everywhere, export,
          as_soon_as_durable, garbage_at_the_socket, alone, first_append])
