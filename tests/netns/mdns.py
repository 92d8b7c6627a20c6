#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the story of mDNS asks in between, in the namespace it is started in.

  mdns.py listen IF SECONDS       prints each packet for _p2p._udp.local on that interface:
                                  milliseconds, family, source, Q or R, name of the instance, ttl
  mdns.py flood IF SECONDS RATE   asks that often; prints questions sent, packets that came back
  mdns.py hold SECONDS            takes the port for itself alone
  mdns.py linked LINKS MS LOG...  ms after MS at which all logs tell of so many links
  mdns.py sizes NAMESPACE N       reads `tally log list --json`: is there a log of that size?
  mdns.py median NUMBER...
  mdns.py browse SECONDS ID       a strict DNS-SD client (python3-zeroconf) must see that peer whole
  mdns.py register SECONDS ADDRESS ID    and tells of one itself
"""
import datetime
import json
import select
import socket
import statistics
import struct
import sys
import time

PORT, GROUP4, GROUP6 = 5353, '224.0.0.251', 'ff02::fb'
SERVICE = '_p2p._udp.local'


def wire(name):
    return b''.join(bytes([len(label)]) + label.encode() for label in name.split('.')) + b'\0'


QUESTION = struct.pack('!6H', 0, 0, 1, 0, 0, 0) + wire(SERVICE) + struct.pack('!2H', 12, 1)


def join(family, interface):
    index = socket.if_nametoindex(interface)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(('::', PORT))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                        socket.inet_pton(family, GROUP6) + struct.pack('@I', index))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    else:
        sock.bind(('', PORT))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        socket.inet_aton(GROUP4) + bytes(4) + struct.pack('@i', index))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                        bytes(8) + struct.pack('@i', index))
    return sock


def name_at(packet, at):
    labels, after = [], None
    while packet[at]:
        if packet[at] >= 0xc0:
            after = after or at + 2
            at = (packet[at] & 0x3f) << 8 | packet[at + 1]
            continue
        labels.append(packet[at + 1:at + 1 + packet[at]].decode(errors='replace'))
        at += 1 + packet[at]
    return '.'.join(labels), after or at + 1


def told(packet):
    """(instance, ttl) of the PTR records of the service in a response."""
    _, flags, questions, answers, _, _ = struct.unpack('!6H', packet[:12])
    if not flags & 0x8000:
        return 'Q', []
    at, found = 12, []
    for _ in range(questions):
        at = name_at(packet, at)[1] + 4
    for _ in range(answers):
        name, at = name_at(packet, at)
        kind, _, ttl, size = struct.unpack('!HHIH', packet[at:at + 10])
        if kind == 12 and name == SERVICE:
            found.append((name_at(packet, at + 10)[0].split('.')[0], ttl))
        at += 10 + size
    return 'R', found


def listen(interface, seconds):
    sockets = [join(socket.AF_INET, interface), join(socket.AF_INET6, interface)]
    end = time.monotonic() + float(seconds)
    while (left := end - time.monotonic()) > 0:
        for sock in select.select(sockets, [], [], left)[0]:
            packet, who = sock.recvfrom(9000)
            kind, found = told(packet)
            for instance, ttl in found or [('-', 0)]:
                print(int(time.time() * 1000), 4 if sock.family == socket.AF_INET else 6, who[0],
                      kind, instance, ttl, flush=True)


def flood(interface, seconds, rate):
    sock = join(socket.AF_INET, interface)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    sock.setblocking(False)
    sent = back = 0
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < float(seconds):
        while sent < passed * float(rate):
            sock.sendto(QUESTION, (GROUP4, PORT))
            sent += 1
        while select.select([sock], [], [], 0.0005)[0]:
            sock.recvfrom(9000)
            back += 1
    print(sent, back)


def linked(links, begin_ms, *logs):
    last = 0.0
    for log in logs:
        with open(log, encoding='utf-8') as lines:
            times = [line.split()[0][5:] for line in lines
                     if 'msg=linked' in line and line.rstrip().endswith(f'links={links}')]
        if not times:
            sys.exit(f'{log}: never {links} links')
        at = datetime.datetime.fromisoformat(times[0].replace('Z', '+00:00')).timestamp() * 1000
        last = max(last, at - float(begin_ms))
    print(round(last))


def sizes(namespace, size):
    held = [item['size'] for item in json.load(sys.stdin)['items']
            if item['origin'].endswith('/' + namespace)]
    print(held)
    sys.exit(int(size) not in held)


def browse(seconds, peer_id):
    """SRV, TXT and an address of the target must be there, as go's zeroconf wants them as well."""
    import zeroconf
    client, found = zeroconf.Zeroconf(interfaces=['10.7.0.3']), {}

    class Listener(zeroconf.ServiceListener):
        def add_service(self, zc, type_, name):
            info = zc.get_service_info(type_, name, 3000)
            if info:
                found[name] = info

        def update_service(self, zc, type_, name):
            self.add_service(zc, type_, name)

        def remove_service(self, zc, type_, name):
            pass

    zeroconf.ServiceBrowser(client, SERVICE + '.', Listener())
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for name, info in list(found.items()):
            text = b' '.join(key + b'=' + (value or b'') for key, value in info.properties.items())
            if peer_id.encode() in text and info.parsed_addresses() and b'tally=udp/' in text:
                print(name, info.server, info.port, info.parsed_addresses(), text.decode())
                client.close()
                return
        time.sleep(0.05)
    sys.exit(f'not seen whole: {found}')


def register(seconds, address, peer_id):
    import zeroconf
    client = zeroconf.Zeroconf(interfaces=[address])
    client.register_service(zeroconf.ServiceInfo(
        SERVICE + '.', 'strictclientstrictclientstrictclient.' + SERVICE + '.', port=4001,
        addresses=[socket.inet_aton(address)], server='strict.local.',
        properties={'dnsaddr': f'/ip4/{address}/tcp/4001/p2p/{peer_id}'}))
    time.sleep(float(seconds))
    client.close()


def hold(seconds):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(('', PORT))
    print('held', flush=True)
    time.sleep(float(seconds))


def main():
    what, words = sys.argv[1], sys.argv[2:]
    if what == 'median':
        print(round(statistics.median(map(float, words))))
    else:
        {'listen': listen, 'flood': flood, 'linked': linked, 'sizes': sizes, 'browse': browse,
         'register': register, 'hold': hold}[what](*words)


if __name__ == '__main__':
    main()
