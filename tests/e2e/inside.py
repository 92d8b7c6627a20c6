# SPDX-License-Identifier: Apache-2.0
"""A network of our own for one test: namespaces that nobody else sees, and that vanish with it."""
import os
import shutil
import subprocess
import sys

MARK = 'TALLY_INSIDE'


def enter():
    """Starts this program again in new network and mount namespaces, as root in them; skips the
    test where nobody may make them."""
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    if os.environ.get(MARK) == '1':
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        return
    if shutil.which('unshare') is None or shutil.which('ip') is None:
        skip('unshare or ip is missing')
    words = ['unshare', '--net', '--mount', '--fork', '--kill-child']
    if os.geteuid() != 0:
        words += ['--user', '--map-root-user']
    probe = subprocess.run([*words, 'true'], check=False, capture_output=True)
    if probe.returncode != 0:
        skip('no right to make network namespaces')
    os.environ[MARK] = '1'
    os.execvp('unshare', [*words, sys.executable, *sys.argv])


def skip(reason):
    print(f'1..0 # SKIP {reason}')
    sys.exit(77)


def put_file(path, text, folder):
    """A file of the system has this content, for us alone."""
    own = os.path.join(folder, path.replace('/', '_'))
    with open(own, 'w', encoding='ascii') as file:
        file.write(text)
    subprocess.run(['mount', '--bind', own, os.path.realpath(path)], check=True)


def add_addresses(*addresses):
    """Addresses of this machine, on a network that leads nowhere."""
    subprocess.run(['ip', 'link', 'add', 'wide0', 'type', 'veth', 'peer', 'name', 'wide1'],
                   check=True)
    for end in ('wide0', 'wide1'):
        subprocess.run(['ip', 'link', 'set', end, 'up'], check=True)
    for address in addresses:
        subprocess.run(['ip', 'addr', 'add', address, 'dev', 'wide0'], check=True)
