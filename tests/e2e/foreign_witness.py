# SPDX-License-Identifier: Apache-2.0
"""A witness on loopback, written from the text of C2SP tlog-witness and tlog-cosignature; it uses
nothing of Tally's. It can also lie, in the ways that a witness can."""
import base64
import hashlib
import http.server
import threading
import time

import ed25519


def node_hash(left, right):
    return hashlib.sha256(b'\x01' + left + right).digest()


def consistent(old, old_root, size, root, proof):
    """RFC 9162 section 2.1.4.2."""
    if old == size or old == 0:
        return not proof and (old == 0 or old_root == root)
    proof = list(proof)
    if old & (old - 1) == 0:
        proof.insert(0, old_root)
    if not proof:
        return False
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = proof[0]
    for part in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first, second = node_hash(part, first), node_hash(part, second)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, part)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and first == old_root and second == root


def vkey(name, kind, key):
    data = bytes([kind]) + key
    ident = hashlib.sha256(name.encode() + b'\n' + data).digest()[:4]
    return f'{name}+{ident.hex()}+{base64.b64encode(data).decode()}', ident


class Witness:
    """An HTTP server with a key. `lie` names what it does instead of its duty; None: its duty."""

    def __init__(self, name, seed):
        self.name, self.seed = name, hashlib.sha256(seed.encode()).digest()
        self.key = ed25519.public_key(self.seed)
        self.vkey, self.ident = vkey(name, 4, self.key)
        self.lie, self.asked, self.cosigned = None, 0, 0
        self.logs = {}   # Of each origin: the key that signs it, None whoever it is.
        self.seen = {}   # Of each origin: the size, root and note that it cosigned last.
        self.requests = []
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), self._handler())
        self.server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def line(self, text, seed=None, seconds=None):
        """cosignature/v1 over a checkpoint's text."""
        seconds = int(time.time()) if seconds is None else seconds
        message = f'cosignature/v1\ntime {seconds}\n{text}'.encode()
        data = self.ident + seconds.to_bytes(8, 'big') + ed25519.sign(seed or self.seed, message)
        return f'— {self.name} {base64.b64encode(data).decode()}\n'

    def judge(self, body):
        """Status, content type, body; in the order of the specification."""
        head, _, note = body.partition('\n\n')
        first, *proof = head.split('\n')
        text, _, signatures = note.partition('\n\n')
        text += '\n'
        if not first.startswith('old ') or text.count('\n') < 3:
            return 400, None, ''
        old, proof = int(first[4:]), [base64.b64decode(line, validate=True) for line in proof]
        origin, size, root = text.split('\n')[:3]
        size, root = int(size), base64.b64decode(root)
        if origin not in self.logs:
            return 404, None, ''
        if not self._signed(origin, text, signatures):
            return 403, None, ''
        if old > size:
            return 400, None, ''
        held_size, held_root, _ = self.seen.get(origin, (0, None, None))
        if old != held_size:
            return 409, 'text/x.tlog.size', f'{held_size}\n'
        if not consistent(old, held_root, size, root, proof):
            return 422, None, ''
        line = self.line(text)
        self.seen[origin] = size, root, note + line
        self.cosigned += 1
        return 200, 'text/plain', line

    def _signed(self, origin, text, signatures):
        for line in signatures.split('\n'):
            _, _, rest = line.partition('— ')
            name, _, data = rest.partition(' ')
            if name == origin:
                return ed25519.verify(self.logs[origin], text.encode(), base64.b64decode(data)[4:])
        return False

    def _handler(witness):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_):
                pass

            def answer(self, status, kind, body, **headers):
                data = body.encode() if isinstance(body, str) else body
                self.send_response(status)
                if kind:
                    self.send_header('Content-Type', kind)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                for origin, (_, _, note) in witness.seen.items():
                    path = f'/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint'
                    if self.path == path:
                        self.answer(200, 'text/plain', note)
                        return
                self.answer(404, None, '')

            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length'])).decode()
                witness.asked += 1
                if self.path != '/add-checkpoint':
                    self.answer(404, None, '')
                    return
                witness.requests.append(body)
                if witness.lie is None:
                    self.answer(*witness.judge(body))
                else:
                    try:
                        LIES[witness.lie](witness, self, body)
                    except OSError:
                        pass  # It hung up, as it should.
        return Handler


# ---- Lies ----

def text_of(body):
    return body.partition('\n\n')[2].partition('\n\n')[0] + '\n'


def wrong_key(witness, handler, body):
    handler.answer(200, None, witness.line(text_of(body), seed=b'\x07' * 32))


def other_tree(witness, handler, body):
    lines = text_of(body).split('\n')
    lines[2] = base64.b64encode(b'\x01' * 32).decode()
    handler.answer(200, None, witness.line('\n'.join(lines)))


def far_ahead(witness, handler, body):
    handler.answer(200, None, witness.line(text_of(body), seconds=int(time.time()) + 86400))


def conflicts(witness, handler, body):
    """Another size each time, never the one that was named."""
    old = int(body[4:body.index('\n')])
    handler.answer(409, 'text/x.tlog.size', f'{0 if old else 1}\n')


def larger(witness, handler, body):
    handler.answer(409, 'text/x.tlog.size', '1000000\n')


def bare_conflict(witness, handler, body):
    handler.answer(409, 'text/plain', '1000000\n')


def endless(witness, handler, body):
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    while True:
        handler.wfile.write(b'\xe2\x80\x94 x ' + b'A' * 4092 + b'\n')


def slow(witness, handler, body):
    handler.send_response(200)
    handler.send_header('Content-Length', '100')
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b'x')
        time.sleep(1)


def elsewhere(witness, handler, body):
    handler.answer(307, None, '', Location='file:///etc/passwd')


def garbage(witness, handler, body):
    handler.wfile.write(b'\x00\xff\x00 no HTTP at all \r\n\r\n')
    handler.close_connection = True


def no_lines(witness, handler, body):
    handler.answer(200, None, b'\xff\xfe\x00\n\n\n\xe2\x80\x94 a b\n' * 100)


def broken(witness, handler, body):
    handler.answer(500, None, 'out of order')


def refuses(witness, handler, body):
    handler.answer(422, None, '')


LIES = {lie.__name__: lie for lie in (wrong_key, other_tree, far_ahead, conflicts, larger,
                                      bare_conflict, endless, slow, elsewhere, garbage, no_lines,
                                      broken, refuses)}
