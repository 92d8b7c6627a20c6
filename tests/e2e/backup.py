#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Backups (operations 3.17): made while the node works, checked to the last bit, put back without
anything that was acknowledged being lost or signed twice."""
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

from guard import guard, lines, refused, settled, size
from nodes import TALLY, Nodes, ask, expect, run, tell, until


def create(node, path, *words, code=0):
    return ask('backup', 'create', path, '--data', node.data, *words, code=code)


def check(path, *words, code=0):
    return ask('backup', 'check', path, *words, code=code)


def restore(path, data, *words, code=0):
    return ask('backup', 'restore', path, '--data', data, *words, code=code)


def passphrase(folder, text='correct horse'):
    path = os.path.join(folder, text.replace(' ', '-'))
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text + '\n')
    os.chmod(path, 0o600)
    return path


def put_back(node, path, keys):
    """The disk was lost; what is left is the backup and, kept elsewhere, the key."""
    shutil.rmtree(node.data)
    done = restore(path, node.data)
    expect(done['keys'] == 'wanted', f'{done}')
    said = run('run', '--data', node.data, '--profile', 'static', '--listen', '127.0.0.1',
               code=4)[1]
    expect('tally key import' in said, said)
    run('key', 'import', keys, '--data', node.data)


def the_story(folder, form):
    """100 receipts, a backup, 50 more, the disk is lost."""
    with Nodes(folder, 'a', 'b') as (a, b):
        path, keys = os.path.join(folder, 'backup' + form), os.path.join(folder, 'key')
        b.start()
        a.start(peers=[b])
        run('key', 'export', keys, '--data', a.data)
        origin = a.append('audit', lines(0, 100))[0]['origin']
        settled([a, b], origin, 100)
        made = create(a, path)
        expect(made['receipts'] >= 100 and made['keys'] == 'none', f'{made}')
        expect(made['form'] == ('folder' if form else 'file'), f'{made}')
        checked = check(path)
        expect(checked['good'] and checked['receipts'] == made['receipts'], f'{checked}')
        a.append('audit', lines(100, 150))
        settled([a, b], origin, 150)
        before = a.checkpoint(origin)
        a.stop()
        put_back(a, path, keys)
        expect(size(a, origin) == 100 and ask('fsck', '--data', a.data)['good'], 'what came back')
        a.start(peers=[b])
        until(lambda: guard(a)['state'] == 'recovering', 'a sees that it lacks something')
        refused(a, 'GUARDED')
        expect(guard(a)['missing'] >= 50, f'{guard(a)}')
        ask('log', 'recover', '--from-peers', '--data', a.data)
        expect(size(a, origin) == 150 and a.checkpoint(origin) == before, 'another root')
        expect(a.append('audit', ['the next'])[0]['index'] == 150, 'it goes on where it was')
        settled([a, b], origin, 151)
        expect(a.checkpoint(origin) == b.checkpoint(origin), 'the next one is consistent')
        a.stop()
        expect(ask('fsck', '--data', a.data)['good'], 'fsck')


def disk_lost(folder):
    """A file: no append before those who knew it answered; recover: the same root; then 151"""
    the_story(folder, '')


def disk_lost_folder(folder):
    """The same with a folder"""
    the_story(folder, '/')


def appends_meanwhile(folder):
    """While the node seals and appends as fast as it can, each backup is whole and consistent"""
    with Nodes(folder, 'a', 'b') as (a, b):
        b.start()
        a.start(peers=[b])
        origin = a.append('audit', lines(0, 3))[0]['origin']
        stop, made = threading.Event(), []

        def work():
            while not stop.is_set():
                a.append('audit', [f'{len(made)} {number}' for number in range(200)])
                made.append(200)

        worker = threading.Thread(target=work)
        worker.start()
        counts = []
        try:
            for number in range(8):
                before = sum(made)
                path = os.path.join(folder, f'backup{number}' + ('/' if number % 2 else ''))
                of = (a, b)[number % 3 == 2]  # Of a replica that grows as well.
                done = create(of, path)
                counts.append(done['receipts'] + done['pending'])
                expect(of is b or counts[-1] >= before, f'{before} were acknowledged: {done}')
                check(path)
        finally:
            stop.set()
            worker.join()
        expect(counts[-1] > counts[0], f'it did not grow: {counts}')
        data = os.path.join(folder, 'back')
        restore(os.path.join(folder, 'backup7/'), data)
        expect(ask('fsck', '--data', data)['good'], 'fsck')
        held = {one['origin']: one for one in ask('log', 'list', '--data', data)['items']}
        expect(origin in held, f'{held}')


def pending_and_large(folder):
    """What is acknowledged and not yet under a checkpoint comes back, large bodies too"""
    with Nodes(folder, 'a') as (a,):
        path = os.path.join(folder, 'backup')
        large = os.path.join(folder, 'large')
        with open(large, 'wb') as file:
            file.write(os.urandom(3 << 20))
        a.start()
        run('append', '--data', a.data, '--namespace', 'audit', large)
        a.append('audit', lines(0, 300))
        run('append', '--data', a.data, '--namespace', 'audit', large)
        a.stop(signal.SIGKILL)
        done = create(a, path, '--with-keys', '--passphrase-file', passphrase(folder))
        expect(done['receipts'] + done['pending'] == 302, f'{done}')
        back = os.path.join(folder, 'back')
        restore(path, back, '--passphrase-file', passphrase(folder))
        fsck = ask('fsck', '--data', back)
        expect(fsck['good'] and fsck['receipts'] + fsck['pending'] == 302, f'{fsck}')
        run('append', '--data', back, '--namespace', 'audit', '-', input=b'the next')
        fsck = ask('fsck', '--data', back)
        expect(fsck['good'] and fsck['receipts'] == 303, f'{fsck}')


def keys(folder):
    """Keys go with it under a passphrase only; each mistake with them has its sentence"""
    with Nodes(folder, 'a', 'other') as (a, other):
        path, plain = os.path.join(folder, 'backup'), os.path.join(folder, 'plain')
        good, bad = passphrase(folder), passphrase(folder, 'wrong')
        a.append('audit', lines(0, 5))
        run('node', 'init', '--data', other.data)
        run('backup', 'create', path, '--with-keys', '--data', a.data, code=2)
        expect(not os.path.exists(path) and not os.path.exists(path + '.partial'), 'left over')
        os.environ['TALLY_PASSPHRASE_FILE'] = good
        try:
            create(a, path, '--with-keys')
        finally:
            del os.environ['TALLY_PASSPHRASE_FILE']
        create(a, plain)
        expect(os.stat(path).st_mode & 0o777 == 0o600, 'mode')
        with open(os.path.join(a.data, 'keys', 'identity.key'), 'rb') as file:
            secret = file.read().strip()
        with open(path, 'rb') as file:
            expect(secret not in file.read(), 'the key is in it for all to see')
        expect(check(path, '--passphrase-file', good)['opened'], 'opened')
        expect(not check(path)['opened'], 'not opened')
        check(path, '--passphrase-file', bad, code=5)
        back = os.path.join(folder, 'back')
        restore(path, back, '--passphrase-file', bad, code=5)
        restore(path, back, code=2)
        expect(not os.path.exists(back), 'something was left')
        expect(restore(path, back, '--passphrase-file', good)['keys'] == 'restored', 'keys')
        expect(ask('node', 'show', '--data', back)['node'] ==
               ask('node', 'show', '--data', a.data)['node'], 'another node')
        expect(os.stat(os.path.join(back, 'keys', 'identity.key')).st_mode & 0o777 == 0o600, 'mode')
        foreign_keys(a, other, plain, folder)


def foreign_keys(a, other, plain, folder):
    third, fourth = os.path.join(folder, 'third'), os.path.join(folder, 'fourth')
    os.mkdir(third, 0o700)
    shutil.copytree(os.path.join(other.data, 'keys'), os.path.join(third, 'keys'))
    said = restore(plain, third, code=5)
    expect('nothing was changed' in said['message'], f'{said}')
    expect(os.listdir(third) == ['keys'], f'{os.listdir(third)}')
    os.mkdir(fourth, 0o700)
    shutil.copytree(os.path.join(a.data, 'keys'), os.path.join(fourth, 'keys'))
    expect(restore(plain, fourth)['keys'] == 'there', 'the right keys are there')
    fifth = os.path.join(folder, 'fifth')
    restore(plain, fifth)
    run('key', 'import', os.path.join(other.data, 'keys', 'identity.key'), '--data', fifth, code=5)
    run('key', 'import', os.path.join(a.data, 'keys', 'identity.key'), '--data', fifth)
    run('append', '--data', fifth, '--namespace', 'audit', '-', input=b'on')
    expect(ask('fsck', '--data', fifth)['receipts'] == 6, 'it goes on')


def asked_on_a_terminal(folder):
    """A passphrase is asked without echo, twice; what differs makes no backup"""
    with Nodes(folder, 'a') as (a,):
        a.append('audit', lines(0, 5))
        for answers, code in ((('hush hush', 'hush hush'), 0), (('hush', 'hash'), 5)):
            path = os.path.join(folder, f'backup{code}')
            pid, terminal = pty.fork()
            if pid == 0:
                os.execv(TALLY, [TALLY, 'backup', 'create', path, '--with-keys', '--data', a.data])
            shown = b''
            for answer in answers:
                while not shown.endswith(b': '):
                    shown += os.read(terminal, 1000)
                os.write(terminal, answer.encode() + b'\n')
                shown += b'|'
            try:
                while piece := os.read(terminal, 1000):
                    shown += piece
            except OSError:
                pass
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.close(terminal)
            expect(status == code and b'hush' not in shown, f'{status}: {shown}')
            expect(os.path.exists(path) == (code == 0), f'{os.listdir(folder)}')
        check(os.path.join(folder, 'backup0'), '--passphrase-file', passphrase(folder, 'hush hush'))


def changed(path):
    """Bits all over a file: the ends, and places between."""
    count = os.path.getsize(path)
    for at in sorted({0, 1, 100, 257, 511, 512, count - 1, count - 1024, count - 1025,
                      *range(700, count, max(1, count // 60))}):
        yield at


def every_bit(folder):
    """Whatever bit of a backup is changed, or wherever it is cut: refused, saying what is wrong"""
    with Nodes(folder, 'a') as (a,):
        path = os.path.join(folder, 'backup')
        a.append('audit', lines(0, 300))
        create(a, path, '--with-keys', '--passphrase-file', passphrase(folder))
        with open(path, 'rb') as file:
            whole = file.read()
        for at in changed(path):
            with open(path, 'r+b') as file:
                file.seek(at)
                file.write(bytes([whole[at] ^ 4]))
            said = check(path, code=5)
            expect(said['message'], f'{at}: {said}')
            if at % 3 == 0:
                restore(path, os.path.join(folder, 'back'), '--without-keys', code=5)
                expect(not os.path.exists(os.path.join(folder, 'back')), f'{at}: something is left')
            with open(path, 'r+b') as file:
                file.seek(at)
                file.write(whole[at:at + 1])
        check(path)
        for count in (0, 1, 511, 512, 5000, len(whole) // 2, len(whole) - 512, len(whole) - 1):
            with open(path, 'wb') as file:
                file.write(whole[:count])
            check(path, code=5)
        with open(path, 'wb') as file:
            file.write(whole + b'\0')
        check(path, code=5)
        a_folder_changed(a, folder)


def a_folder_changed(a, folder):
    path = os.path.join(folder, 'loose')
    create(a, path + '/')
    for root, _, names in sorted(os.walk(path)):
        for name in sorted(names):
            file = os.path.join(root, name)
            with open(file, 'rb') as handle:
                whole = handle.read()
            for text in (whole[:-1], bytes([whole[0] ^ 1]) + whole[1:], None, whole + b'x'):
                os.remove(file)
                if text is not None:
                    with open(file, 'wb') as handle:
                        handle.write(text)
                said = check(path, code=5)
                expect(name in said['message'] or 'manifest' in said['message'], f'{name}: {said}')
                with open(file, 'wb') as handle:
                    handle.write(whole)
    check(path)
    with open(os.path.join(path, 'logs', 'more'), 'wb') as handle:
        handle.write(b'x')
    expect('not in the list' in check(path, code=5)['message'], 'a file more')


def evidence(folder):
    """What was proved against others, and what a frozen log was, comes back too"""
    with Nodes(folder, 'a', 'b') as (a, b):
        one, copy, path = (os.path.join(folder, name) for name in ('one', 'copy', 'backup'))
        a.append('audit', lines(0, 10))
        shutil.copytree(a.data, copy)
        a.append('audit', lines(10, 15))
        run('append', '--data', copy, '--namespace', 'audit', '-', input=b'another')
        run('node', 'init', '--data', b.data)
        run('bundle', 'export', '--data', a.data, one)
        run('bundle', 'import', '--data', b.data, one)
        run('bundle', 'import', '--data', b.data, copy, code=6)
        with open(os.path.join(b.data, 'policy'), 'w', encoding='utf-8') as file:
            file.write('quorum none\n')
        create(b, path)
        back = os.path.join(folder, 'back')
        restore(path, back)
        for words in (('fork', 'list'), ('log', 'list'), ('fsck',)):
            was, now = (run(*words, '--json', '--data', data)[0].replace(data, '')
                        for data in (b.data, back))
            expect(was == now, f'{words}: {was} {now}')
        expect(len(ask('fork', 'list', '--data', back)['items']) == 1, 'no fork')
        with open(os.path.join(back, 'policy'), encoding='utf-8') as file:
            expect(file.read() == 'quorum none\n', "a file of the operator's")


def planted(folder):
    """A database with something in it that acts by itself is none of ours"""
    with Nodes(folder, 'a') as (a,):
        a.append('audit', lines(0, 3))
        with sqlite3.connect(os.path.join(a.data, 'state.db')) as database:
            database.execute('CREATE TRIGGER t AFTER INSERT ON pending BEGIN '
                             'DELETE FROM pending; END')
        said = create(a, os.path.join(folder, 'backup'), code=5)
        expect('state.db' in said['message'], f'{said}')
        expect(not ask('fsck', '--data', a.data, code=5).get('good'), 'fsck')


def forged(folder):
    """Who has another key cannot make a list anew that says the logs are a node's own"""
    with Nodes(folder, 'a', 'b') as (a, b):
        path, other = os.path.join(folder, 'one'), os.path.join(folder, 'other')
        a.append('audit', lines(0, 5))
        b.append('audit', lines(0, 5))
        create(a, path + '/')
        create(b, other + '/')
        shutil.copy(os.path.join(other, 'manifest'), os.path.join(path, 'manifest'))
        check(path, code=5)


