#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator sees: status, doctor, peers, find, and what is remembered from life to life."""
import glob
import os
import re
import socket
import subprocess

import inside
from nodes import Nodes, ask, expect, on_terminal, run, tell, until

BUILD = os.environ.get('TALLY_BUILD', 'build')
SOURCE = os.environ.get('TALLY_SOURCE', '.')


def codes(node, code=None):
    """The findings of a running node, by code; nobody is asked first."""
    return {finding['code']: finding for finding in
            ask('doctor', '--data', node.data, '--quick', code=code)['findings']}


def linked(*nodes):
    for node in nodes:
        until(lambda node=node: ask('status', '--data', node.data)['links'] > 0,
              f'{node.data} is linked')


def doctor_without_a_node(folder):
    """tally doctor without a node looks at the machine, and ends with 3"""
    data = os.path.join(folder, 'n')
    for _ in range(2):  # Without a directory, and with one.
        out, err = run('doctor', '--data', data, code=3)
        expect('node     not running' in out and 'E_NO_NODE' in out and not err, f'{out}{err}')
        expect('do: start it with tally run' in out, out)
        report = ask('doctor', '--data', data, code=3)
        expect(report['schema'] == 'tally/doctor/1' and not report['running'] and
               not report['healthy'], f'{report}')
        run('node', 'init', '--data', data)
    os.chmod(data, 0o755)
    found = [finding['code'] for finding in ask('doctor', '--data', data, code=3)['findings']]
    expect('E_DATA_MODE' in found, f'{found}')


def doctor_of_two(folder):
    """Two linked nodes are well; what is wrong has a code, a sentence, a remedy and exit code 1"""
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        b.start(peers=[a])
        linked(a, b)
        report = ask('doctor', '--data', b.data)
        expect(report['healthy'] and report['running'] and report['links'] == 1, f'{report}')
        expect(report['check'] in ('done', 'nobody', 'timed_out', 'busy'), report['check'])
        for member in ('addresses', 'nat', 'reachable', 'profile', 'clock_offset_ms', 'dht', 'mdns',
                       'refused', 'bootstraps', 'machine', 'disk', 'uptime_ms'):
            expect(member in report, f'{member} is missing in {report}')
        expect(report['disk']['mode'] == '0700' and report['disk']['free_bytes'] > 0, f'{report}')
        out, err = run('doctor', '--data', b.data)
        expect('node     running, profile static' in out and 'clock    peers differ' in out and
               not err, f'{out}{err}')
        os.chmod(b.data, 0o750)
        out, err = run('doctor', '--data', b.data, '--quick', code=1)
        expect('\nE_DATA_MODE  error\n' in out and f'do: chmod 700' in out, out)
        finding = codes(b, 1)['E_DATA_MODE']
        expect(finding['level'] == 'error' and 'chmod 700 ' + b.data in finding['message'],
               f'{finding}')
        os.chmod(b.data, 0o700)
        expect(not ask('doctor', '--data', b.data)['findings'], 'something is left')


def doctor_of_peers(folder):
    """Each peer and bootstrap that is not there: why, and what to do"""
    other = ask('node', 'init', '--data', os.path.join(folder, 'other'))['peer_id']
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        wrong = a.address.split('/p2p/')[0] + '/p2p/' + other
        b.start('--peer', wrong, '--peer', f'/ip4/127.0.0.1/udp/9/p2p/{a.about["peer_id"]}')
        until(lambda: {'E_PEER_IDENTITY', 'E_PEER_SILENT'} <= codes(b).keys(), 'both faults')
        found = codes(b, 1)
        expect(other in found['E_PEER_IDENTITY']['message'] and
               '--peer' in found['E_PEER_IDENTITY']['remedy'], f'{found}')
        warnings = ask('status', '--data', b.data)['warnings']
        expect(any(text.endswith('(E_PEER_IDENTITY)') for text in warnings), f'{warnings}')
        b.stop()
        b.start('--network', 'elsewhere', peers=[a])
        until(lambda: codes(b).keys() & {'E_PEER_SILENT', 'E_PEER_REFUSED'}, 'another mesh')
        expect(ask('status', '--data', b.data)['network'] == 'elsewhere', 'status says which mesh')


