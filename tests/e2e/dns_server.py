# SPDX-License-Identifier: Apache-2.0
"""A small DNS server, honest or not, on UDP and TCP of one address; only inside of namespaces.

Records are bytes, so that a test may say anything: zone[('a.example', A)] = [ipv4('192.0.2.1')].
"""
import os
import socket
import struct
import threading

A, CNAME, TXT, AAAA, SRV = 1, 5, 16, 28, 33


def name(text):
    return b''.join(bytes([len(label)]) + label for label in text.encode().split(b'.')
                    if label) + b'\0'


def ipv4(text):
    return socket.inet_aton(text)


def ipv6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def srv(priority, weight, port, target):
    return struct.pack('>HHH', priority, weight, port) + name(target)


def txt(*strings):
    return b''.join(bytes([len(s)]) + s for s in (s.encode() for s in strings))


class Server:
    """manner: honest, silent, garbage (bytes without sense), short (cut in the middle), loops
    (a name that points at itself), refuses, truncates (UDP says: ask over TCP), mute (truncates,
    and TCP accepts and says nothing)."""

    def __init__(self, address='127.0.0.1'):
        self.zone, self.manner, self.asked, self.over_tcp = {}, 'honest', [], 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 53))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, 53))
        self.tcp.listen()
        self.open = []
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    @staticmethod
    def question(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, = struct.unpack('>H', query[at + 1:at + 3])
        return '.'.join(labels).lower(), kind, query[12:at + 5]

    def records(self, asked, kind):
        """What the name has, behind the chain of its aliases."""
        chain, seen = [], set()
        while (asked, CNAME) in self.zone and kind != CNAME and asked not in seen:
            seen.add(asked)
            target = self.zone[(asked, CNAME)][0]
            chain.append((asked, CNAME, target))
            asked = '.'.join(self.question(b'\0' * 12 + target + b'\0' * 4)[0].split('.'))
        return chain + [(asked, kind, data) for data in self.zone.get((asked, kind), [])]

    def answer(self, query, stream):
        asked, kind, question = self.question(query)
        self.asked.append((asked, kind))
        found = self.records(asked, kind)
        exists = any(key[0] == asked for key in self.zone)
        flags, body = 0x8180 | (0 if exists else 3), b''
        for owner, record, data in found:
            where = b'\xc0\x0c' if owner == asked else name(owner)  # A pointer to the question.
            body += where + struct.pack('>HHIH', record, 1, 60, len(data)) + data
        if self.manner == 'refuses':
            flags, found, body = 0x8185, [], b''
        if self.manner == 'loops':  # The owner's name points at itself.
            here = 12 + len(question)
            body = struct.pack('>HHHIH', 0xc000 | here, kind, 1, 60, 4) + b'\x7f\0\0\1'
            found = [None]
        if not stream and (self.manner in ('truncates', 'mute') or len(body) > 1100):
            flags, found, body = flags | 0x200, [], b''
        whole = query[:2] + struct.pack('>HHHHH', flags, 1, len(found) & 0xffff, 0, 0)
        whole += question + body
        if self.manner == 'garbage':
            return query[:2] + b'\x81\x80' + os.urandom(120)
        if self.manner == 'short':
            return whole[:len(whole) - len(body) // 2 - 1]
        return whole

    def serve_udp(self):
        while True:
            query, peer = self.udp.recvfrom(4096)
            if self.manner != 'silent':
                self.udp.sendto(self.answer(query, False), peer)

    def serve_tcp(self):
        while True:
            client, _ = self.tcp.accept()
            self.over_tcp += 1
            if self.manner == 'mute':
                self.open.append(client)
                continue
            with client:
                size, = struct.unpack('>H', client.recv(2, socket.MSG_WAITALL))
                answer = self.answer(client.recv(size, socket.MSG_WAITALL), True)[:65535]
                client.sendall(struct.pack('>H', len(answer)) + answer)
