#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DNS as the node asks it: records of domains and hosts; servers that lie, flood or are dead."""
import os
import signal
import subprocess
import tempfile
import time

import dns_server
import inside
from dns_server import A, AAAA, CNAME, SRV, TXT, ipv4, ipv6, srv, txt
from nodes import Nodes, ask, expect, run, tell, until

RESOLVE = os.path.join(os.environ.get('TALLY_BUILD', 'build'), 'tests', 'e2e', 'resolve')
server = None


def resolve(*words, within_s=3):
    """(error, multiaddrs) of a name, in time."""
    begun = time.monotonic()
    done = subprocess.run([RESOLVE, *map(str, words)], capture_output=True, text=True, check=True,
                          timeout=60)
    took = time.monotonic() - begun
    expect(took < within_s, f'{words} took {took:.1f} s')
    error, *found = done.stdout.splitlines()
    return error, found


def fresh(**zone):
    server.zone, server.manner, server.asked, server.over_tcp = {}, 'honest', [], 0


def peer_id(folder, name):
    return ask('node', 'init', '--data', os.path.join(folder, name))['peer_id']


def services(folder):
    """SRV: hosts in order of priority and weight, both families, both services"""
    fresh()
    server.zone = {
        ('_tally._udp.example.org', SRV): [srv(20, 0, 4002, 'b.example.org'),
                                           srv(10, 1, 4001, 'a.example.org'),
                                           srv(10, 9, 4009, 'heavy.example.org'),
                                           srv(1, 0, 0, 'noport.example.org'),
                                           srv(1, 0, 4001, '.')],
        ('_vaultmesh._tcp.example.org', SRV): [srv(0, 0, 8088, 'b.example.org')],
        ('a.example.org', A): [ipv4('192.0.2.1')],
        ('a.example.org', AAAA): [ipv6('2001:db8::1')],
        ('b.example.org', CNAME): [dns_server.name('c.example.org')],
        ('c.example.org', A): [ipv4('192.0.2.3')],
        ('heavy.example.org', A): [ipv4('192.0.2.9')],
        ('noport.example.org', A): [ipv4('192.0.2.66')],
    }
    error, found = resolve('example.org')
    expect(error == 'OK' and found == [
        '/ip4/192.0.2.9/udp/4009', '/ip4/192.0.2.1/udp/4001', '/ip6/2001:db8::1/udp/4001',
        '/ip4/192.0.2.3/udp/4002', '/ip4/192.0.2.3/tcp/8088'], f'{error} {found}')
    error, found = resolve('nothing.example.org')
    expect(error == 'NOT_FOUND' and not found, f'{error} {found}')
    error, found = resolve('example.org.')
    expect(error == 'OK' and len(found) == 5, f'{error} {found}')


def dnsaddr(folder):
    """TXT: ids are kept, texts in pieces joined, one referral followed, the rest left out"""
    fresh()
    one, two, three = (peer_id(folder, name) for name in 'abc')
    long = f'dnsaddr=/dns4/a.example.org/udp/4001/p2p/{one}'
    server.zone = {
        ('_dnsaddr.example.org', TXT): [
            txt(f'dnsaddr=/ip4/192.0.2.1/udp/4001/p2p/{one}'),
            txt(f'dnsaddr=/ip6/2001:db8::1/tcp/4001/p2p/{two}'),
            txt(long[:20], long[20:33], long[33:]),
            txt(f'dnsaddr=/dnsaddr/other.example.org/p2p/{three}'),
            txt('dnsaddr=/dnsaddr/third.example.org'),
            txt('dnsaddr=/ip4/192.0.2.7/udp/4001'),
            txt('dnsaddr=/ip4/192.0.2.8/udp/4001/p2p/'
                'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'),  # A key of another kind.
            txt('dnsaddr=/ip4/192.0.2.300/udp/4001'), txt('dnsaddr='), txt(''), b'\xff' * 4,
            txt('dnsaddr=/ip4/192.0.2.9/udp/4001/quic-v1'),
            txt('v=spf1 -all'), txt('dnsaddr=/dns4/' + 'x' * 70 + '/udp/1')],
        ('_dnsaddr.other.example.org', TXT): [
            txt(f'dnsaddr=/ip4/192.0.2.40/udp/4001/p2p/{two}'),  # Not whom the referral names.
            txt(f'dnsaddr=/ip4/192.0.2.41/udp/4001/p2p/{three}')],
        ('_dnsaddr.third.example.org', TXT): [
            txt(f'dnsaddr=/ip4/192.0.2.50/udp/4001/p2p/{two}'),
            txt('dnsaddr=/dnsaddr/fourth.example.org')],  # A second level.
        ('_dnsaddr.fourth.example.org', TXT): [txt('dnsaddr=/ip4/192.0.2.60/udp/4001')],
        ('a.example.org', A): [ipv4('192.0.2.20')],
        ('a.example.org', AAAA): [ipv6('2001:db8::20')],
    }
    error, found = resolve('example.org')
    expect(error == 'OK' and found == [
        f'/ip4/192.0.2.1/udp/4001/p2p/{one}', f'/ip6/2001:db8::1/tcp/4001/p2p/{two}',
        '/ip4/192.0.2.7/udp/4001', f'/ip4/192.0.2.41/udp/4001/p2p/{three}',
        f'/ip4/192.0.2.50/udp/4001/p2p/{two}', f'/ip4/192.0.2.20/udp/4001/p2p/{one}'],
        f'{error} {found}')
    expect(('_dnsaddr.fourth.example.org', TXT) not in server.asked, 'a second level was followed')


