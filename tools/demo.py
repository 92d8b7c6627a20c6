# SPDX-License-Identifier: Apache-2.0
"""tools/demo [--keep] [--lines N] [--data FOLDER] [FILE]

Three nodes, three processes, three data directories. Each issues receipts from real input: the
history of this project, the package log of this machine, and FILE (or a hash of each source file).

  --keep     leave the nodes running at the end; otherwise they are stopped, the data stays
  --lines N  at most N receipts a node (default 500)
  --data F   where the data goes, a new folder below F each time (default demo-data)
"""
import argparse
import base64
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TALLY = os.environ.get('TALLY', 'build/tally')
PATIENCE_S = 120
LIVE = sys.stdout.isatty()


def say(text=''):
    print(text, flush=True)


def heading(text):
    say()
    say(f'\033[1m{text}\033[0m' if LIVE and 'NO_COLOR' not in os.environ else f'== {text}')


def fail(sentence):
    raise SystemExit(f'demo: {sentence}')


def shown(words):
    return ' '.join(words)


def tally(*words, check=True, **options):
    """Runs the CLI and returns what it printed; its sentence and exit code are ours on failure."""
    done = subprocess.run([TALLY, *words], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, **options)
    if check and done.returncode != 0:
        fail(f'{shown([TALLY, *words])} ended with {done.returncode}: {done.stderr.strip()}')
    return done if not check else done.stdout


# ---- Real input. ----

