#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong gets one clear sentence and the right exit code, and nothing is lost."""
import fcntl
import json
import os
import re
import signal
import socket
import subprocess

from nodes import TALLY, Node, Nodes, ask, expect, run, tell, until


def refused(code, pattern, *words, json_too=True, **options):
    """One sentence that says it (and for usage where to read), nothing on stdout; JSON as well."""
    out, err = run(*words, code=code, **options)
    lines = err.splitlines()
    expect(out == '' and 1 <= len(lines) <= (2 if code == 2 else 1), f'{words}: {out}{err}')
    expect(re.search(pattern, lines[0]), f'{words}: "{lines[0]}" lacks "{pattern}"')
    if json_too:
        error = json.loads(run(*words, '--json', code=code, **options)[0].splitlines()[-1])
        expect(error['schema'] == 'tally/error/1' and error['exit'] == code and
               re.match('(see|check|run|do|stop|split|choose|get|free|start|.*; |.* until )',
                        error['remedy']) and  # Says what to do, not once more what is wrong.
               re.search(pattern, error['message']), f'{words}: {error}')


def command_line(folder):
    """Mistakes in the command line"""
    node = ('--data', os.path.join(folder, 'n'))
    run('node', 'init', *node)
    peer = ('run', *node, '--port', '0', '--peer')
    begin = ('run', *node, '--port', '0', '--bootstrap')
    key = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
    for code, pattern, words in [
            (2, 'no verb "stauts": did you mean "status"', ('stauts',)),
            (2, 'no verb "exprot": did you mean "export"', ('proof', 'exprot')),
            (2, 'no option --namspace here: did you mean --namespace',
             ('append', '--namspace', 'x')),
            (2, '--namespace wants a value', ('append', '--namespace')),
            (2, '--lines takes no value', ('append', '--lines=3', 'x')),
            (2, 'operand is missing', ('proof', 'export', 'x')),
            (2, 'one operand too many', ('status', 'x')),
            (2, 'which namespace', ('append', *node, '-')),
            (2, 'namespace "a b" is not allowed', ('append', *node, '--namespace', 'a b', '-')),
            (2, 'namespace "witness" is not', ('append', *node, '--namespace', 'witness', '-')),
            (2, 'federation', ('append', *node, '--namespace', 'federation', '-')),
            (2, 'type ".*" is not', ('append', *node, '--namespace', 'a', '--type', 'x y', '-')),
            (2, 'whole number', ('proof', 'export', *node, 'x', '1x')),
            (2, '--port "70000" is not', ('run', *node, '--port', '70000')),
            (2, 'no profile "lna"', ('run', *node, '--profile', 'lna')),
            (2, 'neither every nor', ('run', *node, '--verify', 'never')),
            (2, 'not an IP address', ('run', *node, '--listen', 'localhost')),
            (2, 'is not a multiaddr', (*peer, '/\x01\x7f\\')),
            (2, 'is not a multiaddr', (*peer, '127.0.0.1:4001')),
            (2, 'whole peer id', (*peer, '/ip4/127.0.0.1/udp/4001/p2p/12D3KooWnonsense')),
            (2, 'no /p2p/', (*peer, '/ip4/127.0.0.1/udp/4001')),
            (2, 'no address that can be dialled', (*peer, f'/p2p/{key}')),
            (2, 'not of an Ed25519 key',
             (*peer, '/ip4/127.0.0.1/udp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N')),
            (2, 'is not a multiaddr: expected', (*peer, f'/ip4/127.0.0.1/udp/99999/p2p/{key}')),
            (2, 'is not a multiaddr: expected', (*peer, f' /ip4/127.0.0.1/udp/4001/p2p/{key}')),
            (2, 'a port that is not 0', (*peer, f'/ip4/127.0.0.1/udp/0/p2p/{key}')),
            (2, 'no address of one node', (*peer, f'/ip4/0.0.0.0/udp/4001/p2p/{key}')),
            (2, 'no address of one node', (*peer, f'/ip4/224.0.0.1/udp/4001/p2p/{key}')),
            (2, 'no address of one node', (*peer, f'/ip4/255.255.255.255/udp/1/p2p/{key}')),
            (2, 'no address of one node', (*peer, f'/ip6/::/tcp/4001/p2p/{key}')),
            (2, 'no address of one node', (*peer, f'/ip6/ff02::1/udp/4001/p2p/{key}')),
            (2, 'no /p2p/', (*peer, '/dns4/example.org/udp/4001')),
            (2, '--bootstrap ".*" is not a multiaddr: expected', (*begin, '127.0.0.1:4001')),
            (2, '--bootstrap ".*" is not a multiaddr: what', (*begin, '/ip4/1.2.3.4/udp/1/p2p/12')),
            (2, '--bootstrap ".*" is no address that', (*begin, '/ip4/127.0.0.1/udp/1/quic-v1')),
            (2, '--bootstrap ".*" is no address that', (*begin, '/ip4/127.0.0.1')),
            (2, '--bootstrap ".*" is no address of one', (*begin, '/dns4/example.org/udp/0')),
            (2, '--bootstrap ".*" is no address of one', (*begin, '/ip4/0.0.0.0/udp/4001')),
            (2, '--bootstrap ".*" is not of an Ed25519', (
                *begin, '/dns/a.example/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N')),
            (2, 'names a domain: say dns:example.org', (*begin, '/dnsaddr/example.org')),
            (2, 'no name that DNS knows', (*begin, 'dns:')),
            (2, 'no name that DNS knows', (*begin, 'dns:a..example')),
            (2, 'no name that DNS knows', (*begin, 'dns:ex ample.org')),
            (2, 'no name that DNS knows', (*begin, 'dns:' + 'a.' * 127)),
            (2, 'no name that DNS knows', (*begin, '/dns4/' + 'a' * 64 + '/udp/4001')),
            (2, 'no use in profile offline', (*begin, 'dns:example.org', '--profile', 'offline')),
            (2, 'no use in profile offline',
             (*begin, '/ip4/127.0.0.1/udp/1', '--profile', 'offline')),
            (2, 'no use in profile static.*auto, lan or server',
             (*begin, 'dns:example.org', '--profile', 'static')),
            (2, 'more than 32 times --bootstrap',
             (*begin, 'dns:a.example', *(('--bootstrap', 'dns:b.example') * 32))),
            (2, 'no name of a mesh', ('run', *node, '--network=')),
            (2, 'no name of a mesh', ('run', *node, '--network', 'two words')),
            (2, 'no name of a mesh', ('run', *node, '--network', 'x' * 65)),
            (2, 'no pattern of an interface', ('run', *node, '--skip-interface=')),
            (2, 'no pattern of an interface', ('run', *node, '--skip-interface', 'a/b')),
            (2, 'more than 32 times --skip-interface',
             ('run', *node, *(('--skip-interface', 'docker*') * 33))),
            (2, '"a b" is no namespace', ('find', 'namespace', *node, 'a b')),
            (2, '"nobody" is no peer', ('find', 'peer', *node, 'nobody')),
            (2, 'is no peer', ('dht', 'lookup', *node, '/ip4/127.0.0.1/udp/4001')),
            (2, 'operand is missing', ('find', 'peer', *node)),
            (2, 'find wants a verb', ('find',)),
            (2, '--timeout "0" is not', ('find', 'peer', *node, key, '--timeout', '0')),
            (2, '--timeout "soon" is not', ('doctor', *node, '--timeout', 'soon')),
            (3, 'no node is running on .*: start it with', ('find', 'peer', *node, key)),
            (4, 'not a data directory', ('find', 'peer', '--data', folder + '/nowhere', key)),
            (2, 'neither a did:key', ('proof', 'check', '--key', 'x', '-')),
            (2, 'whose log', ('proof', 'check', '-')),
            (2, 'not a receipt hash', ('receipt', 'show', *node, 'abc')),
            (4, 'no log "nothing"', ('log', 'show', *node, 'nothing')),
            (4, 'no receipt 0000', ('receipt', 'show', *node, '0' * 64)),
            (3, 'no node is running on .*: start it with', ('status', *node)),
            (3, 'no node is running on .*: start it with', ('peers', *node)),
            (2, '--data is empty', ('status', '--data', '')),
            (2, '--data is empty', ('run', '--data=', '--port', '0')),
            (4, 'not a data directory', ('log', 'list', '--data', folder)),
            (4, 'not a data directory', ('status', '--data', folder + '/nowhere')),
            (4, 'not a data directory', ('run', '--data', folder, '--port', '0')),
            (4, 'not a data directory', ('append', '--data', folder, '--namespace', 'a', '-'))]:
        refused(code, pattern, *words)
    with open(os.path.join(folder, 'n', 'keys', 'identity.key'), encoding='ascii') as file:
        expect(len(file.read()) == 93, 'the key file is not as it was')
    own = ask('node', 'show', *node)['peer_id']
    refused(2, 'this node itself', *peer, f'/ip4/127.0.0.1/udp/9/p2p/{own}', json_too=False)
    refused(2, '--bootstrap .* is this node itself', *begin, f'/dns/localhost/udp/9/p2p/{own}')


