#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two nodes under kill -9: nothing acknowledged is lost, no two checkpoints contradict each other.

    kill9.py [--kills N] [--seed N]      15 in an ordinary run; 200 with --long or TALLY_LONG

Who dies is drawn each time: the issuer, the replica, both at once, or a call of append that writes
by itself. All the while receipts are appended, and what was acknowledged is written down here.
"""
import argparse
import base64
import hashlib
import json
import os
import random
import signal
import subprocess
import threading
import time

from nodes import TALLY, Nodes, ask, expect, run, same, tell

ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'


class Appender:
    """A call of append that is fed until it ends, however it ends."""

    def __init__(self, data, acknowledged, counter):
        self.process = subprocess.Popen(
            [TALLY, 'append', '--data', data, '--namespace', 'crash', '--lines', '-', '--json'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.stopped = False
        self.threads = [threading.Thread(target=self.feed, args=(counter,)),
                        threading.Thread(target=self.read, args=(acknowledged,))]
        for thread in self.threads:
            thread.start()

    def feed(self, counter):
        try:
            while not self.stopped:
                counter[0] += 40
                self.process.stdin.write(b''.join(b'receipt %d of a long day\n' % (counter[0] + i)
                                                  for i in range(40)))
                self.process.stdin.flush()
                time.sleep(0.005)  # Load, not a wait: 8,000 a second.
            self.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass

    def read(self, acknowledged):
        for line in self.process.stdout:
            try:
                item = json.loads(line)
            except ValueError:
                continue  # Cut off by the kill: not acknowledged.
            if 'receipt' in item:
                acknowledged[item['index']] = item['receipt']

    def end(self):
        self.stopped = True
        for thread in self.threads:
            thread.join(30)
        self.process.wait(30)
        self.process.stdout.close()


def checkpoints(node, seen):
    """Writes down each (origin, size, root) that lies on a disk, from whichever life."""
    logs = os.path.join(node.data, 'logs')
    for name in os.listdir(logs) if os.path.isdir(logs) else []:
        path = os.path.join(logs, name, 'checkpoint')
        if not os.path.exists(path):
            continue
        with open(path, encoding='utf-8') as file:
            origin, size, root = file.read().split('\n')[:3]
        before = seen.setdefault((origin, int(size)), root)
        expect(before == root, f'two roots of {origin} at size {size}')


def roots(leaves, sizes):
    """RFC 6962 roots of the prefixes of those sizes; stack[i] is a full subtree."""
    found, stack = {}, []
    def node(left, right):
        return hashlib.sha256(b'\x01' + left + right).digest()
    for count, leaf in enumerate(leaves, 1):
        stack.append((1, leaf))
        while len(stack) > 1 and stack[-2][0] == stack[-1][0]:
            right, left = stack.pop(), stack.pop()
            stack.append((left[0] + right[0], node(left[1], right[1])))
        if count in sizes:
            root = stack[-1][1]
            for _, left in reversed(stack[:-1]):
                root = node(left, root)
            found[count] = root
    return found


def vkey(origin):
    number = 0
    for letter in origin.split('/')[0][len('did:key:z'):]:
        number = number * 58 + ALPHABET.index(letter)
    tagged = b'\x01' + number.to_bytes(34, 'big')[2:]
    return (f'{origin}+{hashlib.sha256(origin.encode() + bytes([10]) + tagged).hexdigest()[:8]}+'
            f'{base64.b64encode(tagged).decode()}')


def check_with_go(node, origin):
    """Go's sumdb reads the directory as it lies there; False if there is no Go here."""
    source = os.environ.get('TALLY_SOURCE', '.')
    program = os.path.join(source, 'tests', 'interop', 'go', 'tlogcheck')
    if not os.path.exists(program):
        return False
    folder = os.path.join(node.data, 'logs', node.logs()[origin]['origin_hash'])
    done = subprocess.run([program, folder, vkey(origin)], capture_output=True, text=True,
                          check=False)
    expect(done.returncode in (0, 77), f'Go refuses {folder}: {done.stdout}{done.stderr}')
    return done.returncode == 0


def check_history(node, origin, acknowledged, seen):
    out, _ = run('log', 'export', '--data', node.data, origin)
    receipts = [json.loads(line) for line in out.splitlines()]
    for index, receipt in acknowledged.items():
        expect(index < len(receipts) and receipts[index]['receipt'] == receipt,
               f'receipt {index} was acknowledged and is not in {node.data}')
    leaves = [hashlib.sha256(b'\x00' + base64.b64decode(item['envelope'])).digest()
              for item in receipts]
    wanted = {size: root for (log, size), root in seen.items() if log == origin}
    found = roots(leaves, wanted)
    for size, root in wanted.items():
        expect(size in found and base64.b64encode(found[size]).decode() == root,
               f'the checkpoint of size {size} does not lead to what is there now')
    return len(receipts)


def one_round(chance, nodes, acknowledged, seen, counter):
    a, b = nodes
    alone = chance.random() < 0.2  # Append writes by itself: nobody else has the directory.
    if alone:
        a.stop()
    appender = Appender(a.data, acknowledged, counter)
    time.sleep(chance.uniform(0.02, 0.5))  # When the blow falls.
    if alone:
        appender.process.kill()
    else:
        victims = chance.choice([[a], [b], [a, b]])
        for victim in victims:
            victim.process.kill()
        for victim in victims:
            victim.stop(signal.SIGKILL)
    appender.end()
    for node in nodes:
        checkpoints(node, seen)
    if a.process is None:
        a.start()
    if b.process is None:
        b.start(peers=[a])


def story(kills, seed):
    def nothing_is_lost(folder):
        chance, acknowledged, seen, counter = random.Random(seed), {}, {}, [0]
        with Nodes(folder, 'a', 'b') as (a, b):
            a.start()
            b.start(peers=[a])
            origin = a.append('crash', ['first'])[0]['origin']
            for _ in range(kills):
                one_round(chance, (a, b), acknowledged, seen, counter)
            last = a.append('crash', ['last'])[0]
            acknowledged[last['index']] = last['receipt']
            same([a, b], origin, last['index'] + 1)
            for node in (a, b):
                checkpoints(node, seen)
                count = check_history(node, origin, acknowledged, seen)
                expect(ask('fsck', '--data', node.data)['good'], f'fsck of {node.data}')
                expect(ask('status', '--data', node.data)['frozen'] == [], 'a log is frozen')
            go = check_with_go(a, origin) and check_with_go(b, origin)
            print(f'# {kills} kills, {len(acknowledged)} receipts acknowledged, {count} there, '
                  f'{len(seen)} checkpoints seen, Go {"agrees" if go else "is not here"}')
    nothing_is_lost.__doc__ = f'Nothing acknowledged is lost in {kills} kills, seed {seed}'
    return nothing_is_lost


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--kills', type=int, default=200 if 'TALLY_LONG' in os.environ else 15)
    parser.add_argument('--long', action='store_const', dest='kills', const=200)
    parser.add_argument('--seed', type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    tell([story(given.kills, given.seed)])