def killed(folder):
    """kill -9 while it is made or put back: what is left is refused, the next call completes"""
    with Nodes(folder, 'a') as (a,):
        a.append('audit', lines(0, 6000))
        good = os.path.join(folder, 'good')
        create(a, good)
        for path in (os.path.join(folder, 'backup'), os.path.join(folder, 'loose/')):
            for number in range(6):
                kill_after(0.01 + 0.03 * number, 'backup', 'create', path, '--data', a.data)
                if os.path.exists(path) and not os.path.isdir(path):
                    os.remove(path)    # It was done before.
                elif os.path.isdir(path) and 'unfinished' not in os.listdir(path):
                    shutil.rmtree(path)
                elif os.path.isdir(path):
                    check(path, code=5)
                    restore(path, os.path.join(folder, 'x'), code=5)
            create(a, path)
            check(path)
            expect(not os.path.exists(path + '.partial'), 'something is left')
        back = os.path.join(folder, 'back')
        for number in range(6):
            kill_after(0.01 + 0.03 * number, 'backup', 'restore', good, '--data', back)
            if os.path.exists(os.path.join(back, 'restoring')):
                run('run', '--data', back, code=4)
                run('fsck', '--data', back, code=None)
                run('key', 'import', os.path.join(a.data, 'keys', 'identity.key'), '--data', back)
                said = run('append', '--data', back, '--namespace', 'audit', '-', code=5,
                           input=b'x')[1]
                expect('repeat tally backup restore' in said, said)
                shutil.rmtree(os.path.join(back, 'keys'))
            elif os.path.exists(back):
                shutil.rmtree(back)
        restore(good, back)
        expect(ask('fsck', '--data', back)['receipts'] == 6000, 'all of it')


