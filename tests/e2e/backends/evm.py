# SPDX-License-Identifier: Apache-2.0
"""What anchoring a 32-byte root on an EVM chain needs: Keccak-256, RLP, Merkle-Patricia proofs."""

def _round_constants():
    r, out = 1, []
    for _ in range(24):
        rc = 0
        for j in range(7):
            if r & 1:
                rc |= 1 << ((1 << j) - 1)
            r = (r << 1) ^ (0x171 if r & 0x80 else 0)
        out.append(rc)
    return out


_RC, _M = _round_constants(), (1 << 64) - 1


def keccak256(data):
    """Keccak with the original 0x01 padding: not SHA3-256."""
    p = bytearray(data) + b"\x01"
    p += bytes(-len(p) % 136)
    p[-1] |= 0x80
    a = [0] * 25
    rol = lambda v, n: ((v << n) | (v >> (64 - n))) & _M if n else v
    for off in range(0, len(p), 136):
        for i in range(17):
            a[i] ^= int.from_bytes(p[off + 8 * i:off + 8 * i + 8], "little")
        for rc in _RC:
            c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
            d = [c[x - 1] ^ rol(c[(x + 1) % 5], 1) for x in range(5)]
            a = [v ^ d[i % 5] for i, v in enumerate(a)]
            x, y, cur = 1, 0, a[1]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                a[x + 5 * y], cur = rol(cur, (t + 1) * (t + 2) // 2 % 64), a[x + 5 * y]
            for y in range(0, 25, 5):
                row = a[y:y + 5]
                for x in range(5):
                    a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5])
            a[0] ^= rc
    return b"".join(v.to_bytes(8, "little") for v in a[:4])


EVENT = keccak256(b"BatchAnchored(bytes32,bytes32,string)")
SELECTOR = keccak256(b"anchor(bytes32,bytes32,string,bool)")[:4]


def anchor_call(root, batch=bytes(32), memo=b""):
    """Calldata of anchor(root, batch, memo, false)."""
    word = lambda n: n.to_bytes(32, "big")
    return (SELECTOR + root + batch + word(128) + word(0) + word(len(memo)) + memo
            + bytes(-len(memo) % 32))


def contract(topic=EVENT):
    """Init code of a contract that logs (topic, root, batch), its memo empty, for any such call."""
    runtime = (bytes.fromhex("6020600052" "602435" "600435" "7f") + topic
               + bytes.fromhex("60406000a300"))
    return bytes([0x60, len(runtime)]) + bytes.fromhex("600c6000396032" "6000f3") + runtime


# A contract that fails, whatever it is asked.
REVERTER = bytes.fromhex("6460006000fd" "6000526005601b" "f3")


def rlp(x):
    if isinstance(x, int):
        x = x.to_bytes((x.bit_length() + 7) // 8, "big")
    if isinstance(x, (bytes, bytearray)):
        if len(x) == 1 and x[0] < 0x80:
            return bytes(x)
        return _len(len(x), 0x80) + bytes(x)
    body = b"".join(map(rlp, x))
    return _len(len(body), 0xC0) + body


def _len(n, base):
    if n < 56:
        return bytes([base + n])
    b = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(b)]) + b


def unrlp(b):
    """Strict: one item, no bytes after it, shortest lengths only."""
    item, rest = _item(b, 0)
    if rest:
        raise ValueError("bytes after the item")
    return item


def _item(b, depth):
    if not b or depth > 8:
        raise ValueError("rlp")
    t = b[0]
    if t < 0x80:
        return b[:1], b[1:]
    base = 0x80 if t < 0xC0 else 0xC0
    n, head = t - base, 1
    if n > 55:
        w = n - 55
        n, head = int.from_bytes(b[1:1 + w], "big"), 1 + w
        if n < 56 or b[1] == 0:
            raise ValueError("rlp length not shortest")
    body, rest = b[head:head + n], b[head + n:]
    if len(body) != n or (base == 0x80 and n == 1 and body[0] < 0x80):
        raise ValueError("rlp")
    if base == 0x80:
        return body, rest
    items = []
    while body:
        item, body = _item(body, depth + 1)
        items.append(item)
    return items, rest


def _nibbles(b):
    return [n for v in b for n in (v >> 4, v & 15)]


def _compact(nib, leaf):
    flag = (2 if leaf else 0) + len(nib) % 2
    nib = ([flag] if len(nib) % 2 else [flag, 0]) + nib
    return bytes(nib[i] << 4 | nib[i + 1] for i in range(0, len(nib), 2))


def trie(values):
    """(root, proof(i)) of the trie that Ethereum builds over a list of byte strings."""
    nodes = {}

    def ref(node):
        enc = rlp(node)
        if len(enc) < 32:
            return node
        nodes[keccak256(enc)] = enc
        return keccak256(enc)

    def build(pairs):
        if not pairs:
            return b""
        if len(pairs) == 1:
            return [_compact(pairs[0][0], True), pairs[0][1]]
        keys = [k for k, _ in pairs]
        n = 0
        while all(len(k) > n and k[n] == keys[0][n] for k in keys):
            n += 1
        if n:
            return [_compact(keys[0][:n], False), ref(build([(k[n:], v) for k, v in pairs]))]
        node = []
        for i in range(16):
            sub = build([(k[1:], v) for k, v in pairs if k and k[0] == i])
            node.append(ref(sub) if sub else b"")
        return node + [next((v for k, v in pairs if not k), b"")]

    top = rlp(build([(_nibbles(rlp(i)), v) for i, v in enumerate(values)]))
    root = keccak256(top)
    nodes[root] = top

    def proof(i):
        path, out, node = _nibbles(rlp(i)), [top], unrlp(top)
        while True:
            if len(node) == 17:
                nxt, path = (node[16], None) if not path else (node[path[0]], path[1:])
            else:
                nib, leaf = _uncompact(node[0])
                nxt, path = node[1], (None if leaf else path[len(nib):])
            if path is None:
                return out
            if isinstance(nxt, bytes):
                out.append(nodes[nxt])
                nxt = unrlp(nodes[nxt])
            node = nxt

    return root, proof


def _uncompact(b):
    nib = _nibbles(b)
    if nib[0] > 3 or (nib[0] % 2 == 0 and nib[1]):
        raise ValueError("compact path")
    return nib[1 if nib[0] % 2 else 2:], nib[0] >= 2


HEADER = ("parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom "
          "difficulty number gasLimit gasUsed timestamp extraData mixHash nonce baseFeePerGas "
          "withdrawalsRoot blobGasUsed excessBlobGas parentBeaconBlockRoot requestsHash").split()
_QUANTITY = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas",
             "blobGasUsed", "excessBlobGas"}


def header_rlp(block):
    return rlp([int(block[k], 16) if k in _QUANTITY else bytes.fromhex(block[k][2:])
                for k in HEADER if k in block])


def receipt_rlp(r):
    """A receipt as the receipts trie holds it."""
    h = lambda s: bytes.fromhex(s[2:])
    logs = [[h(l["address"]), [h(t) for t in l["topics"]], h(l["data"])] for l in r["logs"]]
    body = rlp([int(r["status"], 16), int(r["cumulativeGasUsed"], 16), h(r["logsBloom"]), logs])
    kind = int(r["type"], 16)
    return (bytes([kind]) if kind else b"") + body
