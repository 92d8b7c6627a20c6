#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves from the object code that the core does no I/O and keeps no state of its own.

  purity.py ARCHIVE      what libtally.a needs from outside must be in ALLOWED; nothing writable
  purity.py --self-test  shows on two small objects that both rules can fail

Exit 1 with one line an offence; 77 (skipped) for a build with sanitizers, whose run-time adds both.
"""
import os
import re
import subprocess
import sys
import tempfile

# All that the core may ask of its surroundings, libsodium's deterministic functions apart. SHA-256
# is libcrypto's, for its use of the processor's extensions.
ALLOWED = set('''memcpy memmove memset memcmp memchr bcmp strlen strcmp strncmp strchr strnlen
    qsort bsearch malloc calloc free abort __assert_fail __stack_chk_fail
    SHA256_Init SHA256_Update SHA256_Final _GLOBAL_OFFSET_TABLE_ __popcountdi2'''.split())
SODIUM = re.compile(r'(crypto_(?!.*keygen|(sign|box|kx)_keypair)\w+|'
                    r'sodium_(memcmp|memzero|is_zero))$')
WRITABLE = re.compile(r'(\.data|\.bss|\.tdata|\.tbss)(?!\.rel\.ro)|\*COM\*')


def symbols(archive):
    """(section, name) of each symbol; objdump, because nm shows read-only tables as data."""
    text = subprocess.run(['objdump', '-t', archive], check=True, capture_output=True,
                          text=True).stdout
    for line in text.split('\n'):
        match = re.match(r'[0-9a-f]{8,} .{7} (\S+)\s+[0-9a-f]+\s+(?:\.hidden )?(\S+)$', line)
        if match and match.group(1) != match.group(2):
            yield match.groups()


def check(archive):
    found = list(symbols(archive))
    if not found:
        return [f'{archive}: objdump shows no symbol']
    if any(name.startswith(('__asan_', '__ubsan_', '__sanitizer_', '__gcov')) for _, name in found):
        sys.exit(77)
    defined = {name for section, name in found if section != '*UND*'}
    wrong = []
    for section, name in sorted(set(found)):
        plain = re.sub(r'^__(\w+)_chk$', r'\1', name)
        if section == '*UND*' and name not in defined and not SODIUM.match(name) \
                and name not in ALLOWED and plain not in ALLOWED:
            wrong.append(f'{os.path.basename(archive)}: the core asks for {name}')
        elif WRITABLE.match(section):
            wrong.append(f'{os.path.basename(archive)}: {name} is writable data ({section})')
    return wrong


LIARS = '''#include <stdlib.h>
static int calls;                              /* .bss */
int first = 1;                                 /* .data */
static int one(void) { return ++calls; }
int (*const table[])(void) = {one, rand};      /* Read-only after relocation: allowed. */
void *keep(void) { return malloc(1); }         /* Allowed. */
'''
EXPECTED = ['asks for rand', 'calls', 'first']


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        source, made = os.path.join(folder, 'liar.c'), os.path.join(folder, 'liar.o')
        with open(source, 'w', encoding='utf-8') as file:
            file.write(LIARS)
        subprocess.run(['cc', '-fPIE', '-O1', '-c', source, '-o', made], check=True)
        wrong = check(made)
    if len(wrong) != len(EXPECTED) or not all(want in ' '.join(wrong) for want in EXPECTED):
        sys.exit('purity.py: self-test: found only\n' + '\n'.join(wrong))


def main():
    if sys.argv[1:] == ['--self-test']:
        self_test()
        return
    if len(sys.argv) != 2:
        sys.exit('usage: purity.py ARCHIVE | --self-test')
    wrong = check(sys.argv[1])
    if wrong:
        sys.exit('\n'.join(wrong))


if __name__ == '__main__':
    main()
