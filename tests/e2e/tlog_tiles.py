# SPDX-License-Identifier: Apache-2.0
"""A reader of logs by URL, written from the text of C2SP tlog-tiles and RFC 6962; it uses nothing
of Tally's. It fetches a whole log, checks every hash of every tile, and says what the root is."""
import base64
import hashlib
import http.client
import os

WIDTH = 256


class Refused(Exception):
    """An answer that is not what the specification says."""


def node_hash(left, right):
    return hashlib.sha256(b'\x01' + left + right).digest()


def leaf_hash(entry):
    return hashlib.sha256(b'\x00' + entry).digest()


def tree_hash(hashes):
    """RFC 6962 section 2.1, over the hashes of subtrees of one size."""
    if not hashes:
        return hashlib.sha256(b'').digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return node_hash(tree_hash(hashes[:k]), tree_hash(hashes[k:]))


def number(index):
    """5 is 005, 1234067 is x001/x234/067."""
    text = f'{index % 1000:03d}'
    while index >= 1000:
        index //= 1000
        text = f'x{index % 1000:03d}/{text}'
    return text


def tile_path(level, index, width):
    path = f'tile/{level}/{number(index)}'
    return path if width == WIDTH else f'{path}.p/{width}'


class Reader:
    def __init__(self, port, prefix):
        self.port, self.prefix, self.files = port, prefix, {}

    def ask(self, path, method='GET'):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def file(self, name, kind='application/octet-stream'):
        status, headers, body = self.ask(f'{self.prefix}/{name}')
        if status != 200 or headers['Content-Type'] != kind:
            raise Refused(f'{name}: {status} {headers.get("Content-Type")}')
        fixed = 'immutable' in headers.get('Cache-Control', '')
        if fixed != (name != 'checkpoint'):
            raise Refused(f'{name}: may be kept: {headers.get("Cache-Control")}')
        self.files[name] = body
        return body

    def checkpoint(self):
        text = self.file('checkpoint', 'text/plain; charset=utf-8').decode()
        origin, size, root = text.split('\n')[:3]
        return origin, int(size), base64.b64decode(root)

    def tile(self, level, index, width):
        body = self.file(tile_path(level, index, width))
        if len(body) != 32 * width:
            raise Refused(f'tile {level}/{index}: {len(body)} bytes for {width} hashes')
        return [body[at:at + 32] for at in range(0, len(body), 32)]

    def entries(self, index, width):
        path = tile_path('entries', index, width)
        body, found = self.file(path), []
        while body:
            end = 2 + int.from_bytes(body[:2], 'big')
            if len(body) < max(end, 2):
                raise Refused(f'{path} is cut off')
            found.append(body[2:end])
            body = body[end:]
        if len(found) != width:
            raise Refused(f'{path}: {len(found)} entries, not {width}')
        return found

    def level(self, size, level):
        """All hashes of a level of a tree of that many leaves."""
        count, hashes = size // WIDTH ** level, []
        for index in range(0, (count + WIDTH - 1) // WIDTH):
            hashes += self.tile(level, index, min(WIDTH, count - index * WIDTH))
        return hashes

    def whole(self):
        """Fetches all; the origin, the entries and the root. Refused if a hash is not right."""
        origin, size, root = self.checkpoint()
        entries = []
        for index in range(0, (size + WIDTH - 1) // WIDTH):
            entries += self.entries(index, min(WIDTH, size - index * WIDTH))
        below, level = [leaf_hash(entry) for entry in entries], 0
        leaves = below
        while below:
            if self.level(size, level) != below:
                raise Refused(f'level {level} is not made of what is below')
            below = [tree_hash(below[at:at + WIDTH])
                     for at in range(0, len(below) // WIDTH * WIDTH, WIDTH)]
            level += 1
        if tree_hash(leaves) != root:
            raise Refused('the entries do not have the root that was signed')
        return origin, entries, root

    def save(self, folder):
        """What was fetched, as files: what other readers of tlog-tiles take."""
        for name, body in self.files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'wb') as file:
                file.write(body)
