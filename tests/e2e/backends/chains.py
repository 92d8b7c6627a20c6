# SPDX-License-Identifier: Apache-2.0
"""Real backends on loopback: an authority by `openssl ts`, an EVM chain, a Bitcoin regtest chain;
and a man in the middle who makes any of them lie.

The two chains are npm packages by name and hash (npm/*/package-lock.json), installed once below the
build folder. missing(NAME) says why one cannot be had."""
import base64
import fcntl
import glob
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from backends import btc, evm

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(os.environ.get('TALLY_BUILD', 'build'), 'tests', 'e2e', 'backends')
PROGRAMS = {'anvil': 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil',
            'bcoin': 'node_modules/bcoin/bin/node'}
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def missing(name):
    """Installs the package if it is not there; a sentence if that cannot be."""
    folder = os.path.join(CACHE, name)
    if not shutil.which('node') or not shutil.which('npm'):
        return 'node or npm is missing'
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'lock'), 'wb') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(folder, '.installed')):
            for file in ('package.json', 'package-lock.json'):
                shutil.copy(os.path.join(HERE, 'npm', name, file), folder)
            if subprocess.run(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'],
                              cwd=folder, capture_output=True, check=False).returncode:
                return f'the package {name} cannot be installed'
            with open(os.path.join(folder, '.installed'), 'wb'):
                pass
    program = os.path.join(folder, PROGRAMS[name])
    return None if os.path.exists(program) else f'{name} does not run on this machine'


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


class Backend:
    """A program that answers JSON-RPC."""

    def __init__(self):
        self.port, self.process, self.folder = free_port(), None, tempfile.mkdtemp()
        self.url = f'http://127.0.0.1:{self.port}'

    def start(self, words, question, **options):
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                        **options)
        end = time.monotonic() + 60
        while True:
            try:
                self.rpc(question)
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    raise
                time.sleep(0.02)

    def rpc(self, method, *params, headers=()):
        body = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': params}).encode()
        asked = urllib.request.Request(f'http://127.0.0.1:{self.port}', body,
                                       {'Content-Type': 'application/json', **dict(headers)})
        with OPEN(asked, timeout=20) as answer:
            said = json.loads(answer.read())
        if said.get('error'):
            raise RuntimeError(f'{method}: {said["error"]}')
        return said['result']

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Anvil(Backend):
    """Blocks come when they are asked for; `finalized` trails the tip by eight."""

    def __init__(self):
        super().__init__()
        program = os.path.join(CACHE, 'anvil', PROGRAMS['anvil'])
        self.start([program, '--host', '127.0.0.1', '--port', str(self.port), '--silent',
                    '--no-mining', '--slots-in-an-epoch', '4'], 'eth_chainId')
        self.me = self.rpc('eth_accounts')[0]
        codes = [evm.contract(), evm.contract(), evm.contract(evm.keccak256(b'Other()')),
                 evm.REVERTER]
        made = [self.send(data='0x' + code.hex()) for code in codes]
        self.mine()
        self.ours, self.foreign, self.silent, self.reverter = (
            self.rpc('eth_getTransactionReceipt', one)['contractAddress'] for one in made)

    def send(self, **transaction):
        return self.rpc('eth_sendTransaction', {'from': self.me, **transaction})

    def anchor(self, root, to=None, **more):
        return self.send(to=to or self.ours, data='0x' + evm.anchor_call(root).hex(), **more)

    def mine(self, count=1):
        for _ in range(count):
            self.rpc('evm_mine')

    def light(self, transaction):
        """What proves it to whoever knows the chain's headers."""
        at = self.rpc('eth_getTransactionReceipt', transaction)
        block = self.rpc('eth_getBlockByNumber', at['blockNumber'], False)
        hashes = block['transactions']
        raws = [bytes.fromhex(self.rpc('eth_getRawTransactionByHash', one)[2:]) for one in hashes]
        receipts = [evm.receipt_rlp(self.rpc('eth_getTransactionReceipt', one)) for one in hashes]
        index = hashes.index(transaction)
        nodes = [[node.hex() for node in evm.trie(values)[1](index)]
                 for values in (raws, receipts)]
        return {'chain': 'eip155:31337', 'transaction': transaction, 'index': index,
                'header': evm.header_rlp(block).hex(), 'raw': raws[index].hex(),
                'proof': nodes[0], 'receipt': receipts[index].hex(), 'receipt_proof': nodes[1]}


P2SH_TRUE = bytes.fromhex('a914da1745e9b549bd0bfa1a569971c77eba30cd5a4b87')  # Of OP_TRUE.


def base58_address():
    """bcoin's regtest prefix; Bitcoin Core's is another."""
    body = b'\x26' + P2SH_TRUE[2:22]
    number, out = int.from_bytes(body + btc.dsha(body)[:4], 'big'), ''
    while number:
        number, digit = divmod(number, 58)
        out = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'[digit] + out
    return out


