# SPDX-License-Identifier: Apache-2.0
"""What the stories about anchors share: a log of our own, its policy, and what is asked of it."""
import json
import os

from nodes import ask, expect, run


class Log:
    """A data directory with one log of our own, and its policy."""

    def __init__(self, folder, name='d'):
        self.data = os.path.join(folder, name)
        self.file = os.path.join(folder, name + '.file')
        self.append(['one', 'two', 'three'])

    def append(self, lines):
        out, _ = run('append', '--data', self.data, '--namespace', 'audit', '--lines', '-',
                     '--json', input='\n'.join(lines).encode())
        self.origin = json.loads(out.splitlines()[0])['origin']
        log = ask('log', 'show', 'audit', '--data', self.data)
        self.root, self.size = bytes.fromhex(log['root']), log['size']

    def policy(self, **sections):
        path = os.path.join(self.data, 'anchors.json')
        with open(path, 'w', encoding='utf-8') as file:
            json.dump(sections, file)
        os.chmod(path, 0o600)

    def add(self, chain=None, transaction=None, content=None, code=0, size=None):
        words = ['--log', 'audit', '--data', self.data] + (['--size', size] if size else [])
        if content is not None:
            with open(self.file, 'wb') as file:
                file.write(content if isinstance(content, bytes) else json.dumps(content).encode())
            return ask('anchor', 'add', self.file, *words, code=code)
        return ask('anchor', 'add', '--chain', chain, '--transaction', transaction, *words,
                   code=code)

    def worse(self, content, reason):
        """A bad proof of what is verified: refused, and takes no good one's place."""
        error = self.add(content=content, code=None)
        if error['schema'] == 'tally/error/1':
            expect(f'({reason}:' in error['message'], f'{error}')
        else:
            is_so(error, 'quarantined', reason)

    def verify(self, anchor, code=0):
        return ask('anchor', 'verify', anchor['id'], '--data', self.data, code=code)['items'][0]

    def all(self):
        return {one['id']: one
                for one in ask('anchor', 'list', '--data', self.data)['items']}


def is_so(anchor, state, reason):
    expect((anchor['state'], anchor['reason']) == (state, reason),
           f'{anchor["state"]}, {anchor["reason"]} instead of {state}, {reason}: '
           f'{anchor["backend"]}')
    return anchor


def terms(authority, **more):
    return {'roots': authority.roots, 'policies': [authority.POLICY], **more}
