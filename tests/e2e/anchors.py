#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Anchors: time stamps by a real authority, honest and not; what is published and learnt; and what
an operator can do wrong. Those of chains are in anchors_on_chains.py."""
import base64
import json
import os
import shutil

from admission import key_of
from anchoring import Log, is_so, terms
from backends.chains import FAKETIME, Authority, Liar
from nodes import Nodes, ask, expect, run, tell, until


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
        log.policy()  # Nothing is due: what waits for nothing is not judged.
        run('anchor', 'verify', '--due', '--data', log.data)
        expect(log.all()[made['id']]['reason'] == 'verified', 'judged before its time')
        shown, _ = run('anchor', 'show', made['id'][:10], '--data', log.data)
        expect('verified: all rules are met' in shown, shown)
        mine = ask('log', 'show', 'audit', '--data', log.data)
        expect(mine['anchor'] is None, 'the newest checkpoint has none yet')


def authority_lies(folder):
    """Time stamps that are wrong in one way each; authorities that are down, cut short"""
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
                                ('status', 1, 'HTTP 503'), ('silent', 1, 'broke off')):
            server.lie = lie
            _, said = run('anchor', *words, code=code)
            expect(word in said, said)
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


def learnt(folder):
    """One node publishes; another learns it by network, and believes what it verifies itself"""
    with Nodes(folder, 'a', 'b') as (a, b):
        log, authority = Log(folder, 'a'), Authority(os.path.join(folder, 'tsa'))
        log.policy(rfc3161={'test': terms(authority)})
        good = is_so(log.add(content=authority.stamp(log.root)), 'active', 'verified')
        bad = log.add(content=authority.stamp(b'x' * 32), code=5)
        run('anchor', 'publish', bad['id'], '--data', a.data, code=7)
        a.start()
        b.start(peers=[a])
        run('anchor', 'publish', good['id'][:12], '--data', a.data)
        # A liar's: a stamp of something else, under the good one's name.
        with open(log.file, 'w', encoding='utf-8') as file:
            with open(path_of(a, good), encoding='utf-8') as kept:
                one = json.load(kept)
            with open(path_of(a, bad), encoding='utf-8') as kept:
                one['proof'] = json.load(kept)['proof']
            json.dump(one, file)
        run('append', '--data', a.data, '--namespace', 'anchors', '--type', 'anchor', log.file)
        until(lambda: any(origin.endswith('/anchors') and one['size'] == 2
                          for origin, one in b.logs().items()) and b.has(log.origin, log.size),
              'b holds what a published')
        b.stop()
        there = ask('anchor', 'learn', '--data', b.data)
        expect((there['new'], there['verified'], there['refused']) == (2, 0, 1), f'{there}')
        shown = {one['id']: one for one in ask('anchor', 'list', '--data', b.data)['items']}
        is_so(shown[good['id']], 'received', 'no_backend')
        path = os.path.join(b.data, 'anchors.json')
        shutil.copy(os.path.join(a.data, 'anchors.json'), path)
        done = ask('anchor', 'verify', good['id'], '--data', b.data)['items'][0]
        is_so(done, 'active', 'verified')
        expect(done['time'] == good['time'], 'another time')
        expect(ask('anchor', 'learn', '--data', b.data)['new'] == 0, 'learnt twice')
        # Rubbish under the good one's name was here first: it shuts nobody out.
        with open(path_of(b, good), 'r+', encoding='utf-8') as kept:
            one['state'], one['reason'] = 'quarantined', 'imprint'
            kept.truncate(0)
            json.dump(one, kept)
        there = ask('anchor', 'learn', '--data', b.data)
        expect((there['new'], there['verified']) == (1, 1), f'{there}')


def path_of(node, anchor):
    where = os.path.join(node.data, 'anchors')
    return next(os.path.join(where, one, anchor['id'] + '.json') for one in os.listdir(where)
                if os.path.exists(os.path.join(where, one, anchor['id'] + '.json')))


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
            (('verify', '--all', '--due'), 2, '--due'),
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


def judged_in_the_background(folder):
    """A running node judges what is due; who published a bad anchor answers until it is good"""
    authority = Authority(os.path.join(folder, 'tsa'))

    def policy(**sections):
        path = os.path.join(b.data, 'anchors.json')
        with open(path + '.new', 'w', encoding='utf-8') as file:
            json.dump(sections, file)
        os.chmod(path + '.new', 0o600)
        os.rename(path + '.new', path)

    def cases():
        return [one for one in ask('discrepancy', 'list', '--data', b.data, '--all')['items']
                if one['discrepancy_type'] == 'anchor_invalid']

    def anchor(made):
        return ask('anchor', 'show', made['id'], '--data', b.data)

    def learn():
        return ask('anchor', 'learn', '--data', b.data)

    def publish(node, record):
        """As any program can: a record as a receipt of that type, without any check."""
        with open(os.path.join(folder, 'record'), 'w', encoding='utf-8') as file:
            json.dump(record, file)
        done = json.loads(run('append', '--data', node.data, '--namespace', 'anchors', '--type',
                              'anchor', '--json', file.name)[0])
        until(lambda: b.has(key_of(node) + '/anchors', done['index'] + 1), 'b holds it')

    with Nodes(folder, 'a', 'b', 'c') as (a, b, c):
        a.start()
        b.start('--anchor-cycle', '1', peers=[a])
        c.start(peers=[b])
        origin = a.append('audit', ['one', 'two'])[0]['origin']
        until(lambda: b.has(origin, 2), 'b holds it')
        root = bytes.fromhex(b.logs()[origin]['root'])
        token = os.path.join(folder, 'token')
        with open(token, 'wb') as file:
            file.write(authority.stamp(root))
        policy()
        made = ask('anchor', 'add', token, '--log', origin, '--data', b.data)
        is_so(made, 'received', 'no_backend')
        # The operator says whom to believe: no verb runs, and the node finds it wanting. But who
        # brought it was the operator: it is held against nobody.
        policy(rfc3161={'test': terms(authority, policies=[authority.OTHER_POLICY])})
        until(lambda: anchor(made)['state'] == 'quarantined', 'it is judged')
        until(lambda: 'to=quarantined' in b.said(), 'it is told')
        with open(path_of(b, made), encoding='utf-8') as file:
            record = json.load(file)
        expect('publisher' not in record, f'{record}')
        # c publishes rubbish of the log of a: it is c that answers, in a case about its own log.
        record['proof'] = base64.b64encode(authority.stamp(b'x' * 32)).decode()
        record['publisher'], record['published'] = key_of(a), 0
        publish(c, record)
        expect(learn()['new'] == 1, 'learnt')
        found = until(cases, 'it is stated')
        expect([one['party'] for one in found] == [key_of(c)], f'{found}')
        expect(found[0]['details']['log'] == key_of(c) + '/anchors' and
               found[0]['details']['first_divergence_at'] == 'receipt-sequence-0', f'{found}')
        # The one that the operator brought is published by a: from now on a answers for it.
        with open(path_of(b, made), encoding='utf-8') as file:
            publish(a, json.load(file))
        until(lambda: learn()['skipped'] >= 2, 'known')
        found = until(lambda: [one for one in cases() if one['party'] == key_of(a)],
                      'it is stated')[0]
        expect(anchor(made)['published_by'] == key_of(a), f'{anchor(made)}')
        expect(found['details']['log'] == origin and found['severity'] == 'critical', f'{found}')
        path = os.path.join(b.data, 'discrepancies', found['evidence'])
        checked = ask('discrepancy', 'check', path)
        expect(checked['discrepancy_type'] == 'anchor_invalid', f'{checked}')
        with open(path, encoding='utf-8') as file:
            expect('receipt ' in file.read(), 'by what it published it')
        expect('anchor-moved' in b.said(), b.said()[-500:])
        # c says the same of it: a answers for it already.
        with open(path_of(b, made), encoding='utf-8') as file:
            publish(c, json.load(file))
        learn()
        expect(anchor(made)['published_by'] == key_of(a), f'{anchor(made)}')
        # Judged again by hand under another policy: good, and the case is over by itself; that
        # against c stays.
        policy(rfc3161={'test': terms(authority)})
        run('anchor', 'verify', made['id'], '--data', b.data)
        until(lambda: [one['state'] for one in cases() if one['party'] == key_of(a)] ==
              ['resolved'], 'it settles')
        expect(sorted(one['state'] == 'resolved' for one in cases()) == [False, True], f'{cases()}')
        # A file that cannot be read stops nothing.
        with open(os.path.join(b.data, 'anchors.json'), 'w', encoding='utf-8') as file:
            file.write('{')
        until(lambda: 'anchors-unread' in b.said(), 'it is said')
        expect(b.process.poll() is None, 'the node ended')
        run('run', '--data', a.data, '--anchor-cycle', '0', code=2)


if __name__ == '__main__':
    tell([authority_good, authority_lies, authority_in_time, learnt, mistakes, damaged,
          judged_in_the_background])
