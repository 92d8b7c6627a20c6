#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sim/example.c, built from what is installed alone: headers, libraries, pkg-config.

  example.py BUILD SOURCE [OPTION...]   installs into a folder of its own, copies the example away,
                                        builds it with the compiler's options, runs it
"""
import os
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, **more)
    if done.returncode != 0:
        sys.exit(f'{" ".join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}')
    return done.stdout


def pc_folder(root):
    for folder, _, files in os.walk(root):
        if 'tallysim.pc' in files:
            return folder
    return sys.exit('tallysim.pc is not installed')


def main(build, source, *options):
    if shutil.which('pkg-config') is None or shutil.which('cc') is None:
        print('no pkg-config or no cc')
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        root = os.path.join(folder, 'root')
        run('meson', 'install', '-C', build, '--no-rebuild', '--quiet',
            env={**os.environ, 'DESTDIR': root})
        shutil.copy(os.path.join(source, 'sim', 'example.c'), folder)
        packages = {**os.environ, 'PKG_CONFIG_PATH': pc_folder(root),
                    'PKG_CONFIG_SYSROOT_DIR': ''}
        # The prefix inside DESTDIR, as a package that is built would have it.
        prefix = run('pkg-config', '--variable=prefix', 'tallysim', env=packages).strip()
        flags = run('pkg-config', f'--define-variable=prefix={root}{prefix}', '--cflags', '--libs',
                    'tallysim', env=packages).split()
        run('cc', '-Wall', '-Wextra', '-Werror', 'example.c', *options, *flags, '-o', 'example',
            cwd=folder)
        first, again = (run(os.path.join(folder, 'example')) for _ in range(2))
        print(first, end='')
        if first != again or 'n4 holds 10 orders of n1' not in first:
            sys.exit(f'not the same twice, or not what it says: {again}')


main(*sys.argv[1:])
