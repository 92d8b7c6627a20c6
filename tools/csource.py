# SPDX-License-Identifier: Apache-2.0
"""Reading C sources as far as our checks need it: text without comments, includes, functions.

Not a parser. It relies on .clang-format: a function's body opens and closes with a brace in the
first column, and nothing else does that but an initialiser, a struct or an enum.
"""
import os
import re

_TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
_INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
_NOT_A_FUNCTION = re.compile(r'^(struct|union|enum|typedef)\b[^()]*$|=\s*$')


def files(root, folders, endings):
    """All files below the folders that end so, sorted, without built or installed ones."""
    found = []
    for folder in folders:
        for path, below, names in os.walk(os.path.join(root, folder)):
            below[:] = [name for name in below if name not in ('node_modules', '__pycache__')]
            found += [os.path.join(path, name) for name in names if name.endswith(endings)]
    return sorted(os.path.relpath(path, root) for path in found)


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def code(text):
    """The text with comments and the insides of strings blanked, line for line."""
    def blank(match):
        token = match.group()
        if token[0] == '/':
            return re.sub(r'[^\n]', ' ', token)
        return token[0] + ' ' * (len(token) - 2) + token[-1]
    return _TOKENS.sub(blank, text)


def includes(text):
    """(line, is a system header, path) of each include; strings stay as they are there."""
    for match in _INCLUDE.finditer(text):
        yield text.count('\n', 0, match.start()) + 1, match.group(1) == '<', match.group(2)


def functions(text):
    """(name, first line, last line) of each function of a text that code() has blanked."""
    lines = text.split('\n')
    opened = None
    for number, line in enumerate(lines):
        if line.startswith('{'):
            head = number - 1
            while head > 0 and lines[head - 1].strip() and lines[head - 1][0] not in '}#' \
                    and not lines[head - 1].rstrip().endswith(';'):
                head -= 1
            text_of_head = ' '.join(lines[head:number]).strip()
            name = re.search(r'(\w+)\s*\(', text_of_head)
            opened = None
            if name and not _NOT_A_FUNCTION.search(text_of_head):
                opened = name.group(1), head + 1
        elif line.startswith('}') and opened:
            yield opened[0], opened[1], number + 1
            opened = None
