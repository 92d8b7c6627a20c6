#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Anchors, with real backends on loopback: made, verified, refused, each with its reason; and
backends that are down, slow, cut short, or lie."""
import contextlib
import json
import os
import time

from backends import btc, evm
from backends.chains import FAKETIME, Anvil, Authority, Bcoin, Liar, missing
from nodes import ask, expect, run, tell


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


def authority_good(folder):
    """A time stamp is asked for, kept, shown, and judged again; nobody is trusted by default"""
    log, authority = Log(folder), Authority(os.path.join(folder, 'tsa'))
    with Liar(answer=authority.reply) as server:
        words = ('request', 'test', '--log', 'audit', '--data', log.data)
        _, said = run('anchor', *words, code=10)
        expect('anchors.json' in said, said)
        log.policy(rfc3161={'test': terms(authority, url=server.url)})
        made = is_so(ask('anchor', *words), 'active', 'verified')
        expect(made['form'] == 'checkpoint' and made['uncertainty_ms'] == 1500, f'{made}')
        again = ask('anchor', *words, '--form', 'root')
        expect(again['form'] == 'root' and again['reason'] == 'verified', f'{again}')
        states = sorted(one['state'] for one in log.all().values())
        expect(states == ['active', 'superseded'], f'{states}')
        best, worse = sorted(log.all().values(), key=lambda one: one['transaction'])
        expect(worse['superseded_by'] == {'chain': best['chain'],
                                          'transaction': best['transaction']}, f'{worse}')
        # Its log grows; the anchor stays what it is, of the checkpoint it is of.
        log.append(['four'])
        expect(log.verify(made)['reason'] == 'verified', 'after the log grew')
        # Another policy, another judgement; and back.
        log.policy(rfc3161={'test': terms(authority, policies=[authority.OTHER_POLICY])})
        is_so(log.verify(made, 5), 'quarantined', 'policy')
        log.policy()
        is_so(log.verify(made, 7), 'received', 'no_backend')
        log.policy(rfc3161={'test': terms(authority, url=server.url)})
        expect(log.verify(made)['reason'] == 'verified', 'verified again')
        shown, _ = run('anchor', 'show', made['id'][:10], '--data', log.data)
        expect('verified: all rules are met' in shown, shown)
        mine = ask('log', 'show', 'audit', '--data', log.data)
        expect(mine['anchor'] is None, 'the newest checkpoint has none yet')


def authority_lies(folder):
    """Time stamps that are wrong in one way each; authorities that are down, slow, cut short"""
    log, authority = Log(folder), Authority(os.path.join(folder, 'tsa'))
    rogue = Authority(os.path.join(folder, 'rogue'))
    earlier = []

    def cases():
        yield 'imprint', authority.stamp(b'x' * 32), 'quarantined', 5
        yield 'policy', authority.stamp(log.root, policy=authority.OTHER_POLICY), 'quarantined', 5
        yield 'accuracy', authority.stamp(log.root, section='vague_config'), 'quarantined', 5
        yield 'algorithm', authority.stamp(log.root, digest='sha512'), 'quarantined', 5
        yield 'untrusted', rogue.stamp(log.root), 'quarantined', 5
        yield 'verified', authority.stamp(log.root), 'active', 0

    with Liar() as server:
        log.policy(rfc3161={'test': terms(authority, url=server.url)})
        for reason, token, state, code in cases():
            is_so(log.add(content=token, code=code), state, reason)
        for what in (b'0\x03\x02\x01', b'0' * 20000, b'{}', b'', os.urandom(700), b'\x30' * 70000):
            error = log.add(content=what, code=None)
            expect(error['schema'] == 'tally/error/1' and error['exit'] in (1, 5), f'{error}')
        words = ('request', 'rfc3161:test', '--log', 'audit', '--data', log.data)

        def first(question):
            earlier.append(authority.reply(question))
            return earlier[0]

        server.answer = first
        expect(ask('anchor', *words, '--form', 'root')['reason'] == 'verified', 'its own nonce')
        # The same answer to another question: right root, somebody else's nonce.
        log2 = Log(folder, 'e')
        log2.policy(rfc3161={'test': terms(authority, url=server.url)})
        refused = ask('anchor', 'request', 'test', '--log', 'audit', '--data', log2.data, code=5)
        is_so(refused, 'quarantined', 'imprint')
        _, said = run('anchor', *words, '--form', 'root', code=5)
        expect('an earlier time stamp' in said, said)
        server.answer = authority.reply
        for lie, code, word in (('cut', 1, 'broke off'), ('huge', 1, 'more than was asked for'),
                                ('status', 1, 'HTTP 503'), ('silent', 1, 'broke off'),
                                ('hang', 9, 'no answer in time')):
            server.lie = lie
            begun = time.monotonic()
            _, said = run('anchor', *words, code=code)
            expect(word in said, said)
            expect(time.monotonic() - begun < 7, f'{lie} takes too long')
        server.lie = None
        server.answer = lambda _: b'0\x050\x03\x02\x01\x02'  # PKIStatus: rejection.
        _, said = run('anchor', *words, code=5)
        expect('did not grant' in said, said)
    _, said = run('anchor', *words, code=1)
    expect('refuses connections' in said, said)


def authority_in_time(folder):
    """A token of a signer who has expired, one from before the checkpoint, and a revoked one"""
    if not FAKETIME:
        return 'skip: libfaketime is not installed'
    log = Log(folder)
    old = Authority(os.path.join(folder, 'old'), offset='-800d')
    new = Authority(os.path.join(folder, 'new'), offset='-2d')
    log.policy(rfc3161={'old': terms(old), 'new': terms(new)})
    is_so(log.add(content=old.stamp(log.root), code=5), 'quarantined', 'expired')
    is_so(log.add(content=new.stamp(log.root, offset='-1h'), code=5), 'quarantined',
          'timestamp_drift')
    is_so(log.add(content=new.stamp(log.root, offset='+1h'), code=5), 'quarantined', 'future')
    good = is_so(log.add(content=new.stamp(log.root, offset='+0')), 'active', 'verified')
    serial = new.openssl('x509', '-in', 'tsa.crt', '-noout', '-serial').decode().strip()
    log.policy(rfc3161={'new': terms(new, revoked=[serial.split('=')[1]])})
    is_so(log.verify(good, 5), 'quarantined', 'revoked')
    return None


def evm_policy(chain, *urls, **more):
    return {'31337': {'rpc': list(urls) or chain.url, 'contract': chain.ours, **more}}


def evm_chain(folder):
    """Anchors on an EVM chain: depth, finality, proofs, foreign contracts, a reorganisation"""
    if reason := missing('anvil'):
        return f'skip: {reason}'
    log = Log(folder)
    with Anvil() as chain:
        name = 'eip155:31337'
        good = chain.anchor(log.root)
        wrong = [(chain.anchor(os.urandom(32)), 'contract'),  # Another root.
                 (chain.anchor(log.root, chain.foreign), 'contract'),
                 (chain.anchor(log.root, chain.me), 'contract'),
                 (chain.anchor(log.root, chain.reverter, gas='0x186a0'), 'contract')]
        is_so(log.add(name, good), 'received', 'no_backend')
        log.policy(eip155=evm_policy(chain, confirmations=12))
        made = is_so(log.add(name, good), 'received', 'unmined')
        chain.mine()
        is_so(log.verify(made, 7), 'received', 'depth')
        chain.mine(11)
        is_so(log.verify(made, 7), 'received', 'depth')
        chain.mine()
        made = is_so(log.verify(made), 'active', 'verified')
        expect(made['height'] > 0 and made['time'], f'{made}')
        is_so(log.add(name, '0x' + '11' * 32), 'received', 'unmined')
        for transaction, reason in wrong[:3]:
            is_so(log.add(name, transaction, code=5), 'quarantined', reason)
        log.policy(eip155={'31337': {'rpc': chain.url, 'contract': chain.reverter}})
        is_so(log.add(name, wrong[3][0], code=5), 'quarantined', 'reverted')
        log.policy(eip155={'31337': {'rpc': chain.url, 'contract': chain.silent}})
        # The call counts as its event does; finality is asked for where it is reported.
        called = chain.anchor(log.root, chain.silent)
        chain.mine()
        is_so(log.add(name, called), 'received', 'not_final')
        chain.mine(9)
        is_so(log.add(name, called), 'active', 'verified')
        # Another chain under that name; and the log is not ours up to that size any more.
        log.policy(eip155={'1': {'rpc': chain.url, 'contract': chain.ours}})
        is_so(log.add('eip155:1', good), 'received', 'other_chain')
        evm_light(log, chain, good)
        evm_reorganised(log, chain)
    return None


def evm_light(log, chain, transaction):
    """The same by a file: computed here, and the backend asked for one hash only."""
    proof = chain.light(transaction)
    log.policy()
    expect(log.add(content=proof)['reason'] == 'no_backend', 'nobody to ask')
    with Liar(chain) as asked:
        log.policy(eip155=evm_policy(chain, asked.url, confirmations=12))
        expect(log.add(content=proof)['reason'] == 'verified', 'a good proof')
        expect(asked.asked == ['eth_chainId', 'eth_blockNumber', 'eth_getBlockByNumber'],
               f'{asked.asked}')
        cut = {**proof, 'proof': proof['proof'][:-1]}
        other = chain.light(chain.rpc('eth_getBlockByNumber', '0x1', False)['transactions'][0])
        for bad, reason in ((cut, 'proof'),
                            ({**proof, 'index': proof['index'] + 1}, 'proof'),
                            ({**proof, 'header': proof['header'] + '00'}, 'header'),
                            ({**other, 'transaction': proof['transaction']}, 'transaction'),
                            (other, 'contract')):
            is_so(log.add(content=bad, code=5), 'quarantined', reason)
        expect(log.add(content=proof)['reason'] == 'verified', 'a good proof after bad ones')


def evm_reorganised(log, chain):
    log.append(['more'])
    log.policy(eip155=evm_policy(chain, confirmations=2))
    sent = chain.anchor(log.root)
    chain.mine(3)
    made = is_so(log.add('eip155:31337', sent), 'active', 'verified')
    chain.rpc('anvil_reorg', 4, [])
    is_so(log.verify(made, 5), 'reorged', 'unmined')
    expect(log.all()[made['id']]['time'] is None, 'a lost anchor evidences no time')


def evm_backends(folder):
    """Backends that are down, slow, cut short, too large, wrong; two that contradict each other"""
    if reason := missing('anvil'):
        return f'skip: {reason}'
    log = Log(folder)
    with Anvil() as chain, Liar(chain) as liar:
        sent = chain.anchor(log.root)
        chain.mine(14)
        log.policy(eip155=evm_policy(chain, liar.url, confirmations=12))

        def no_status(method, _, said):
            if method == 'eth_getTransactionReceipt':
                said['result']['status'] = '0x0'
            return said

        def other_hash(method, params, said):
            if method == 'eth_getBlockByNumber' and params[0] != 'finalized':
                said['result']['hash'] = '0x' + '22' * 32
            return said

        def not_listed(method, _, said):
            if method == 'eth_getBlockByNumber':
                said['result']['transactions'] = []
            return said

        def other_event(method, _, said):
            if method == 'eth_getTransactionReceipt':
                said['result']['logs'][0]['topics'][1] = '0x' + '33' * 32
            return said

        for lie, reason in (('cut', 'silent'), ('huge', 'answer'), ('garbage', 'answer'),
                            ('deep', 'answer'), ('status', 'silent'), ('silent', 'silent'),
                            ('hang', 'silent'), (not_listed, 'contradiction'),
                            (other_hash, 'reorged')):
            liar.lie, begun = lie, time.monotonic()
            made = is_so(log.add('eip155:31337', sent), 'received', reason)
            expect(time.monotonic() - begun < 7, f'{reason} takes too long')
        liar.lie = other_event  # Its event is gone, but the call that was signed is there.
        is_so(log.verify(made), 'active', 'verified')
        # k of n: the stricter verdict, and an alarm.
        log.policy(eip155=evm_policy(chain, chain.url, liar.url, confirmations=12, agree=2))
        liar.lie = no_status
        made = is_so(log.verify(made, 5), 'quarantined', 'reverted')
        expect(made['alarm'], 'no alarm')
        liar.lie = 'silent'
        made = is_so(log.verify(made, 7), 'received', 'too_few')
        log.policy(eip155=evm_policy(chain, liar.url, chain.url, confirmations=12, agree=1))
        made = is_so(log.verify(made), 'active', 'verified')
        expect(not made['alarm'], 'an alarm about a backend that is down')
        # Nobody can be asked: what was verified stays so.
        log.policy(eip155=evm_policy(chain, liar.url, confirmations=12))
        is_so(log.verify(made), 'active', 'silent')
    return None


def btc_policy(*urls, **more):
    return {'regtest': {'rpc': list(urls), **more}}


def bitcoin(folder):
    """Anchors in Bitcoin: depth, decoys, proofs as files, a reorganisation and the return"""
    if reason := missing('bcoin'):
        return f'skip: {reason}'
    log = Log(folder)
    with Bcoin() as chain, Liar(chain) as liar:
        name, script = 'btc:regtest', btc.anchor_script(log.root)
        good, raw = chain.anchor(log.root)
        decoys = [chain.anchor(log.root, decoy)[0]
                  for decoy in (script[:2] + b'RX' + log.root, b'\x6a\x23RV' + log.root + b'\0',
                                script + b'\x01\x00', btc.anchor_script(os.urandom(32)))]
        log.policy(btc=btc_policy(chain.url))
        made = is_so(log.add(name, good), 'received', 'unmined')
        block = chain.mine()[0]
        is_so(log.verify(made, 7), 'received', 'depth')
        chain.mine(4)
        is_so(log.verify(made, 7), 'received', 'depth')
        chain.mine()
        made = is_so(log.verify(made), 'active', 'verified')
        expect(made['height'] == 111 and made['uncertainty_ms'] == 7200000, f'{made}')
        for decoy in decoys:
            is_so(log.add(name, decoy, code=5), 'quarantined', 'root')
        is_so(log.add(name, '22' * 32), 'received', 'unmined')
        # By a file: the backend is asked for headers alone.
        proof = chain.light(good, raw, block)
        log.policy(btc=btc_policy(liar.url))
        is_so(log.add(content=proof), 'active', 'verified')
        expect('getrawtransaction' not in liar.asked, f'{liar.asked}')
        for bad, reason in (({**proof, 'index': proof['index'] ^ 1}, 'path'),
                            ({**proof, 'path': proof['path'][1:]}, 'path'),
                            ({**proof, 'raw': proof['raw'] + '00'}, 'form'),
                            ({**proof, 'transaction': decoys[0]}, 'transaction')):
            is_so(log.add(content=bad, code=5), 'quarantined', reason)
        is_so(log.add(content=proof), 'active', 'verified')
        # A longer branch takes over, and the transaction is mined again in it.
        log.policy(btc=btc_policy(chain.url))
        chain.rpc('invalidateblock', block)
        is_so(log.verify(made, 5), 'reorged', 'unknown_block')
        chain.rpc('sendrawtransaction', raw.hex())
        chain.mine(8)
        back = is_so(log.verify(made), 'active', 'verified')
        expect(back['height'] == 111 and back['block'] != made['block'], f'{back}')
        bitcoin_lies(log, liar, back)
    return None


def bitcoin_lies(log, liar, made):
    """What a backend says is checked as far as it can be."""
    def when(method, detail, change):
        """A lie about what the backend has an answer to."""
        def lie(asked, params, said):
            if asked == method and 'result' in said and (detail is None or params[1] == detail):
                said['result'] = change(said['result'])
            return said
        return lie

    def altered(said):
        return said[:80] + ('00' if said[80:82] != '00' else '01') + said[82:]

    deeper = when('getblockheader', True, lambda said: {
        **said, 'confirmations': said['confirmations'] + 100})
    stale = when('getblockheader', True, lambda said: {**said, 'confirmations': -1})
    other_header = when('getblockheader', False, altered)
    other_raw = when('getrawtransaction', False, lambda said: '03' + said[2:])
    other_proof = when('gettxoutproof', None, altered)
    log.policy(btc=btc_policy(liar.url, confirmations=20))
    liar.lie = deeper  # It claims a hundred blocks, and cannot show their headers.
    is_so(log.verify(made, 5), 'reorged', 'unknown_block')
    log.policy(btc=btc_policy(liar.url))
    liar.lie = None
    is_so(log.verify(made), 'active', 'verified')
    fresh = Log(os.path.dirname(log.data), 'fresh')
    fresh.policy(btc=btc_policy(liar.url))
    with contextlib.suppress(IndexError):
        sent, _ = liar.backend.anchor(fresh.root)
        liar.backend.mine(6)
        for lie, reason in ((other_header, 'answer'), (other_raw, 'answer'),
                            (other_proof, 'answer'), (stale, 'reorged'), ('garbage', 'answer')):
            liar.lie = lie
            is_so(fresh.add('btc:regtest', sent), 'received', reason)
    liar.lie = None


def ranking(folder):
    """Bitcoin before EVM before time stamps; what supersedes is named; the earliest is told too"""
    for package in ('anvil', 'bcoin'):
        if reason := missing(package):
            return f'skip: {reason}'
    log, authority = Log(folder), Authority(os.path.join(folder, 'tsa'))
    with Anvil() as chain, Bcoin() as coin:
        policy = {'eip155': evm_policy(chain, confirmations=1), 'btc': btc_policy(coin.url),
                  'rfc3161': {'test': terms(authority)}}
        log.policy(**policy)
        stamp = log.add(content=authority.stamp(log.root))
        expect(stamp['state'] == 'active', f'{stamp}')
        sent = chain.anchor(log.root)
        chain.mine(2)
        event = is_so(log.add('eip155:31337', sent), 'active', 'verified')
        paid, _ = coin.anchor(log.root)
        block = coin.mine(6)[0]
        made = is_so(log.add('btc:regtest', paid), 'active', 'verified')
        for one in (stamp, event):
            one = is_so(log.all()[one['id']], 'superseded', 'verified')
            expect(one['superseded_by'] == {'chain': 'btc:regtest', 'transaction': paid}, f'{one}')
        shown = ask('log', 'show', 'audit', '--data', log.data)['anchor']
        expect(shown['id'] == made['id'], f'{shown}')
        earliest = min(log.all().values(), key=lambda one: one['time'])
        log.policy(prefer={'audit': 'earliest'}, **policy)
        shown = ask('log', 'show', 'audit', '--data', log.data)['anchor']
        expect(shown['id'] == earliest['id'], f'{shown}')
        log.policy(**policy)
        coin.rpc('invalidateblock', block)
        log.verify(made, 5)
        is_so(log.all()[event['id']], 'active', 'verified')
        is_so(log.all()[stamp['id']], 'superseded', 'verified')
    return None


def mistakes(folder):
    """Each mistake of an operator is one sentence with the right exit code"""
    log = Log(folder)
    data = ('--data', log.data)
    hex64 = '1' * 64
    for words, code, word in (
            (('add',), 2, '--log'),
            (('add', '--log', 'audit'), 2, 'FILE'),
            (('add', '--log', 'nobody', '--chain', 'btc:regtest', '--transaction', hex64), 4, ''),
            (('add', '--log', 'audit', '--chain', 'btc', '--transaction', hex64), 2, 'no chain'),
            (('add', '--log', 'audit', '--chain', 'eip155:1', '--transaction', hex64), 2, '0x'),
            (('add', '--log', 'audit', '--chain', 'btc:regtest', '--transaction', 'A' * 64), 2, ''),
            (('add', '--log', 'audit', '--size', '99', '--chain', 'btc:regtest',
              '--transaction', hex64), 2, '--size'),
            (('add', os.path.join(folder, 'none'), '--log', 'audit'), 4, 'cannot be read'),
            (('show', 'abc'), 4, 'anchor list'),
            (('verify',), 2, '--all'),
            (('verify', 'abc'), 4, ''),
            (('request', 'x', '--log', 'audit'), 10, 'rfc3161.x'),
            (('list', '--log', 'nobody'), 4, '')):
        out, said = run('anchor', *words, *data, code=code)
        expect(word in said and said.count('\n') == 1 + (code == 2) and out == '',
               f'{words}: {said}')
    run('anchor', 'list', '--data', os.path.join(folder, 'nowhere'), code=4)
    for text, word in (('{', ':1:'), ('[]', 'object'), ('{"btx": {}}', 'btx is not known'),
                       ('{"btc": {"moonnet": {"rpc": "http://x"}}}', 'no network'),
                       ('{"btc": {"regtest": {}}}', 'btc.regtest.rpc'),
                       ('{"btc": {"regtest": {"rpc": "ftp://x"}}}', 'http'),
                       ('{"btc": {"regtest": {"rpc": "http://x", "confirmation": 1}}}',
                        'confirmation is not known'),
                       ('{"btc": {"regtest": {"rpc": "http://x", "agree": 2}}}', 'agree'),
                       ('{"eip155": {"1": {"rpc": "http://x"}}}', "anyone's event"),
                       ('{"eip155": {"x": {"rpc": "http://x"}}}', 'name of a chain'),
                       ('{"rfc3161": {"a": {"policies": ["1.2"]}}}', 'none is by default'),
                       ('{"rfc3161": {"a": {"roots": "none.pem", "policies": ["1.2"]}}}',
                        'none.pem'),
                       ('{"prefer": {"audit": "best"}}', 'prefer.audit'),
                       ('{"btc": {}, "btc": {}}', 'duplicate')):
        with open(os.path.join(log.data, 'anchors.json'), 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(os.path.join(log.data, 'anchors.json'), 0o600)
        _, said = run('anchor', 'list', *data, code=10)
        expect(word in said and said.count('\n') == 1, f'{text}: {said}')
    os.chmod(os.path.join(log.data, 'anchors.json'), 0o644)
    _, said = run('anchor', 'list', *data, code=1)
    expect('chmod 600' in said, said)


def damaged(folder):
    """A file that cannot be read, or that somebody renamed, is left out and said"""
    log = Log(folder)
    kept = [log.add('btc:regtest', str(digit) * 64) for digit in range(3)]
    where = os.path.join(log.data, 'anchors')
    where = os.path.join(where, next(one for one in os.listdir(where) if len(one) == 64))
    paths = [os.path.join(where, one['id'] + '.json') for one in kept]
    with open(paths[0], 'r+b') as file:
        file.truncate(20)
    os.rename(paths[1], os.path.join(where, 'ab' * 32 + '.json'))
    out, said = run('anchor', 'list', '--data', log.data)
    expect(out.count('\n') == 1 and '2 files' in said, f'{out}{said}')
    expect(ask('fsck', '--data', log.data)['good'], 'fsck')


if __name__ == '__main__':
    expect(evm.keccak256(b'').hex().startswith('c5d2'), 'the oracle itself')
    tell([authority_good, authority_lies, authority_in_time, evm_chain, evm_backends, bitcoin,
          ranking, mistakes, damaged])