def status_and_peers(folder):
    """status and peers for people and for programs"""
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        b.start(peers=[a])
        linked(a, b)
        status = ask('status', '--data', b.data)
        expect(status['profile'] == 'static' and status['network'] == 'tally' and
               status['dht']['role'] == 'off' and status['reachable'] == [], f'{status}')
        expect({'kind', 'lease', 'mapping', 'gateway', 'outer'} <= status['nat'].keys(),
               f'{status["nat"]}')
        shown = run('status', '--data', b.data)[0]
        for line in ('profile  static, network tally', 'nat ', 'dht      off', 'mdns ', 'peers ',
                     'state    '):
            expect(line in shown, f'{line} is not in {shown}')
        peer = ask('peers', '--data', b.data)['items'][0]
        for member in ('path', 'why_not_better', 'source', 'mesh', 'offset_ms', 'rtt_us'):
            expect(member in peer, f'{member} is missing in {peer}')
        cells = run('peers', '--data', b.data)[0].rstrip('\n').split('\t')
        expect(len(cells) == 11 and cells[0] == a.about['peer_id'] and '' not in cells, f'{cells}')
        wide = on_terminal('peers', '--data', b.data, columns=300).splitlines()
        expect(wide[0].startswith('PEER ') and wide[1].startswith(a.about['peer_id'] + '  '),
               f'{wide}')
        narrow = on_terminal('peers', '--data', b.data).splitlines()
        short = '12D3..' + a.about['peer_id'][-8:]
        expect(narrow[1].startswith(short + '  '), f'{narrow}')
        at = narrow[0].index('ADDRESS')
        expect(narrow[1][at:].startswith('/ip4/127.0.0.1/udp/'), f'{narrow}')
        quick = on_terminal('doctor', '--data', b.data)
        expect('all is well' in quick or 'do: ' in quick, quick)


def nothing_to_find(folder):
    """find says that nothing was found, and why; wrong names get a sentence"""
    with Nodes(folder, 'n') as (node,):
        node.start()
        data = ('--data', node.data)
        for words in (('find', 'namespace', 'nowhere'), ('find', 'peer', node.about['node']),
                      ('dht', 'lookup', node.about['peer_id'])):
            out, err = run(*words, *data, '--timeout', 20, code=4)
            expect(not out and 'not found' in err and 'no link with anybody' in err, f'{out}{err}')
            error = ask(*words, *data, code=4)
            expect(error['code'] == 'NOT_FOUND' and error['exit'] == 4 and
                   error['remedy'].startswith('check tally status'), f'{error}')
        node.stop()
        for words in (('find', 'namespace', 'a'), ('find', 'peer', node.about['node']),
                      ('peers',), ('status',)):
            out, err = run(*words, *data, code=3)
            expect(not out and 'no node is running' in err, f'{out}{err}')


def findings_are_explained(folder):
    """tally help explains every code of doctor; the manual page has them all"""
    with open(os.path.join(SOURCE, 'src', 'host', 'uv', 'findings.h'), encoding='utf-8') as file:
        names = re.findall(r'^    X\((\w+),', file.read(), re.M)
    page = run('help', '--man')[0]
    expect(len(names) >= 20, f'{names}')
    for name in names:
        out, err = run('help', 'E_' + name)
        expect(out.startswith(f'E_{name}: ') and '\nWhat to do: ' in out and not err, f'{out}{err}')
        expect(f'\nE_{name}\n' in page, f'E_{name} is not in the manual page')
    out, err = run('help', 'E_NOTHING', code=2)
    expect('no finding "E_NOTHING"' in err, err)


def small_buffers(folder):
    """A low limit of the UDP buffers is one line in the log, and one finding"""
    shim = os.path.join(BUILD, 'tests', 'e2e', 'small_buffers.so')
    with Nodes(folder, 'n') as (node,):
        before = os.environ.get('LD_PRELOAD')
        os.environ['LD_PRELOAD'] = shim
        try:
            node.start()
        finally:
            del os.environ['LD_PRELOAD']
            if before is not None:
                os.environ['LD_PRELOAD'] = before
        lines = [line for line in node.said().splitlines() if 'E_UDP_BUFFER' in line]
        if not lines and 'cannot be preloaded' in node.said():
            return 'skip: nothing can be preloaded here'
        expect(len(lines) == 1 and 'net.core.rmem_max=2097152' in lines[0], f'{lines}')
        finding = codes(node)['E_UDP_BUFFER']
        expect('212992' in finding['message'] and finding['level'] == 'advice', f'{finding}')
    return None


def wrong_clock(folder):
    """A clock that is 30 s slow is told; one of two minutes must be set"""
    faketime = glob.glob('/usr/lib/*/faketime/libfaketime.so.1')
    if not faketime:
        return 'skip: libfaketime is not installed'
    for offset, level in (('-30', 'advice'), ('-120', 'error')):
        with Nodes(folder, 'a' + offset, 'b' + offset) as (a, b):
            a.start()
            environment = dict(os.environ)
            os.environ.update(LD_PRELOAD=faketime[0], FAKETIME=offset, FAKETIME_NO_CACHE='1',
                              FAKETIME_DONT_FAKE_MONOTONIC='1')
            try:
                b.start(peers=[a])
            finally:
                os.environ.clear()
                os.environ.update(environment)
            finding = until(lambda b=b: codes(b).get('E_CLOCK'), 'the clock is told')
            expect(finding['level'] == level and 'slow' in finding['message'], f'{finding}')
            wrong = ask('doctor', '--data', b.data, '--quick', code=None)['clock_offset_ms']
            expect(abs(wrong + 1000 * int(offset)) < 3000, f'{wrong}')
    return None


