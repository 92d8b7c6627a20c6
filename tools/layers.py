#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the sources against src/LAYERS and the rules of a pure core.

  layers.py [ROOT]       prints each offence as FILE:LINE: sentence; exit 1 if there is one
  layers.py --self-test  shows on a small tree of liars that each rule can fail

What is held: a folder includes only what its line in src/LAYERS names, and only folders above it;
includes make no circle; the core sees no header and calls no function that does I/O, tells the
time or draws chance; memory is allocated in *_new alone; the simulator includes no host.
"""
import os
import re
import sys
import tempfile

import csource

PURE_HEADERS = set('''assert.h errno.h inttypes.h limits.h stdalign.h stdbool.h stddef.h stdint.h
    stdlib.h string.h sodium.h openssl/sha.h uthash.h msgpack/pack.h'''.split())
IMPURE_CALLS = re.compile(r'\b(time|clock|clock_gettime|gettimeofday|localtime\w*|gmtime\w*|s?rand|'
                          r's?random|getrandom|getenv|[vfsnda]*printf|[sf]*scanf|puts|putchar|'
                          r'fopen|open|read|write|close|socket|bind|connect|sendto|recvfrom|sleep|'
                          r'usleep|nanosleep|exit|system|fork|signal|strtok|setlocale|'
                          r'randombytes\w*|crypto_\w*_keygen|crypto_(?:sign|box|kx)_keypair)\s*\(')
ALLOCATION = re.compile(r'\b(malloc|calloc|realloc|strdup|strndup|alloca|aligned_alloc|'
                        r'sodium_malloc)\s*\(')
SIMULATOR_REFUSES = {'uv.h', 'time.h', 'sys/socket.h', 'sys/time.h', 'pthread.h'}


def read_layers(root):
    """Folder -> the folders it may include; complains of a line that names one not above it."""
    layers, wrong = {}, []
    for number, line in enumerate(csource.read(root, 'src/LAYERS').split('\n'), 1):
        if not line.strip() or line.startswith('#'):
            continue
        folder, _, names = line.partition(':')
        for name in names.split():
            if name not in layers:
                wrong.append(f'src/LAYERS:{number}: {folder} names {name}, which is not above it')
        layers[folder] = {name for name in names.split() if name in layers} | {folder}
    return layers, wrong


def check_includes(path, text, layers, wrong):
    folder = os.path.dirname(path)[len('src/'):]
    allowed = layers.get(folder)
    if allowed is None:
        wrong.append(f'{path}:1: its folder has no line in src/LAYERS')
        return
    for line, system, name in csource.includes(text):
        to = os.path.dirname(name)
        if system:
            known = name in PURE_HEADERS or name.startswith('sodium/')
            if folder.startswith('core/') and not known:
                wrong.append(f'{path}:{line}: <{name}> has no place in the core')
        elif to != 'tally' and to not in allowed:
            wrong.append(f'{path}:{line}: {folder} may not include {to or name} (src/LAYERS)')


def check_calls(path, text, wrong):
    text = csource.code(text)
    owner = {}
    for name, first, last in csource.functions(text):
        owner.update((line, name) for line in range(first, last + 1))
    for number, line in enumerate(text.split('\n'), 1):
        match = IMPURE_CALLS.search(line)
        if match and not line.lstrip().startswith('#'):
            wrong.append(f'{path}:{number}: {match.group(1)}() has no place in the core')
        match = ALLOCATION.search(line)
        if match and not owner.get(number, '').endswith('_new'):
            wrong.append(f'{path}:{number}: {match.group(1)}() outside a *_new')


def check_simulator(path, text, wrong):
    for line, system, name in csource.includes(text):
        if (path, name) == ('sim/main.c', 'time.h'):
            continue  # It tells how long a run took; nothing of that reaches the world.
        if system and name in SIMULATOR_REFUSES or name.startswith(('host/', 'cmd/')):
            wrong.append(f'{path}:{line}: {name}: the simulator is a host of its own')


def check_circles(graph, wrong):
    """Depth first over the includes; a file met again on its own path closes a circle."""
    done = set()

    def walk(path, trail):
        if path in trail:
            wrong.append(f'{path}:1: a circle: ' + ' > '.join(trail[trail.index(path):] + [path]))
        elif path not in done:
            for to in graph.get(path, ()):
                walk(to, trail + [path])
            done.add(path)
    for path in sorted(graph):
        walk(path, [])


def check(root):
    layers, wrong = read_layers(root)
    graph = {}
    for path in csource.files(root, ['src', 'include', 'sim'], ('.c', '.h')):
        text = csource.read(root, path)
        graph[path] = [folder + name for _, system, name in csource.includes(text) if not system
                       for folder in ('include/', 'src/', 'sim/')
                       if os.path.exists(os.path.join(root, folder, name))]
        if path.startswith('src/'):
            check_includes(path, text, layers, wrong)
        elif path.startswith('sim/'):
            check_simulator(path, text, wrong)
        else:
            wrong += [f'{path}:{line}: the border includes only itself and plain C, not {name}'
                      for line, system, name in csource.includes(text)
                      if not (name in PURE_HEADERS if system else name.startswith('tally/'))]
        if path.startswith('src/core/'):
            check_calls(path, text, wrong)
    check_circles(graph, wrong)
    return wrong


LIARS = {
    'src/LAYERS': 'core/base: core/wire\ncore/wire: core/base\nhost/uv: core/base\n',
    'src/core/base/a.c': '#include "core/wire/w.h"\n#include <time.h>\n#include <sodium.h>\n'
                         'static int f(void)\n{\n    /* time(0) */ return time(0);\n}\n',
    'src/core/base/b.c': 'struct x *x_new(void)\n{\n    return malloc(1);\n}\n'
                         'void x_grow(void)\n{\n    p = realloc(p, 2);\n}\n',
    'src/core/wire/w.h': '#include "core/wire/v.h"\n',
    'src/core/wire/v.h': '#include "core/wire/w.h"\n',
    'src/core/lost/l.c': '',
    'include/tally/types.h': '#include <stdint.h>\n#include <uv.h>\n',
    'sim/world.c': '#include "host/uv/host.h"\n#include <stdio.h>\n',
}
EXPECTED = '''LAYERS:1: core/base names core/wire
a.c:1: core/base may not include core/wire
a.c:2: <time.h> has no place
a.c:6: time() has no place
b.c:7: realloc() outside
w.h:1: a circle
l.c:1: its folder has no line
types.h:2: the border includes only itself
world.c:1: host/uv/host.h: the simulator'''.split('\n')


def self_test():
    with tempfile.TemporaryDirectory() as root:
        for path, text in LIARS.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
                file.write(text)
        wrong = check(root)
    missed = [want for want in EXPECTED if not any(want in line for line in wrong)]
    if missed or len(wrong) != len(EXPECTED):
        sys.exit('layers.py: self-test: missed %s in:\n%s' % (missed, '\n'.join(wrong)))


def main():
    if sys.argv[1:] == ['--self-test']:
        self_test()
        return
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    wrong = check(sys.argv[1] if len(sys.argv) > 1 else here)
    if wrong:
        sys.exit('\n'.join(wrong))


if __name__ == '__main__':
    main()
