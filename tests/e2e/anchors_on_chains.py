#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Anchors on chains, with real backends on loopback: made, verified, refused, each with its reason;
and backends that are down, slow, cut short, or lie."""
import contextlib
import os
import time

from anchoring import Log, is_so, terms
from backends import btc, evm
from backends.chains import Anvil, Authority, Bcoin, Liar, missing
from nodes import ask, expect, tell


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
        expect(set(asked.asked) == {'eth_chainId', 'eth_blockNumber', 'eth_getBlockByNumber'},
               f'{asked.asked}')
        cut = {**proof, 'proof': proof['proof'][:-1]}
        other = chain.light(chain.rpc('eth_getBlockByNumber', '0x1', False)['transactions'][0])
        for bad, reason in ((cut, 'proof'),
                            ({**proof, 'index': proof['index'] + 1}, 'proof'),
                            ({**proof, 'header': proof['header'] + '00'}, 'header'),
                            ({**other, 'transaction': proof['transaction']}, 'transaction'),
                            (other, 'contract')):
            log.worse(bad, reason)
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
                            ({**proof, 'raw': '03' + proof['raw'][2:]}, 'transaction')):
            log.worse(bad, reason)
        is_so(log.add(content={**proof, 'transaction': decoys[0]}, code=5), 'quarantined',
              'transaction')
        is_so(log.add(content=proof), 'active', 'verified')
        back = bitcoin_branches(log, chain, made, raw, block)
        bitcoin_lies(log, liar, back)
    return None


def bitcoin_branches(log, chain, made, raw, block):
    """The branch with most work wins; the transaction is mined again in it."""
    log.policy(btc=btc_policy(chain.url))
    chain.rpc('invalidateblock', block)
    is_so(log.verify(made), 'active', 'less_work')  # Its chain ends below what was seen.
    chain.mine(3)
    is_so(log.verify(made), 'active', 'less_work')
    chain.mine(10)
    is_so(log.verify(made, 5), 'reorged', 'unknown_block')
    chain.rpc('sendrawtransaction', raw.hex())
    chain.mine(6)
    back = is_so(log.verify(made), 'active', 'verified')
    expect(back['height'] == 124 and back['block'] != made['block'], f'{back}')
    return back


def bitcoin_offline(folder):
    """Headers that were seen are kept: an anchor is verified again when nobody can be asked"""
    if reason := missing('bcoin'):
        return f'skip: {reason}'
    log = Log(folder)
    with Bcoin() as chain, Liar(chain) as liar:
        sent, raw = chain.anchor(log.root)
        block = chain.mine(8)[0]
        log.policy(btc=btc_policy(liar.url))
        proof = chain.light(sent, raw, block)
        made = is_so(log.add(content=proof), 'active', 'verified')
        kept = os.path.join(log.data, 'anchors', 'btc-regtest.headers')
        with open(kept, 'rb') as file:
            seen = file.read()
        expect(len(seen) == 16 + 18 * 84 and os.stat(kept).st_mode & 0o77 == 0,
               f'12 before, its own, 5 after: {len(seen)}')
        for lie, content, state, reason in (
                ('silent', seen, 'active', 'verified'),
                ('silent', seen[:-84], 'received', 'silent'),      # One too few for the depth.
                ('silent', seen[:16 + 13 * 84 - 8] + bytes(8) + seen[16 + 13 * 84:], 'received',
                 'silent'),
                ('silent', b'garbage', 'received', 'silent'),
                (None, b'garbage', 'active', 'verified')):
            liar.lie = lie
            forget(log, made)
            with open(kept, 'wb') as file:
                file.write(content)
            again = is_so(log.add(content=proof), state, reason)
            expect(again['id'] == made['id'], f'{again}')
        bitcoin_branch_lies(log, chain, liar, proof)
    return None


def forget(log, anchor):
    """As if it had never been added."""
    for folder, _, files in os.walk(os.path.join(log.data, 'anchors')):
        if anchor['id'] + '.json' in files:
            os.remove(os.path.join(folder, anchor['id'] + '.json'))


def bitcoin_branch_lies(log, chain, liar, proof):
    """A backend that shows headers which break a rule is not believed; its anchor is not worse."""
    made = is_so(log.add(content=proof), 'active', 'verified')
    height, real = made['height'], chain.rpc('getblockhash', made['height'])

    def branch(bits, count=5, link=None, seconds=600):
        """Blocks on the anchor's, mined here, that the backend shows instead of its own."""
        headers, before = {}, bytes.fromhex(link or real)[::-1]
        when = int(chain.rpc('getblockheader', real, True)['time'])
        for number in range(1, count + 1):
            headers[height + number] = btc.mine_header(before, when + number * seconds, bits)
            before = btc.dsha(headers[height + number])
        hashes = {btc.dsha(one)[::-1].hex(): one.hex() for one in headers.values()}

        def lie(method, params, said):
            if method == 'getblockhash' and params[0] > height:
                said.pop('error', None)
                if params[0] in headers:
                    said['result'] = btc.dsha(headers[params[0]])[::-1].hex()
                else:
                    said.pop('result', None)
                    said['error'] = {'code': -8, 'message': 'out of range'}
            if method == 'getblockheader' and params[0] in hashes and not params[1]:
                said.pop('error', None)
                said['result'] = hashes[params[0]]
            return said
        return lie

    kept = os.path.join(log.data, 'anchors', 'btc-regtest.headers')
    for lie, reason in ((branch(0x207ffffe), 'branch_work'),
                        (branch(0x1f00ffff), 'branch_work'),
                        (branch(0x207fffff, link='33' * 32), 'branch_broken'),
                        (branch(0x207fffff, seconds=-86400 * 400), 'branch_broken'),
                        (branch(0x207fffff, seconds=86400), 'branch_broken'),  # Ahead of now.
                        (branch(0x207fffff, count=2), 'branch_short')):
        liar.lie = lie
        is_so(log.verify(made), 'active', reason)  # Nothing it showed is evidence against it.
        forget(log, made)
        os.remove(kept)
        is_so(log.add(content=proof), 'received', reason)
        liar.lie = None
        chain.mine(3)  # What it showed and may be is left behind.
        made = is_so(log.verify(made), 'active', 'verified')


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
    is_so(log.verify(made), 'active', 'branch_short')
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
        coin.mine(8)
        log.verify(made, 5)
        is_so(log.all()[event['id']], 'active', 'verified')
        is_so(log.all()[stamp['id']], 'superseded', 'verified')
    return None


if __name__ == '__main__':
    expect(evm.keccak256(b'').hex().startswith('c5d2'), 'the oracle itself')
    tell([evm_chain, evm_backends, bitcoin, bitcoin_offline, ranking])