def input_of_append(folder):
    """What cannot be appended, is said; what came before stays"""
    data = os.path.join(folder, 'n')
    run('node', 'init', '--data', data)
    words = ('append', '--data', data, '--namespace', 'a')
    refused(1, 'nothing to append: standard input is empty', *words, '--lines', '-', input=b'')
    refused(4, 'cannot be read', *words, os.path.join(folder, 'missing'))
    refused(4, 'is a folder', *words, folder)
    big = os.path.join(folder, 'big')
    with open(big, 'wb') as file:
        file.truncate((16 << 20) + 1)
    refused(1, '16777216 bytes: it was not appended', *words, big)
    expect(ask('log', 'list', '--data', data)['items'] == [], 'something was appended')
    out, err = run(*words, '--lines', '-', input=b'one\n\n\ntwo\n' + bytes(17 << 20), code=1)
    expect(len(out.splitlines()) == 2 and 'line 5 of standard input is larger' in err,
           f'{out}{err}')
    expect('2 empty lines skipped' in err, err)
    run(*words, '--lines', '-', input=b'\xff\x00\x01 garbage\r\nlast without newline')
    shown = [ask('receipt', 'show', '--data', data, 'a', index) for index in range(4)]
    expect(shown[2]['body_base64'] and shown[3]['body'] == 'last without newline', f'{shown}')
    for number in range(1, 64):
        run(*words[:-1], f'n{number}', '--lines', '-', input=b'one\n')
    refused(1, 'at most 64 namespaces', *words[:-1], 'n64', '--lines', '-', input=b'one\n')
    run(*words, '--lines', '-', input=b'the others go on\n')
    expect(ask('fsck', '--data', data)['good'], 'fsck')


