#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes, form and freshness of what lies in the tree (CONTRIBUTING.md, "Sizes that a tool holds").

  tidy.py [ROOT]       prints each offence as FILE:LINE: sentence; exit 1 if there is one
  tidy.py --self-test  shows on liars that each rule can fail
"""
import os
import re
import shutil
import subprocess
import sys

import csource

FUNCTION_WARNS, FUNCTION_FAILS = 60, 70
FILE_WARNS, FILE_FAILS, HEADER_FAILS = 500, 700, 200
COLUMNS = 100
FOLDERS = ['.ci', 'bench', 'docs', 'include', 'packaging', 'proto', 'sim', 'src', 'tests', 'tools']
SOURCES = ('.c', '.h', '.py', '.sh', '.js', '.mjs', '.go', '.cddl', 'meson.build')
UNFINISHED = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK)\b')
SOMEBODYS_PATH = re.compile(r'''(?:^|[\s"'`(=:])/(?:home|root|work|mnt|Users)/\w''')
LINK = re.compile(r'\]\(([^)#\s]+)(?:#[^)\s]*)?\)')


def check_text(path, text):
    """Any file: what one may not leave behind."""
    for number, line in enumerate(text.split('\n'), 1):
        for match in UNFINISHED.finditer(line):
            yield f'{path}:{number}: {match.group()}: finish it, or write an issue'
        if SOMEBODYS_PATH.search(line):
            yield f'{path}:{number}: a path of somebody\'s machine'
        if line != line.rstrip():
            yield f'{path}:{number}: blanks at the end of the line'


def check_source(path, text):
    """Sources: licence, columns, sizes. A line that starts with "warning: " does not fail."""
    lines = text.split('\n')
    if not any('SPDX-License-Identifier: Apache-2.0' in line for line in lines[:3]):
        yield f'{path}:1: no "SPDX-License-Identifier: Apache-2.0" on top'
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS and not path.endswith('meson.build'):
            yield f'{path}:{number}: {len(line)} columns, at most {COLUMNS}'
    count = len(lines) - 1
    if path.endswith('.h') and count > HEADER_FAILS:
        yield f'{path}:{count}: a header of {count} lines, at most {HEADER_FAILS}'
    elif count > FILE_FAILS:
        yield f'{path}:{count}: {count} lines, at most {FILE_FAILS}'
    elif count > FILE_WARNS:
        yield f'warning: {path}:{count}: {count} lines, better {FILE_WARNS}'


def check_functions(path, text):
    for name, first, last in csource.functions(csource.code(text)):
        size = last - first + 1
        if size > FUNCTION_FAILS:
            yield f'{path}:{first}: {name} has {size} lines, at most {FUNCTION_FAILS}'
        elif size > FUNCTION_WARNS:
            yield f'warning: {path}:{first}: {name} has {size} lines, better {FUNCTION_WARNS}'


def check_tap(path, text):
    """cmocka says TAP only when told to; meson takes all else for a skipped test."""
    if 'cmocka_run_group_tests' in text and 'CM_OUTPUT_TAP' not in text:
        yield f'{path}:1: cmocka_set_message_output(CM_OUTPUT_TAP) is missing'


def check_links(root, path, text):
    """Markdown names only files that are there."""
    for number, line in enumerate(text.split('\n'), 1):
        for target in LINK.findall(line):
            if '://' not in target and not target.startswith('mailto:') and not \
                    os.path.exists(os.path.join(root, os.path.dirname(path), target)):
                yield f'{path}:{number}: links to {target}, which is not there'


def check_form(root, paths):
    """One clang-format for all files: starting it costs more than reading one."""
    if not paths:
        return []
    if not shutil.which('clang-format'):
        return ['warning: clang-format is not installed: the form of C files was not checked']
    done = subprocess.run(['clang-format', '--dry-run', '-Werror', *paths], cwd=root,
                          capture_output=True, text=True)
    first = {}
    for path, line in re.findall(r'^(\S+?):(\d+):\d+: error: ', done.stderr, re.M):
        first.setdefault(path, line)
    return [f'{path}:{line}: not as clang-format writes it: clang-format -i {path}'
            for path, line in first.items()]


def check_generated(root):
    """What tools/schema.py makes of proto/ and keeps in git must be what it would make now."""
    if not os.path.exists(os.path.join(root, 'tools/schema.py')):
        return []
    done = subprocess.run([sys.executable, 'tools/schema.py', '--check'], cwd=root,
                          capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip()
    return [] if done.returncode == 0 else [f'proto/vectors: not up to date: {said}']


def check(root):
    found = []
    paths = csource.files(root, FOLDERS, SOURCES + ('.md', '.scn', '.txt'))
    paths += [name for name in sorted(os.listdir(root)) if name.endswith(('.md', 'meson.build'))]
    for path in paths:
        text = csource.read(root, path)
        found += check_text(path, text)
        if path.endswith(SOURCES):
            found += check_source(path, text)
        if path.endswith(('.c', '.h')):
            found += check_functions(path, text)
            found += check_tap(path, text)
        if path.endswith('.md'):
            found += check_links(root, path, text)
    found += check_form(root, [path for path in paths if path.endswith(('.c', '.h'))])
    return found + check_generated(root)


def self_test():
    long_function = 'int f(void)\n{\n' + '    f();\n' * FUNCTION_FAILS + '}\n'
    cases = [
        (check_text('a.c', '/* TO' 'DO */'), 'finish it'),
        (check_text('a.c', 'open("/ho' 'me/me/x")'), 'a path of somebody'),
        (check_text('a.c', 'int a; '), 'blanks at the end'),
        (check_source('a.c', 'int a;\n'), 'SPDX'),
        (check_source('a.c', '/' * 101 + '\n'), '101 columns'),
        (check_source('a.h', '\n' * 201), 'a header of 201'),
        (check_source('a.c', '\n' * 701), '701 lines'),
        (check_functions('a.c', long_function), 'a.c:1: f has 73 lines'),
        (check_tap('a.c', 'return cmocka_run_group_tests(t, 0, 0);'), 'CM_OUTPUT_TAP'),
        (check_links('.', 'a.md', '[b](gone.md)'), 'gone.md, which is not there'),
    ]
    for made, want in cases:
        made = list(made)
        if not any(want in line and not line.startswith('warning') for line in made):
            sys.exit(f'tidy.py: self-test: "{want}" not in {made}')
    if list(check_functions('a.c', 'static const int a[] = {\n' + '    1,\n' * 99 + '};\n')):
        sys.exit('tidy.py: self-test: took a table for a function')


def main():
    if sys.argv[1:] == ['--self-test']:
        self_test()
        return
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = check(sys.argv[1] if len(sys.argv) > 1 else here)
    for line in found:
        print(line, file=sys.stderr)
    if any(not line.startswith('warning: ') for line in found):
        sys.exit(1)


if __name__ == '__main__':
    main()