def hosts(folder):
    """One host: families, aliases, loops of aliases, /etc/hosts"""
    fresh()
    server.zone = {
        ('h.example', A): [ipv4(f'192.0.2.{i}') for i in range(1, 9)],
        ('h.example', AAAA): [ipv6('2001:db8::1')],
        ('six.example', AAAA): [ipv6('2001:db8::6')],
        ('alias.example', CNAME): [dns_server.name('six.example')],
        ('x.example', CNAME): [dns_server.name('y.example')],
        ('y.example', CNAME): [dns_server.name('x.example')],
    }
    four = [f'/ip4/192.0.2.{i}/udp/4001' for i in range(1, 5)]
    expect(resolve('host', 'h.example') == ('OK', four), 'more than four, or other ones')
    expect(resolve('host', 'h.example', 6) == ('OK', ['/ip6/2001:db8::1/udp/4001']), '/dns6/')
    expect(resolve('host', 'six.example', 4) == ('NOT_FOUND', []), '/dns4/')
    expect(resolve('host', 'alias.example') == ('OK', ['/ip6/2001:db8::6/udp/4001']), 'alias')
    expect(resolve('host', 'x.example') == ('NOT_FOUND', []), 'a loop')
    asked = len(server.asked)
    expect(resolve('host', 'written-down') == ('OK', ['/ip4/192.0.2.99/udp/4001',
                                                      '/ip6/2001:db8::99/udp/4001']), 'hosts')
    expect(resolve('host', 'WRITTEN-down', 6)[1] == ['/ip6/2001:db8::99/udp/4001'], 'hosts, 6')
    expect(len(server.asked) == asked, 'DNS was asked for what stands in /etc/hosts')


def too_much(folder):
    """A thousand records: sixteen nodes are taken, over TCP, in no time"""
    fresh()
    server.zone = {('_dnsaddr.example.org', TXT): [
        txt(f'dnsaddr=/ip4/192.0.{i // 250}.{i % 250 + 1}/udp/4001') for i in range(1000)],
        ('_tally._udp.example.org', SRV): [srv(0, 0, 4001, f'h{i}.example.org')
                                           for i in range(1000)]}
    for i in range(1000):
        server.zone[(f'h{i}.example.org', A)] = [ipv4('192.0.2.1')] * 50
    error, found = resolve('example.org')
    expect(error == 'OK' and len(found) == 16 == len(set(found)), f'{error} {len(found)}')
    expect(server.over_tcp > 0, 'what does not fit UDP was not asked for over TCP')
    expect(len(server.asked) <= 40 * 2, f'{len(server.asked)} questions')
    del server.zone[('_dnsaddr.example.org', TXT)]
    error, found = resolve('example.org', within_s=11)
    expect(found == ['/ip4/192.0.2.1/udp/4001'] and len(server.asked) <= 80 * 2,
           f'{found} after {len(server.asked)} questions')