def closed_output(folder):
    """Standard output that is closed, or full, is not success"""
    data = os.path.join(folder, 'n')
    run('node', 'init', '--data', data)
    words = [TALLY, 'append', '--data', data, '--namespace', 'a', '--lines', '-']
    for output in ('/dev/full', None):
        with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdout=subprocess.PIPE if output is None else open(output, 'wb')
                              ) as process:
            if output is None:
                process.stdout.close()
            try:
                process.stdin.write(b'line\n' * 20000)
                process.stdin.close()
            except BrokenPipeError:
                pass
            err = process.stderr.read().decode()
        expect(process.returncode == 1 and 'standard output' in err, f'{process.returncode} {err}')
    expect(ask('fsck', '--data', data)['good'], 'fsck')
    with open('/dev/full', 'wb') as full:
        done = subprocess.run([TALLY, 'help'], stdout=full, stderr=subprocess.PIPE, check=False)
    expect(done.returncode == 1 and b'cannot be written' in done.stderr, f'{done}')


def others_can_run():
    """Whether we may be somebody else, and he may read the program."""
    try:
        run('version', user=65534, group=65534, extra_groups=[])
    except PermissionError:
        return False
    return True


def data_directory(folder):
    """A locked directory, a wide key, another's version, a lost key"""
    with Nodes(folder, 'n') as (node,):
        node.start()
        node.append('a', ['one'])
        refused(8, f'{node.process.pid}', 'run', '--data', node.data, '--port', '0')
        run('log', 'list', '--data', node.data)
        pid = node.process.pid
        expect(ask('node', 'show', '--data', node.data)['pid'] == pid, 'node show lacks the pid')
    data = node.data
    with open(os.path.join(data, 'lock'), 'r+b') as lock:  # As a call of append has it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(8, 'process', 'append', '--data', data, '--namespace', 'a', '--lines', '-',
                input=b'x\n')
    key = os.path.join(data, 'keys', 'identity.key')
    for path, mode in ((key, 0o644), (key, 0o640), (os.path.dirname(key), 0o755)):
        before = os.stat(path).st_mode
        os.chmod(path, mode)
        refused(1, f'is {mode:04o}: chmod [67]00 ', 'run', '--data', data, '--port', '0')
        os.chmod(path, before)
    if others_can_run():
        os.chmod(os.path.dirname(data), 0o755)
        for words in ('log', 'list'), ('node', 'show'), ('status',), ('run', '--port', '0'):
            refused(1, 'permission denied; run tally as its owner', *words, '--data', data,
                    user=65534, group=65534, extra_groups=[])
    version = os.path.join(data, 'version')
    with open(version, encoding='ascii') as file:
        kept = file.read()
    with open(version, 'w', encoding='ascii') as file:
        file.write(kept.replace('layout 1', 'layout 9').replace('tally ', 'tally 9'))
    refused(1, 'layout 9', 'run', '--data', data, '--port', '0')
    with open(version, 'w', encoding='ascii') as file:
        file.write(kept)
    os.rename(key, key + '.kept')
    refused(4, 'identity.key', 'run', '--data', data, '--port', '0')
    with open(key, 'w', encoding='ascii') as file:
        os.chmod(key, 0o600)
        file.write('not a key\n')
    refused(1, 'not an Ed25519 key', 'run', '--data', data, '--port', '0')
    os.rename(key + '.kept', key)
    expect(ask('fsck', '--data', data)['receipts'] == 1, 'the receipt is gone')