def kill_after(seconds, *words):
    with subprocess.Popen([TALLY, *words], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.kill()


def mounted(folder, name, count):
    """A file system of so many bytes; None where we may not have one."""
    place = os.path.join(folder, name)
    os.mkdir(place, 0o700)
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={count},mode=700', 'tmpfs', place],
                          capture_output=True, check=False)
    return place if done.returncode == 0 else None


def full_disk(folder):
    """A full disk: one sentence, and nothing is left that looks like a backup or a node"""
    with Nodes(folder, 'a') as (a,):
        a.append('audit', lines(0, 6000))
        good = os.path.join(folder, 'good')
        create(a, good)
        for count in (64 << 10, 512 << 10, os.path.getsize(good) + (400 << 10)):
            place = mounted(folder, f'small{count}', count)
            if place is None:
                return 'skip: no right to mount a file system'
            try:
                for path in (os.path.join(place, 'backup'), place + '/'):
                    said = create(a, path, code=None)
                    if said['schema'] == 'tally/error/1':
                        expect(said['code'] == 'FULL', f'{said}')
                        expect(os.listdir(place) == [], f'{os.listdir(place)}')
                    else:   # The folder fits in the largest; the file, which needs twice, does not.
                        check(path)
                        run_clear(place)
                said = restore(good, os.path.join(place, 'back'), code=None)
                if said['schema'] == 'tally/error/1':
                    expect(said['code'] == 'FULL', f'{said}')
                    expect(os.listdir(place) == [], f'{os.listdir(place)}')
            finally:
                subprocess.run(['umount', place], check=True)
    return None


