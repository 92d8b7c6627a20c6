# SPDX-License-Identifier: Apache-2.0
"""Ed25519 as RFC 8032 section 5.1 writes it down: slow, not for secrets, and nothing of Tally's."""
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def _add(one, two):
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar, point):
    sum_ = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            sum_ = _add(sum_, point)
        point = _add(point, point)
        scalar >>= 1
    return sum_


def _x_of(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P != 0:
        return None
    return P - x if x & 1 != sign else x


_Y = 4 * pow(5, P - 2, P) % P
_X = _x_of(_Y, 0)
BASE = (_X, _Y, 1, _X * _Y % P)


def _press(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, 'little')


def _open(data):
    y = int.from_bytes(data, 'little')
    sign, y = y >> 255, y & (1 << 255) - 1
    x = _x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def _expand(seed):
    data = hashlib.sha512(seed).digest()
    return int.from_bytes(data[:32], 'little') & (1 << 254) - 8 | 1 << 254, data[32:]


def _hash(data):
    return int.from_bytes(hashlib.sha512(data).digest(), 'little') % L


def public_key(seed):
    return _press(_times(_expand(seed)[0], BASE))


def sign(seed, message):
    scalar, prefix = _expand(seed)
    key = _press(_times(scalar, BASE))
    nonce = _hash(prefix + message)
    point = _press(_times(nonce, BASE))
    return point + ((nonce + _hash(point + key + message) * scalar) % L).to_bytes(32, 'little')


def verify(key, message, signature):
    place, point = _open(key), _open(signature[:32])
    scalar = int.from_bytes(signature[32:], 'little')
    if len(signature) != 64 or place is None or point is None or scalar >= L:
        return False
    left = _times(scalar, BASE)
    right = _add(point, _times(_hash(signature[:32] + key + message), place))
    return _press(left) == _press(right)
