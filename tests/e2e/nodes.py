# SPDX-License-Identifier: Apache-2.0
"""What the stories of this folder share: the program, nodes as processes, and a TAP printer.

The program is $TALLY, else tally in $TALLY_BUILD. Each story has a temporary directory of its own,
which is kept and named if the story fails.
"""
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

TALLY = os.environ.get('TALLY') or os.path.join(os.environ.get('TALLY_BUILD', 'build'), 'tally')
PATIENCE_S = 60


class Failed(Exception):
    pass


def expect(true, sentence):
    if not true:
        raise Failed(sentence)


def run(*words, code=0, input=None, **options):
    """Runs the program; its exit code must be `code` (None: any). Returns (stdout, stderr)."""
    done = subprocess.run([TALLY, *map(str, words)], capture_output=True, check=False,
                          timeout=PATIENCE_S, input=input,
                          **({} if input is not None else {'stdin': subprocess.DEVNULL}), **options)
    out, err = done.stdout.decode(errors='replace'), done.stderr.decode(errors='replace')
    expect(code is None or done.returncode == code,
           f'tally {" ".join(map(str, words))}: exit {done.returncode}, not {code}: '
           f'{out[-300:]}{err}')
    return out, err


def ask(*words, code=0, **options):
    """The same with --json; the object."""
    return json.loads(run(*words, '--json', code=code, **options)[0])


def on_terminal(*words, columns=80, stderr_too=False):
    """What is printed on a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 25, columns, 0, 0))
    with subprocess.Popen([TALLY, *map(str, words)], stdin=subprocess.DEVNULL, stdout=theirs,
                          stderr=theirs if stderr_too else subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b''
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:
            pass  # So Linux says that the other side is closed.
    os.close(ours)
    return shown.decode().replace('\r\n', '\n')


def until(question, sentence, patience_s=PATIENCE_S):
    """Waits for another process: asks until the answer is true, and returns it."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise Failed(f'not within {patience_s} s: {sentence}')


class Node:
    """tally run, on a port of its own that stays the same from life to life."""

    def __init__(self, folder, name):
        self.data = os.path.join(folder, name)
        self.log = os.path.join(folder, name + '.log')
        self.port, self.process, self.address = 0, None, None

    def start(self, *words, peers=()):
        command = [TALLY, 'run', '--data', self.data, '--port', str(self.port), '--listen',
                   '127.0.0.1', '--profile', 'static', '--min-free', '0', '--json']
        for peer in peers:
            command += ['--peer', peer.address]
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([*command, *map(str, words)], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline()
        expect(line, f'{self.data} does not start: {self.said()[-500:]}')
        self.about = json.loads(line)
        expect('addresses' in self.about, f'{self.data} does not start: {line}')
        self.port = self.about['port']
        self.address = self.about['addresses'][0]
        return self

    def said(self):
        with open(self.log, encoding='utf-8', errors='replace') as log:
            return log.read()

    def stop(self, number=signal.SIGTERM):
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            code = self.process.wait(12)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            self.process.wait()
            raise Failed(f'{self.data} did not stop within 12 s') from error
        finally:
            self.process.stdout.close()
            self.process = None
        expect(number == signal.SIGKILL or code == 0, f'{self.data} ended with {code}: '
               f'{self.said()[-500:]}')

    def logs(self):
        return {log['origin']: log for log in ask('log', 'list', '--data', self.data)['items']}

    def append(self, namespace, lines, **options):
        """Appends lines; the objects of those that are durable."""
        out, _ = run('append', '--data', self.data, '--namespace', namespace, '--lines', '-',
                     '--json', input=''.join(line + '\n' for line in lines).encode(), **options)
        return [json.loads(line) for line in out.splitlines()]

    def checkpoint(self, origin):
        """The signed bytes as they lie on disk; empty if there are none."""
        log = self.logs().get(origin)
        path = log and os.path.join(self.data, 'logs', log['origin_hash'], 'checkpoint')
        if not path or not os.path.exists(path):
            return b''
        with open(path, 'rb') as file:
            return file.read()

    def has(self, origin, size):
        log = self.logs().get(origin)
        return log is not None and log['size'] >= size


def signed(note, origin):
    """A checkpoint with its issuer's line only: who cosigned it differs from node to node."""
    text, _, lines = note.partition(b'\n\n')
    own = f'\u2014 {origin} '.encode()
    return text + b'\n\n' + b''.join(line for line in lines.splitlines(True)
                                     if line.startswith(own)) if text else b''


def same(nodes, origin, size):
    """Waits until all hold the log up to that size at least, with equal bytes as checkpoint, but
    for its cosignatures, which come to some later than to others."""
    def equal():
        notes = [signed(node.checkpoint(origin), origin) for node in nodes]
        return notes[0] and len(set(notes)) == 1 and int(notes[0].split(b'\n')[1]) >= size
    until(equal, f'{origin} with {size} receipts on {len(nodes)} nodes')
    return nodes[0].checkpoint(origin)


def tell(stories):
    """Runs functions that take a folder, and prints TAP. A story may return "skip: reason"."""
    print(f'1..{len(stories)}', flush=True)
    failed = 0
    for number, story in enumerate(stories, 1):
        folder = tempfile.mkdtemp(prefix='tally-')
        title = (story.__doc__ or story.__name__).split('\n')[0].rstrip('.')
        try:
            verdict = story(folder)
            skip = f' # SKIP {verdict[6:]}' if verdict else ''
            print(f'ok {number} - {title}{skip}', flush=True)
            shutil.rmtree(folder, ignore_errors=True)
        except Exception as error:  # A failing story must not hide the next.
            failed += 1
            print(f'not ok {number} - {title}\n# {error}\n# what is left: {folder}', flush=True)
            if not isinstance(error, Failed):
                traceback.print_exc()
    sys.exit(1 if failed else 0)


def witness(node):
    """A story fails: what this node says of itself and of others is left beside its data."""
    for verb in ('status', 'peers'):
        with open(f'{node.data}.{verb}.json', 'wb') as file:
            try:
                subprocess.run([TALLY, verb, '--data', node.data, '--json'], stdout=file,
                               stderr=subprocess.STDOUT, timeout=10, check=False)
            except subprocess.TimeoutExpired:
                file.write(b'no answer in ten seconds')


class Nodes:
    """with Nodes(folder, 'a', 'b') as (a, b): whatever happens, no process is left."""

    def __init__(self, folder, *names):
        self.nodes = [Node(folder, name) for name in names]

    def __enter__(self):
        return self.nodes

    def __exit__(self, kind, *_):
        for node in self.nodes:
            if kind and node.process is not None:
                witness(node)
        for node in self.nodes:
            if node.process is not None:
                node.stop(signal.SIGKILL if kind else signal.SIGTERM)