def run_clear(place):
    for name in os.listdir(place):
        path = os.path.join(place, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.remove(path)


def mistakes(folder):
    """Each mistake has its sentence"""
    with Nodes(folder, 'a') as (a,):
        a.append('audit', lines(0, 3))
        path, empty = os.path.join(folder, 'backup'), os.path.join(folder, 'empty')
        os.mkdir(empty)
        create(a, path)
        with open(os.path.join(folder, 'garbage'), 'wb') as file:
            file.write(os.urandom(5000))
        for words, code, part in (
                (('create', path), 1, 'there already'),
                (('create', a.data + '/'), 1, 'not empty'),
                (('create', os.path.join(a.data, 'x')), 2, 'in the data directory'),
                (('create', os.path.join(folder, 'no/such/x')), 4, 'No such file'),
                (('check', os.path.join(folder, 'nothing')), 4, 'No such file'),
                (('check', empty), 5, 'is no backup'),
                (('check', os.path.join(folder, 'garbage')), 5, 'is no backup'),
                (('check', '/dev/null'), 5, 'neither a file'),
                (('restore', path), 1, 'is not empty'),
                (('restore', os.path.join(folder, 'nothing')), 4, 'No such file')):
            said = run('backup', *words, '--data', a.data, code=code)[1]
            expect(part in said, f'{words}: {said}')
        run('backup', 'create', path, '--data', empty, code=4)
        expect('x.partial' not in os.listdir(a.data), 'something is left')


if __name__ == '__main__':
    tell([disk_lost, disk_lost_folder, appends_meanwhile, pending_and_large, keys,
          asked_on_a_terminal, every_bit, evidence, planted, forged, killed, full_disk, mistakes])
