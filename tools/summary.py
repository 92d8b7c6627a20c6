# SPDX-License-Identifier: Apache-2.0
"""Prints `N passed, N failed, N skipped` for meson's testlog.json files; exit 1 if one failed.

  summary.py FILE...

A file that is missing or empty is a failure: a test run that did not happen proves nothing.
"""
import json
import sys

PASSED, SKIPPED = ('OK', 'EXPECTEDFAIL'), ('SKIP',)


def main():
    passed, skipped, failed = 0, [], []
    for path in sys.argv[1:]:
        try:
            with open(path, encoding='utf-8') as file:
                tests = [json.loads(line) for line in file]
        except OSError as error:
            tests = []
            print(f'{path}: {error.strerror}: no test ran', file=sys.stderr)
        if not tests:
            failed.append(path)
        for test in tests:
            if test['result'] in PASSED:
                passed += 1
            else:
                (skipped if test['result'] in SKIPPED else failed).append(test['name'])
    for word, names in (('skipped', skipped), ('failed', failed)):
        for name in names:
            print(f'{word}: {name}')
    print(f'{passed} passed, {len(failed)} failed, {len(skipped)} skipped')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