def history():
    done = subprocess.run(['git', 'log', '--reverse', '--format=%H %cI %s'],
                          capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def package_log():
    try:
        with open('/var/log/dpkg.log', encoding='utf-8', errors='replace') as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    if lines:
        return lines
    done = subprocess.run(['dpkg-query', '-W', '-f', '${Package} ${Version} ${Architecture}\n'],
                          capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def source_hashes():
    lines = []
    for folder in ('include', 'proto', 'src', 'sim', 'tests', 'tools', 'docs'):
        for path, below, names in os.walk(folder):
            below[:] = sorted(set(below) - {'node_modules', '__pycache__'})
            for name in sorted(names):
                with open(os.path.join(path, name), 'rb') as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
                lines.append(f'{digest}  {os.path.join(path, name)}')
    return lines


def named_file(name):
    try:
        with open(name, encoding='utf-8', errors='replace') as file:
            lines = file.read().splitlines()
    except OSError as error:
        return fail(f'{name}: {error.strerror}')
    return lines if any(line.strip() for line in lines) else fail(f'{name} has no lines')


def inputs(options):
    """(namespace, what it is, lines) of each node."""
    third = ('lines', options.file, named_file(options.file)) if options.file else \
            ('sources', 'a hash of each source file', source_hashes())
    # A checkout without its history still has its sources, a system without dpkg its own name.
    chosen = [('commits', 'the history of this project', history() or source_hashes()),
              ('packages', 'the package log of this machine', package_log() or list(os.uname())),
              third]
    return [(namespace, what, [line for line in lines if line.strip()][-options.lines:])
            for namespace, what, lines in chosen]


# ---- Nodes. ----

def free_port():
    """A port that is free for both TCP and UDP; --port means both."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(('127.0.0.1', 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(('127.0.0.1', port))
            except OSError:
                continue
            return port
    return fail('no port is free for both TCP and UDP')


class Node:
    def __init__(self, folder, name):
        self.name = name
        self.data = os.path.join(folder, name)
        self.log = os.path.join(folder, name + '.log')
        self.port = free_port()
        self.process = None
        self.address = None

    def start(self, peers):
        self.words = [TALLY, 'run', '--data', self.data, '--port', str(self.port),
                      '--profile', 'static']
        for peer in peers:
            self.words += ['--peer', peer.address]
        with open(self.log, 'wb') as log:
            # Its own session: Ctrl-C is ours, and with --keep it outlives us.
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        self.address = self.wait_for_address()

    def said(self):
        with open(self.log, encoding='utf-8', errors='replace') as log:
            return log.read()

    def wait_for_address(self):
        """The multiaddr that `tally run` prints, as one reaches it on this machine."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for word in self.said().split():
                if word.startswith('/ip') and '/udp/' in word and '/p2p/' in word:
                    return f'/ip4/127.0.0.1/udp/{self.port}/p2p/' + word.split('/p2p/')[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        return fail(f'node {self.name} did not start: {self.said().strip()[-500:]}')

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def checkpoints(self):
        """Origin -> bytes of its checkpoint, read as any program could: they are plain files."""
        found = {}
        logs = os.path.join(self.data, 'logs')
        for folder in sorted(os.listdir(logs)) if os.path.isdir(logs) else []:
            try:
                with open(os.path.join(logs, folder, 'checkpoint'), 'rb') as file:
                    note = file.read()
            except OSError:
                continue
            found[note.split(b'\n')[0].decode()] = note
        return found


def size_of(note):
    return int(note.split(b'\n')[1]) if note else 0


# ---- The story. ----

class Table:
    """node x log with sizes; redrawn in place on a terminal, else one line a change."""

    def __init__(self):
        self.drawn, self.before = 0, None

    def show(self, names, rows):
        if rows == self.before:
            return
        self.before = rows
        if not LIVE:
            say('  '.join(f'{log}: ' + '/'.join(str(size) for size in sizes)
                          for log, sizes, _ in rows))
            return
        if self.drawn:
            sys.stdout.write(f'\033[{self.drawn}A')
        say('\033[K  %-24s' % 'log' + ''.join('%12s' % f'node {name}' for name in names))
        for log, sizes, same in rows:
            say('\033[K  %-24s' % log + ''.join('%12d' % size for size in sizes) +
                ('   identical' if same else ''))
        self.drawn = len(rows) + 1


def short(origin):
    """The end of the issuer's key, and the namespace."""
    issuer, _, namespace = origin.partition('/')
    return f'…{issuer[-6:]}/{namespace}'


class Appends:
    """One `tally append` a node, all at once."""

    def __init__(self, nodes, sources, folder):
        self.running = []
        for node, (namespace, what, lines) in zip(nodes, sources):
            path = os.path.join(folder, namespace + '.txt')
            with open(path, 'w', encoding='utf-8') as file:
                file.writelines(line + '\n' for line in lines)
            words = [TALLY, 'append', '--data', node.data, '--namespace', namespace,
                     '--lines', path]
            say(f'  node {node.name}: {len(lines)} receipts from {what}')
            say(f'    {shown(words)}')
            receipts = os.path.join(folder, namespace + '.receipts')
            with open(receipts, 'wb') as out, open(receipts + '.err', 'wb') as err:
                process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            self.running.append((process, words, receipts))

    def done(self):
        """Origin -> (receipts, words of the first one's line) once all ended, else None."""
        if any(process.poll() is None for process, _, _ in self.running):
            return None
        appended = {}
        for process, words, receipts in self.running:
            if process.returncode != 0:
                with open(receipts + '.err', encoding='utf-8') as file:
                    fail(f'{shown(words)} ended with {process.returncode}: {file.read().strip()}')
            with open(receipts, encoding='utf-8') as file:
                lines = [line.split() for line in file if line.startswith('did:key:')]
            if not lines:
                fail(f'{shown(words)} printed no receipt')
            appended[lines[0][0]] = (int(lines[-1][1]) + 1, lines[0])
        return appended

    def stop(self):
        for process, _, _ in self.running:
            if process.poll() is None:
                process.terminate()
                process.wait()


def converge(nodes, appends):
    """Waits until all nodes hold what was appended, each checkpoint byte by byte the same."""
    table, end = Table(), time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        appended = appends.done()
        held = [node.checkpoints() for node in nodes]
        rows, same = [], {}
        for origin in appended or sorted({origin for checkpoints in held for origin in checkpoints
                                          if not origin.endswith('/federation')}):
            notes = [checkpoints.get(origin) for checkpoints in held]
            same[origin] = notes[0] is not None and len(set(notes)) == 1
            rows.append((short(origin), [size_of(note) for note in notes], same[origin]))
        table.show([node.name for node in nodes], rows)
        if appended and all(same[origin] and size_of(held[0][origin]) == size
                            for origin, (size, _) in appended.items()):
            return appended, held[0]
        for node in nodes:
            if node.process.poll() is not None:
                fail(f'node {node.name} ended: {node.said().strip()[-500:]}')
        time.sleep(0.1)
    return fail(f'not in step after {PATIENCE_S} s; what the nodes said is in {nodes[0].log} '
                'and beside it')


def vkey(origin):
    """The C2SP verifier key follows from the origin alone: its did:key is the log's key."""
    alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
    number = 0
    for letter in origin.split('/')[0][len('did:key:z'):]:
        number = number * 58 + alphabet.index(letter)
    key = number.to_bytes(34, 'big')[2:]
    tagged = b'\x01' + key
    key_id = hashlib.sha256(origin.encode() + b'\n' + tagged).hexdigest()[:8]
    return f'{origin}+{key_id}+{base64.b64encode(tagged).decode()}', key


def prove(nodes, first, folder):
    """One receipt of the first node, proved from what the last one holds, without any node."""
    origin, index, receipt = first[0], first[1], first[2]
    key, _ = vkey(origin)
    path = os.path.join(folder, 'x.tlog-proof')
    export = ['proof', 'export', '--data', nodes[-1].data, origin, index]
    say(f'  {shown([TALLY, *export])} > {path}')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(tally(*export))
    check = ['proof', 'check', path, '--key', key, '--receipt', receipt]
    say(f'  {shown([TALLY, *check])}')
    say('    ' + tally(*check).strip().replace('\n', '\n    '))
    return path, check


def refuse_a_flipped_bit(path, check):
    with open(path, 'rb') as file:
        proof = bytearray(file.read())
    at = proof.index(b'\n', proof.index(b'\nindex ') + 1) + 3
    proof[at] = ord('A') if proof[at] != ord('A') else ord('B')
    bad = path.replace('x.', 'flipped.')
    with open(bad, 'wb') as file:
        file.write(proof)
    done = tally(*[bad if word == path else word for word in check], check=False)
    say(f'  one letter of the proof changed: exit {done.returncode}: {done.stderr.strip()}')
    if done.returncode != 5:
        fail('a changed proof was not refused with exit code 5')


def check_with_openssl(note, folder):
    """The checkpoint's signature with software nobody here wrote, where it is installed."""
    text, _, lines = note.partition(b'\n\n')
    origin = text.split(b'\n')[0].decode()
    _, key = vkey(origin)
    name = '— ' + origin + ' '
    line = next(line for line in lines.decode().split('\n') if line.startswith(name))
    parts = {'key.der': bytes.fromhex('302a300506032b6570032100') + key, 'text': text + b'\n',
             'signature': base64.b64decode(line[len(name):])[4:]}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for part, content in parts.items():
            with open(os.path.join(scratch, part), 'wb') as file:
                file.write(content)
        done = subprocess.run(['openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER',
                               '-inkey', 'key.der', '-rawin', '-in', 'text', '-sigfile',
                               'signature'], cwd=scratch, capture_output=True, text=True,
                              check=False)
    if done.returncode != 0:
        fail(f'openssl refuses the checkpoint: {done.stdout}{done.stderr}')
    say(f'  openssl pkeyutl -verify, over the checkpoint as it lies on disk: {done.stdout.strip()}')


def next_steps(nodes, first, kept):
    a, last = nodes[0], nodes[-1]
    say(f'  {TALLY} log list --data {last.data}')
    say(f'  {TALLY} receipt show --data {last.data} {first[2]}')
    say(f'  {TALLY} fsck --data {last.data}')
    if kept:
        say(f'  {TALLY} status --data {a.data}')
        say(f'  {TALLY} peers --data {a.data}')
        say(f'  git log --oneline | {TALLY} append --data {a.data} --namespace more --lines -')
        say('  stop them: kill ' + ' '.join(str(node.process.pid) for node in nodes))
    else:
        for node in nodes:
            say(f'  {shown(node.words)}    # start node {node.name} again')


def fresh_folder(below):
    """1, 2, 3 …: nothing of an earlier run is touched."""
    number = 1
    while os.path.exists(os.path.join(below, str(number))):
        number += 1
    folder = os.path.join(below, str(number))
    os.makedirs(folder, mode=0o700)
    return folder


def story(nodes, sources, folder, kept):
    heading('Three nodes, three processes, three data directories')
    for index, node in enumerate(nodes):
        node.start(nodes[:index])
        say(f'  {shown(node.words)}')
    heading('Each issues receipts of its own; the others fetch, check and keep them')
    appends = Appends(nodes, sources, folder)
    try:
        appended, notes = converge(nodes, appends)
    finally:
        appends.stop()
    first = next(iter(appended.values()))[1]
    say(f'  {sum(size for size, _ in appended.values())} receipts, {len(appended)} logs, '
        f'{len(nodes)} nodes: every checkpoint is the same, byte by byte.')
    heading('One receipt proved to an outsider: a file and a key, no node')
    refuse_a_flipped_bit(*prove(nodes, first, folder))
    if shutil.which('openssl'):
        check_with_openssl(notes[first[0]], folder)
    heading(f'Go on by hand (data in {folder})')
    next_steps(nodes, first, kept)


def main():
    usage, text = __doc__.split('\n', 1)
    parser = argparse.ArgumentParser(prog='tools/demo', usage=usage, description=text,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--keep', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--lines', type=int, default=500, help=argparse.SUPPRESS)
    parser.add_argument('--data', help=argparse.SUPPRESS)
    parser.add_argument('file', nargs='?', metavar='FILE', help=argparse.SUPPRESS)
    options = parser.parse_args()
    # What the caller names is seen from where the caller is, all else from the project.
    options.data = os.path.abspath(options.data) if options.data else 'demo-data'
    options.file = options.file and os.path.abspath(options.file)
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # As Ctrl-C: the nodes are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not os.access(TALLY, os.X_OK):
        fail(f'{TALLY} is not built: start tools/demo, which builds it')
    sources = inputs(options)
    folder = fresh_folder(options.data)
    nodes = [Node(folder, name) for name in ('a', 'b', 'c')]
    done = False
    try:
        story(nodes, sources, folder, options.keep)
        done = True
    except KeyboardInterrupt:
        say()
        say(f'Interrupted; the nodes are stopped, their data is in {folder}.')
        sys.exit(130)
    finally:
        if not (done and options.keep):
            for node in nodes:
                node.stop()


if __name__ == '__main__':
    main()
