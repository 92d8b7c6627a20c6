# SPDX-License-Identifier: Apache-2.0
"""No bound, no code: what the schema compiler must refuse, and the sentence it says."""
import sys
import tempfile
from pathlib import Path

CASES = {
    "a = [x: uint]": "no bound",
    "a = [x: bstr]": "no .size",
    "a = [x: tstr]": "no .size",
    "a = [x: any]": "no bound",
    "a = [x: [* bool]]": "without a greatest count",
    "a = [x: [1* bool]]": "without a greatest count",
    "a = [x: 5..4]": "no integer has the range",
    "a = [x: 0..18446744073709551616]": "no integer has the range",
    "a = [x: b]": "not defined above its use",
    "a = [x: bool]\na = [x: bool]": "defined twice",
    "a = [x: bool]\nk /= plain<0, a>": "not in 1..127",
    "plain-max = 9\na = [x: bool]\nk /= plain<1, a>\nk /= plain<1, a>": "is taken",
    "plain-max = 9\na = [x: bstr .size 8]\nk /= plain<1, a>": "above 9",
    "f-max = 20\na = [x: bstr .size 20]\nf /= frame<1, a>": "above 20",
    'a = [x: tstr .regexp ".*"]': "a regular expression is",
    "a = [x: " + "[0*1 " * 8 + "bool" + "]" * 9: "deep",
}

sys.path.insert(0, str(Path(sys.argv[1]).parent))
import schema_model  # noqa: E402

failed = 0
print(f"1..{len(CASES)}")
for number, (text, expected) in enumerate(CASES.items(), 1):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bad.cddl"
        path.write_text(text + "\n")
        sentence = "it was taken"
        try:
            schema_model.load([path])
        except schema_model.Refused as refused:
            sentence = str(refused)
    good = expected in sentence
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {text.splitlines()[-1][:50]}")
    if not good:
        print(f"# {sentence}")
sys.exit(1 if failed else 0)
