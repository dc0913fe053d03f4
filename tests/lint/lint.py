#!/usr/bin/env python3
"""Rules that no compiler knows, as a test: lint.py [--tap] [--only RULE] [--root FOLDER].

Every rule is run twice: over its bad sample (bad/<rule>/, a small tree in which it must find exactly what the file
`expected` lists) and over the repository, in which it must find nothing.
"""
import argparse
import sys
from pathlib import Path

import rules_c
import rules_text
import rules_tree
from tree import Tree

HERE = Path(__file__).resolve().parent
RULES = {**rules_c.RULES, **rules_text.RULES, **rules_tree.RULES}


def sample_problem(name, rule):
    """What is wrong with how the rule judges its bad sample, or None."""
    folder = HERE / "bad" / name
    listed = folder / "expected"
    if not listed.is_file():
        return f"bad/{name}/expected is missing"
    expected = set(listed.read_text().split())
    found = {finding.split(": ", 1)[0] for finding in rule(Tree(folder, sample=True))}
    if not expected:
        return f"bad/{name}/expected names nothing"
    if found != expected:
        return f"missed {sorted(expected - found)}, wrongly found {sorted(found - expected)}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tap", action="store_true", help="as the Test Anything Protocol")
    parser.add_argument("--only", metavar="RULE", choices=sorted(RULES))
    parser.add_argument("--root", type=Path, default=HERE.parent.parent)
    options = parser.parse_args()
    tree = Tree(options.root.resolve())
    passed = failed = 0

    def report(label, problems):
        nonlocal passed, failed
        good = not problems
        passed, failed = passed + good, failed + (not good)
        if options.tap:
            print(f"{'ok' if good else 'not ok'} {passed + failed} - {label}")
        elif not good:
            print(f"{label}:")
        for problem in problems:
            print(f"{'# ' if options.tap else '  '}{problem}")

    for name, rule in RULES.items():
        if options.only not in (None, name):
            continue
        problem = sample_problem(name, rule)
        report(f"{name} finds its bad sample", [problem] if problem else [])
        report(name, sorted(set(rule(tree))))
    for warning in tree.warnings:
        print(f"# warning: {warning}")
    if options.tap:
        print(f"1..{passed + failed}\n# pass {passed}\n# fail {failed}")
    else:
        print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
