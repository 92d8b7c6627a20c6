# SPDX-License-Identifier: Apache-2.0
"""What anchoring a 32-byte root in Bitcoin needs: transactions with an OP_RETURN output, and proofs
that a transaction is in its block."""
import hashlib
import struct

MAGIC = b"RV"  # The output script is OP_RETURN <34 bytes: MAGIC || root>, nothing else.


def sha256(b):
    return hashlib.sha256(b).digest()


def dsha(b):
    return sha256(sha256(b))


def hexrev(b):
    return b[::-1].hex()


class Reader:
    def __init__(self, b):
        self.b, self.at = b, 0

    def take(self, n):
        if n < 0 or self.at + n > len(self.b):
            raise ValueError("short")
        self.at += n
        return self.b[self.at - n:self.at]

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def compact(self):
        n = self.take(1)[0]
        if n < 0xFD:
            return n
        width = {0xFD: 2, 0xFE: 4, 0xFF: 8}[n]
        v = int.from_bytes(self.take(width), "little")
        if v < {2: 0xFD, 4: 0x10000, 8: 0x100000000}[width]:
            raise ValueError("compact size not shortest")
        return v

    def var(self, limit=1 << 20):
        n = self.compact()
        if n > limit:
            raise ValueError("too long")
        return self.take(n)

    def end(self):
        if self.at != len(self.b):
            raise ValueError("bytes after the end")


def compact(n):
    if n < 0xFD:
        return bytes([n])
    return b"\xfd" + struct.pack("<H", n) if n < 0x10000 else b"\xfe" + struct.pack("<I", n)


def anchor_script(root):
    return b"\x6a" + bytes([34]) + MAGIC + root


def spend(txid, vout, value, script, change_script, fee=1000):
    """Spend a P2SH(OP_TRUE) coin: no key is needed on regtest."""
    sig = b"\x01\x51"
    return (struct.pack("<i", 2) + b"\x01" + bytes.fromhex(txid)[::-1] + struct.pack("<I", vout)
            + compact(len(sig)) + sig + b"\xff\xff\xff\xff" + b"\x02"
            + struct.pack("<q", 0) + compact(len(script)) + script
            + struct.pack("<q", value - fee) + compact(len(change_script)) + change_script
            + struct.pack("<I", 0))


def merkleblock(b):
    """(header, total, [(txid, index, path)]) of what gettxoutproof returns (BIP 37)."""
    r = Reader(b)
    head, total = r.take(80), r.u32()
    hashes = [r.take(32) for _ in range(r.compact())]
    flags = r.var()
    r.end()
    if not 0 < total <= 4_000_000 // 60 or len(hashes) > total:
        raise ValueError("transaction count")
    height = 0
    while (total + (1 << height) - 1) >> height > 1:
        height += 1
    bits = (flags[i // 8] >> i % 8 & 1 for i in range(8 * len(flags)))
    hashes = iter(hashes)
    found = []

    def walk(level, pos):
        wanted = next(bits)
        if level == 0 or not wanted:
            h = next(hashes)
            if level == 0 and wanted:
                found.append((h, pos, []))
                return h, found[-1:]
            return h, []
        left, inside = walk(level - 1, 2 * pos)
        right, inside2 = left, []
        if 2 * pos + 1 < (total + (1 << level - 1) - 1) >> level - 1:
            right, inside2 = walk(level - 1, 2 * pos + 1)
            if left == right:
                raise ValueError("duplicated right node")
        for f in inside:
            f[2].append(right)
        for f in inside2:
            f[2].append(left)
        return dsha(left + right), inside + inside2

    try:
        top, _ = walk(height, 0)
    except StopIteration:
        raise ValueError("too few bits or hashes")
    if next(hashes, None) is not None or top != head[36:68]:
        raise ValueError("merkle root")
    return head, total, found


def mine_header(before, when, bits, root=bytes(32)):
    """A header on that hash (as in memory), with enough work for its target."""
    target = (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3)
    head = struct.pack("<I", 0x20000000) + before + root + struct.pack("<II", when, bits)
    for nonce in range(1 << 32):
        header = head + struct.pack("<I", nonce)
        if int.from_bytes(dsha(header), "little") <= target:
            return header
    raise ValueError("no nonce does")