def liars(folder):
    """Answers without sense are no answers: cut, looping, random, refused"""
    for manner in ('short', 'loops', 'garbage', 'refuses'):
        fresh()
        server.zone = {('_tally._udp.example.org', SRV): [srv(0, 0, 4001, 'h.example.org')],
                       ('h.example.org', A): [ipv4('192.0.2.1')]}
        server.manner = manner
        error, found = resolve('example.org', within_s=11)
        expect(not found and error in ('NOT_FOUND', 'TIMED_OUT'), f'{manner}: {error} {found}')
        resolve('host', 'h.example.org', within_s=11)
        server.manner = 'honest'
        expect(resolve('example.org')[0] == 'OK', f'after {manner}')


def dead(folder):
    """A server that says nothing, by UDP or TCP: over after ten seconds; the next one is asked"""
    fresh()
    server.zone = {('h.example.org', A): [ipv4('192.0.2.1')]}
    for manner in ('silent', 'mute'):
        server.manner = manner
        error, found = resolve('example.org', within_s=10.9)
        expect(error == 'TIMED_OUT' and not found, f'{manner}: {error} {found}')
    server.manner = 'truncates'
    expect(resolve('host', 'h.example.org') == ('OK', ['/ip4/192.0.2.1/udp/4001']), 'over TCP')
    fresh()
    server.zone = {('h.example.org', A): [ipv4('192.0.2.1')]}
    with open('/etc/resolv.conf', 'w', encoding='ascii') as file:
        file.write('nameserver 127.0.0.9\nnameserver 127.0.0.1\n')
    error, found = resolve('host', 'h.example.org', within_s=4)
    with open('/etc/resolv.conf', 'w', encoding='ascii') as file:
        file.write('nameserver 127.0.0.1\n')
    expect(error == 'OK' and found, 'the second server was not asked')


def node_with_names(folder):
    """A node whose --bootstrap has names nobody knows, or whose DNS is dead, runs and says so"""
    fresh()
    server.zone = {('good.example', A): [ipv4('127.0.0.1')]}
    names = [f'/dns4/{name}.example/udp/4999' for name in ('good', 'bad')]
    with Nodes(folder, 'n') as (node,):
        node.start('--bootstrap', names[0], '--bootstrap', names[1])

        def seen():
            found = ask('doctor', '--data', node.data, '--quick', code=None)['bootstraps']
            return all(one['state'] != 'resolving' for one in found) and found
        good, bad = until(seen, 'both were looked up')
        expect(good['bootstrap'] == names[0] and good['last_error'] != 'DNS does not know the name',
               f'{good}')
        expect(bad['state'] == 'failed' and bad['last_error'] == 'DNS does not know the name',
               f'{bad}')
        doctor = ask('doctor', '--data', node.data, '--quick', code=1)
        expect('E_NAME' in [finding['code'] for finding in doctor['findings']], f'{doctor}')
        said = node.said()
        expect(said.count('code=E_NAME') == 1 and 'name=bad.example' in said, said)
        node.stop()
        server.manner = 'silent'
        node.start('--bootstrap', names[0])
        expect(node.append('a', ['DNS is dead, and nobody waits for it']), 'append')
        state = ask('doctor', '--data', node.data, '--quick', code=None)['bootstraps'][0]['state']
        expect(state == 'resolving', state)
        begun = time.monotonic()
        node.stop(signal.SIGTERM)
        expect(time.monotonic() - begun < 2, 'the end waits for DNS')


def main():
    global server
    inside.enter()
    with tempfile.TemporaryDirectory(prefix='tally-') as folder:
        inside.put_file('/etc/resolv.conf', 'nameserver 127.0.0.1\n', folder)
        inside.put_file('/etc/hosts', '127.0.0.1 localhost # 192.0.2.66 commented\n'
                        'nonsense written-down\n192.0.2.99\twritten-down  other\n'
                        '2001:db8::99 other written-down\n', folder)
        server = dns_server.Server()
        tell([services, dnsaddr, hosts, too_much, liars, dead, node_with_names])


if __name__ == '__main__':
    main()