def port_in_use(folder):
    """A port that somebody else has, UDP or TCP"""
    data = os.path.join(folder, 'n')
    for kind, name in ((socket.SOCK_DGRAM, 'UDP'), (socket.SOCK_STREAM, 'TCP')):
        with socket.socket(socket.AF_INET, kind) as holder:
            holder.bind(('127.0.0.1', 0))
            if kind == socket.SOCK_STREAM:
                holder.listen()
            port = holder.getsockname()[1]
            refused(1, f'{name} port {port} is in use .* --port', 'run', '--data', data,
                    '--listen', '127.0.0.1', '--port', port)
    refused(1, 'cannot be bound', 'run', '--data', data, '--listen', '192.0.2.77', '--port', '0')


def damage(folder):
    """A truncated tile, a flipped byte: fsck names the file, and nothing is repaired in silence"""
    data = os.path.join(folder, 'n')
    run('node', 'init', '--data', data)
    run('append', '--data', data, '--namespace', 'a', '--lines', '-', input=b'line\n' * 600)
    tile = os.path.join(data, 'logs', ask('log', 'show', '--data', data, 'a')['origin_hash'],
                        'tile', '0', '001')
    with open(tile, 'r+b') as file:
        whole = file.read()
        file.truncate(len(whole) - 100)
    found = ask('fsck', '--data', data, code=5)
    expect(not found['good'] and any('tile/0/001' in item['path'] for item in found['problems']),
           f'{found}')
    out, err = run('fsck', '--data', data, code=5)
    expect('tile/0/001' in out and err.startswith('tally: '), f'{out}{err}')
    run('proof', 'export', '--data', data, 'a', 300, code=5)
    with open(tile, 'wb') as file:
        file.write(whole[:77] + bytes([whole[77] ^ 1]) + whole[78:])
    expect(not ask('fsck', '--data', data, code=5)['good'], 'a flipped byte passes')
    with open(tile, 'wb') as file:
        file.write(whole)
    expect(ask('fsck', '--data', data)['receipts'] == 600, 'the rest is not as it was')


