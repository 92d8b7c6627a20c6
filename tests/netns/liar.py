#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""liar.py INTERFACE OWN GATEWAY VICTIM: a host that hears what is asked of the gateway.

It answers first, from its own address with everything else right, and in the gateway's name with
another nonce; and it announces twenty times a second that it is the gateway, or that the gateway
has restarted. The outer address it tells is 6.6.6.6.
"""
import socket
import struct
import sys
import threading
import time

interface, own, gateway, victim = sys.argv[1:]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
raw.bind((interface, 0x0800))
BAD = socket.inet_aton('6.6.6.6')


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def frame(to_mac, source, source_port, to, to_port, data):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 28 + len(data), 0, 0, 255, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(to))
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    udp = struct.pack('!HHHH', source_port, to_port, 8 + len(data), 0)
    return to_mac + raw.getsockname()[4] + b'\x08\x00' + head + udp + data


def pcp_answer(request, nonce):
    return (struct.pack('!BBBBII12x', 2, 0x81, 0, 0, 7200, 1) + nonce + request[36:40] +
            request[40:42] + b'\x02\x9a' + b'\0' * 10 + b'\xff\xff' + BAD)


def natpmp_answer(request):
    head = struct.pack('!BBHI', 0, 0x80 | request[1], 0, 1)
    return head + (BAD if request[1] == 0 else request[4:6] + b'\x02\x9a' + request[8:12])


def announce():
    group = b'\x01\x00\x5e\x00\x00\x01'
    said = struct.pack('!BBHI', 0, 0x80, 0, 0) + BAD
    while True:
        raw.send(frame(group, own, 5351, '224.0.0.1', 5350, said))
        raw.send(frame(group, gateway, 5351, '224.0.0.1', 5350, said))
        raw.send(frame(group, gateway, 666, '224.0.0.1', 5350, said))
        raw.send(frame(group, gateway, 5351, '224.0.0.1', 5350, said[:7]))
        time.sleep(0.05)


threading.Thread(target=announce, daemon=True).start()
while True:
    packet = raw.recv(2048)
    if packet[23] != 17 or socket.inet_ntoa(packet[26:30]) != victim or \
            socket.inet_ntoa(packet[30:34]) != gateway or packet[36:38] != struct.pack('!H', 5351):
        continue
    asked_mac, port, asked = packet[6:12], struct.unpack('!H', packet[34:36])[0], packet[42:]
    if asked[0] == 2:
        right, wrong = pcp_answer(asked, asked[24:36]), pcp_answer(asked, b'\x66' * 12)
        raw.send(frame(asked_mac, own, 5351, victim, port, right))
        raw.send(frame(asked_mac, gateway, 666, victim, port, right))
        raw.send(frame(asked_mac, gateway, 5351, victim, port, wrong))
    else:
        raw.send(frame(asked_mac, own, 5351, victim, port, natpmp_answer(asked)))
        raw.send(frame(asked_mac, gateway, 666, victim, port, natpmp_answer(asked)))
    print('lied to', port, flush=True)