def remembered(folder):
    """Where peers answered is in peers.last after the end, and the end without them keeps it"""
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start()
        b.start(peers=[a])
        linked(a, b)
        b.stop()
        path = os.path.join(b.data, 'peers.last')
        with open(path, encoding='ascii') as file:
            lines = file.read().splitlines()
        expect(len(lines) == 1 and lines[0].startswith(f'127.0.0.1 {a.port} '), f'{lines}')
        expect(os.stat(path).st_mode & 0o777 == 0o600, 'others may read it')
        a.stop()
        with open(path, 'ab') as file:
            file.write(b'nonsense\n\xff\xfe\n127.0.0.1 99999 00\n')
        b.start(peers=[a])
        b.stop()
        with open(path, encoding='ascii', errors='replace') as file:
            expect(file.read().splitlines()[0] == lines[0], 'who was not there is forgotten')
        os.remove(path)
        b.start()


def mesh_after_a_power_cut(folder):
    """All nodes are restarted without being told of anybody: the mesh is there again"""
    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        def start(node, address, *words):
            node.start('--listen', address, '--profile', 'server', *words)
        start(a, '11.0.0.1')
        known = ask('doctor', '--data', a.data, '--quick', code=None)
        expect(known['profile'] == 'server', f'{known}')
        to_a = ('--bootstrap', a.address.split('/p2p/')[0])  # Whoever answers is pinned.
        start(b, '11.0.0.2', *to_a)
        begun = ask('doctor', '--data', b.data, '--quick', code=None)['bootstraps'][0]
        if begun['state'] == 'failed':
            return 'skip: the core does not take bootstraps yet'
        start(c, '11.0.0.3', '--bootstrap', a.address)
        linked(a, b, c)
        for node in (a, b, c):
            node.stop()
        for node, address in ((c, '11.0.0.3'), (b, '11.0.0.2'), (a, '11.0.0.1')):
            start(node, address)
        linked(a, b, c)
    return None


def blocked(folder):
    """UDP that nobody lets through is told as such"""
    if subprocess.run(['nft', 'list', 'tables'], check=False, capture_output=True).returncode != 0:
        return 'skip: nft is missing, or may not be used'
    with Nodes(folder, 'a', 'b') as (a, b):
        a.start('--listen', '11.0.0.1')
        rules = ('table inet t {\nchain c {\ntype filter hook input priority 0;\n'
                 f'udp dport {a.port} drop\n}}\n}}\n')
        subprocess.run(['nft', '-f', '-'], input=rules, text=True, check=True)
        try:
            b.start('--listen', '11.0.0.2', peers=[a])
            finding = until(lambda: codes(b).get('E_UDP_BLOCKED'), 'it is told')
            expect('not one came back' in finding['message'], f'{finding}')
            until(lambda: 'code=E_UDP_BLOCKED' in b.said(), 'the log has it')
            expect(b.said().count('code=E_PEER_SILENT') == 1, b.said())
        finally:
            subprocess.run(['nft', 'delete', 'table', 'inet', 't'], check=True)
        linked(a, b)
        until(lambda: 'E_UDP_BLOCKED' not in codes(b), 'it is well again')
    return None


def mdns_port(folder):
    """A port 5353 that somebody holds alone is told by log and doctor, and well again without"""
    with Nodes(folder, 'n') as (node,):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind(('', 5353))
            node.start('--profile', 'lan', '--listen', '11.0.0.1')
            finding = until(lambda: codes(node).get('E_MDNS_PORT'), 'it is told')
            expect(finding['level'] == 'error', f'{finding}')  # Of profile lan nothing is left.
            expect(node.said().count('code=E_MDNS_PORT') == 1, node.said())
        expect('E_MDNS_PORT' not in codes(node), 'it is told of a port that is free')
        node.stop()
        node.start('--profile', 'lan', '--listen', '11.0.0.1')
        expect('E_MDNS_PORT' not in codes(node), 'our own socket is in the way')
        own = ask('doctor', '--data', node.data, '--quick', code=None)['addresses']
        expect(f'/ip4/11.0.0.1/udp/{node.port}' in [one['address'] for one in own] and
               own[0]['source'] == 'interface' and own[0]['global'], f'{own}')


def main():
    inside.enter()
    inside.add_addresses('11.0.0.1/24', '11.0.0.2/24', '11.0.0.3/24')
    tell([doctor_without_a_node, doctor_of_two, doctor_of_peers, status_and_peers, nothing_to_find,
          findings_are_explained, small_buffers, wrong_clock, remembered, mesh_after_a_power_cut,
          blocked, mdns_port])


if __name__ == '__main__':
    main()