def damaged_proof(folder):
    """A proof with any byte changed, or cut off anywhere, is refused"""
    data = os.path.join(folder, 'n')
    node = ask('node', 'init', '--data', data)['node']
    run('append', '--data', data, '--namespace', 'a', '--lines', '-', input=b'1\n2\n3\n')
    proof = run('proof', 'export', '--data', data, 'a', 1)[0].encode()
    words = ('proof', 'check', '-', '--key', node)
    run(*words, input=proof)
    for at in range(0, len(proof), 5):
        changed = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1:]
        for bad in (changed, proof[:at]):
            out, err = run(*words, input=bad, code=5)
            expect(not out and err.startswith('tally: standard input does not verify: '), err)
    run(*words, input=proof + b'\n', code=5)


def no_space(folder):
    """Too little space: read-only, still answering; with space again it goes on by itself"""
    with Nodes(folder, 'n') as (node,):
        node.start()
        node.append('a', ['one'])
        node.stop()
        node.start('--min-free', 1 << 62)
        refused(1, 'line 1 was not appended: .*space', 'append', '--data', node.data,
                '--namespace', 'a', '--lines', '-', input=b'two\n')
        status = ask('status', '--data', node.data)
        expect(not status['writable'] and 'read-only' in status['warnings'][0], f'{status}')
        expect(len(ask('receipt', 'list', '--data', node.data, 'a')['items']) == 1, 'not readable')
        node.stop()
        node.start()
        expect(node.append('a', ['two'])[0]['index'] == 1, 'index')


def wrong_peer(folder):
    """Another node than the one named answers: status says so, and what to correct"""
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        other = ask('node', 'init', '--data', os.path.join(folder, 'other'))['peer_id']
        a.address = a.address.split('/p2p/')[0] + '/p2p/' + other
        b.start(peers=[a])
        until(lambda: ask('status', '--data', b.data)['warnings'], 'a warning')
        warning = ask('status', '--data', b.data)['warnings'][0]
        expect(f'another node than {other} answers' in warning and '--peer' in warning, warning)
        expect(warning in run('status', '--data', b.data)[0], 'people are not told')


def full_disk(folder):
    """A disk that fills up under a running node"""
    disk = os.path.join(folder, 'disk')
    os.mkdir(disk)
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk], check=False,
                             stderr=subprocess.DEVNULL)
    if mounted.returncode != 0:
        return 'skip: no right to mount a small file system'
    node = Node(disk, 'n')
    node.log = os.path.join(folder, 'n.log')
    try:
        node.start()
        line = b'x' * 4000 + b'\n'
        out, err = run('append', '--data', node.data, '--namespace', 'a', '--lines', '-',
                       input=line * 4000, code=1)
        acknowledged = len(out.splitlines())
        expect(acknowledged > 100 and 'what is printed above is durable' in err,
               f'{acknowledged} {err}')
        expect(node.process.poll() is None, 'the node ended')
        until(lambda: not ask('status', '--data', node.data)['writable'], 'read-only')
        subprocess.run(['mount', '-o', 'remount,size=64m', disk], check=True)
        until(lambda: ask('status', '--data', node.data)['writable'], 'writable again by itself')
        index = node.append('a', ['after'])[0]['index']
        expect(index >= acknowledged, f'{index} after {acknowledged} acknowledged')
        expect(ask('fsck', '--data', node.data)['good'], 'fsck')
        node.stop()
        receipts = ask('fsck', '--data', node.data)
        expect(receipts['good'] and receipts['receipts'] == index + 1, f'{receipts}')
    finally:
        if node.process is not None:
            node.stop(signal.SIGKILL)
        subprocess.run(['umount', '-l', disk], check=False)
    return None


if __name__ == '__main__':
    tell([command_line, input_of_append, closed_output, data_directory, port_in_use, damage,
          damaged_proof, no_space, wrong_peer, full_disk])