class Bcoin(Backend):
    """Regtest, in memory; coins that anyone may spend."""

    def __init__(self):
        super().__init__()
        program = os.path.join(CACHE, 'bcoin', PROGRAMS['bcoin'])
        self.url = f'http://x:k@127.0.0.1:{self.port}'
        self.start(['node', '-r', os.path.join(HERE, 'noleveldown.js'), program,
                    '--network=regtest', '--memory=true', f'--prefix={self.folder}',
                    '--listen=false', '--no-dns', '--only=127.0.0.1:9', '--http-host=127.0.0.1',
                    f'--http-port={self.port}', '--api-key=k', '--index-tx=true',
                    '--log-level=error'], 'getblockcount',
                   env={**os.environ, 'NODE_BACKEND': 'js'}, stderr=subprocess.DEVNULL)
        self.address = base58_address()
        self.mine(110)
        self.coins = [self.rpc('getblock', self.rpc('getblockhash', height), True)['tx'][0]
                      for height in range(1, 9)]

    def rpc(self, method, *params, headers=()):
        password = base64.b64encode(b'x:k').decode()
        return super().rpc(method, *params, headers={'Authorization': f'Basic {password}'}.items())

    def mine(self, count=1):
        return self.rpc('generatetoaddress', count, self.address)

    def anchor(self, root, script=None):
        raw = btc.spend(self.coins.pop(), 0, 50 * 10**8, script or btc.anchor_script(root),
                        P2SH_TRUE)
        return self.rpc('sendrawtransaction', raw.hex()), raw

    def light(self, transaction, raw, block):
        head, _, found = btc.merkleblock(
            bytes.fromhex(self.rpc('gettxoutproof', [transaction], block)))
        (_, index, path), = found
        return {'chain': 'btc:regtest', 'transaction': transaction, 'raw': raw.hex(),
                'header': head.hex(), 'index': index, 'path': [side.hex() for side in path]}


# ---- Somebody in the middle ----


class Liar:
    """Passes on what a backend says, but for `lie`: a function of (method, parameters, result), or
    one of the words of LIES. Or, without a backend, an authority."""

    LIES = ('hang', 'cut', 'huge', 'garbage', 'deep', 'status', 'silent')

    def __init__(self, backend=None, answer=None):
        self.backend, self.answer, self.lie, self.asked = backend, answer, None, []
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                liar.serve(self, self.rfile.read(int(self.headers.get('Content-Length') or 0)))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self.server.server_port}/'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, handler, body):
        kind, text = 'application/json', b''
        if self.backend is not None:
            asked = json.loads(body)
            self.asked.append(asked['method'])
            said = {'jsonrpc': '2.0', 'id': asked['id']}
            try:
                said['result'] = self.backend.rpc(asked['method'], *asked['params'])
            except RuntimeError as error:
                said['error'] = {'code': -5, 'message': str(error)}
            except urllib.error.HTTPError as error:
                said['error'] = {'code': -5, 'message': str(error)}
            if callable(self.lie):
                said = self.lie(asked['method'], asked['params'], said)
            text = json.dumps(said).encode()
        elif self.answer is not None:
            kind, text = 'application/timestamp-reply', self.answer(body)
        self.send(handler, kind, text)

    def send(self, handler, kind, text):
        lie = self.lie if isinstance(self.lie, str) else None
        if lie == 'hang':
            time.sleep(8)
            return
        if lie == 'silent':
            return
        if lie == 'huge':
            text = b'"' + b'x' * (5 << 20) + b'"'
        if lie == 'garbage':
            text = b'{"result": tru'
        if lie == 'deep':
            text = b'[' * 5000 + b']' * 5000
        handler.send_response(503 if lie == 'status' else 200)
        handler.send_header('Content-Type', kind)
        handler.send_header('Content-Length', str(len(text)))
        handler.end_headers()
        try:
            handler.wfile.write(text[:len(text) // 2] if lie == 'cut' else text)
        except OSError:
            pass  # Whoever asked had enough.

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


FAKETIME = next(iter(glob.glob('/usr/lib/*/faketime/libfaketime.so.1')), None)


def clock_of(offset):
    """The environment of a program whose clock is wrong by that, like "-800d"."""
    if not offset:
        return None
    return {**os.environ, 'LD_PRELOAD': FAKETIME, 'FAKETIME': offset}


class Authority:
    """Keys and certificates in a folder, good and bad, and `openssl ts` with them."""

    POLICY, OTHER_POLICY = '1.3.6.1.4.1.32473.1.1', '1.3.6.1.4.1.32473.1.2'

    def __init__(self, folder, offset=None):
        self.folder, self.serial = folder, threading.Lock()  # openssl locks no serial file.
        subprocess.run(['sh', os.path.join(HERE, 'mktsa.sh'), folder], check=True,
                       capture_output=True, env=clock_of(offset))
        self.roots, self.offset = os.path.join(folder, 'ca.crt'), offset

    def openssl(self, *words, offset=None):
        return subprocess.run(['openssl', *words], cwd=self.folder, check=True,
                              capture_output=True, env=clock_of(offset or self.offset)).stdout

    def reply(self, question, section='tsa_config'):
        with tempfile.NamedTemporaryFile(dir=self.folder) as file, self.serial:
            file.write(question)
            file.flush()
            return self.openssl('ts', '-config', 'tsa.cnf', '-section', section, '-reply',
                                '-queryfile', file.name)

    def stamp(self, root, policy=POLICY, section='tsa_config', digest='sha256', offset=None):
        """An answer over the root form, for whoever has it: no nonce."""
        name = os.path.join(self.folder, 'query')
        self.openssl('ts', '-config', 'tsa.cnf', '-query', '-digest',
                     hashlib.new(digest, root).hexdigest(), f'-{digest}', '-tspolicy', policy,
                     '-cert', '-no_nonce', '-out', name)
        return self.openssl('ts', '-config', 'tsa.cnf', '-section', section, '-reply', '-queryfile',
                            name, offset=offset)
