#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gateway.py ADDRESS OUTER WORD...: a gateway that says what it is told to, and maps nothing.

Words: pcp, natpmp (it knows these, and says so to others), refuse (both, with NOT_AUTHORIZED),
short (NAT-PMP answers are cut), late (answers come after 100 ms), restart (it announces itself
first). Each request is a line on standard output.
"""
import ipaddress
import select
import socket
import struct
import sys
import time

address, outer, *words = sys.argv[1:]
outer = ipaddress.ip_address(outer)
began = time.monotonic()
family = socket.AF_INET6 if ':' in address else socket.AF_INET


def mapped(ip):
    return ip.packed if ip.version == 6 else b'\0' * 10 + b'\xff\xff' + ip.packed


def pcp(request, epoch):
    nonce, protocol = request[24:36], request[36]
    inner, wish = struct.unpack('!HH', request[40:44])
    life = struct.unpack('!I', request[4:8])[0]
    print('pcp', {6: 'tcp', 17: 'udp'}[protocol], inner, wish, life, nonce.hex(), flush=True)
    result = 2 if 'refuse' in words else 0
    return (struct.pack('!BBBBII12x', 2, 0x81, 0, result, life, epoch) + nonce +
            struct.pack('!B3xHH', protocol, inner, wish) + mapped(outer))


def natpmp(request, epoch):
    operation = request[1]
    result = 2 if 'refuse' in words else 0
    head = struct.pack('!BBHI', 0, 0x80 | operation, result, epoch)
    if operation == 0:
        print('natpmp address', flush=True)
        answer = head + outer.packed
    else:
        inner, wish, life = struct.unpack('!HHI', request[4:12])
        print('natpmp', {1: 'udp', 2: 'tcp'}[operation], inner, wish, life, flush=True)
        answer = head + struct.pack('!HHI', inner, wish or inner, life)
    return answer[:9] if 'short' in words else answer


def answer_to(request):
    epoch = int(time.monotonic() - began)
    if request[:1] == b'\x02' and len(request) >= 60:
        if 'pcp' in words:
            return pcp(request, epoch)
        print('pcp unknown', flush=True)
        return struct.pack('!BBHI', 0, 0x81, 1, epoch) if 'natpmp' in words else None
    if request[:1] == b'\x00' and len(request) in (2, 12) and 'natpmp' in words:
        return natpmp(request, epoch)
    return None


server = socket.socket(family, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((address if family == socket.AF_INET else '::', 5351))
if 'restart' in words:
    server.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    server.sendto(struct.pack('!BBHI', 0, 0x80, 0, 0) + outer.packed, ('224.0.0.1', 5350))
while True:
    select.select([server], [], [])
    data, who = server.recvfrom(2048)
    reply = answer_to(data)
    if reply is not None:
        time.sleep(0.1 if 'late' in words else 0)
        server.sendto(reply, who)
