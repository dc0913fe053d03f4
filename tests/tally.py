#!/usr/bin/env python3
"""Counts results: tally.py ctest REPORT.xml | tap LOG | closing LOG.

Prints `passed failed skipped`, then the name of each failed and skipped one with F or S before it. Whatever ended
without saying how (a crash, a timeout, no result at all) counts as one failure.
"""
import re
import sys
import xml.etree.ElementTree as xml

TAP = re.compile(r"^(?:not )?ok \d+", re.M)
TAP_LINE = re.compile(r"^(not )?ok \d+(?: - )?([^#\n]*)(#\s*(?:skip|todo)\b.*)?", re.M | re.I)


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped, self.names = 0, 0, 0, []

    def fail(self, name):
        self.failed += 1
        self.names.append("F " + " ".join(name.split()))

    def skip(self, name):
        self.skipped += 1
        self.names.append("S " + " ".join(name.split()))

    def tap_lines(self, text, prefix):
        """Top-level test points of a program's own output."""
        for bad, name, note in TAP_LINE.findall(text):
            if note:
                self.skip(f"{prefix}{name} {note}")
            elif bad:
                self.fail(prefix + name)
            else:
                self.passed += 1


def ctest(tally, path):
    for case in xml.parse(path).getroot().iter("testcase"):
        name, text = case.get("name"), case.findtext("system-out") or ""
        if case.find("skipped") is not None:
            tally.skip(f"{name}: {case.find('skipped').get('message') or 'cannot run here'}")
            continue
        failed = case.find("failure") is not None or case.get("status") not in ("run", "passed")
        before = tally.failed
        tally.tap_lines(text, name + ": ")
        if failed and tally.failed == before:
            message = case.find("failure").get("message") if case.find("failure") is not None else case.get("status")
            tally.fail(f"{name}: {message}")
        if not failed and not TAP.search(text):
            tally.passed += 1


def tap(tally, path):
    """Node's runner: its closing counters, and the names of what failed."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    counts = {key: int(value) for key, value in re.findall(r"^# (tests|pass|fail|cancelled|skipped|todo) (\d+)$", text, re.M)}
    if not {"pass", "fail"} <= counts.keys():
        tally.fail("ended without a summary (a crash or a timeout)")
        return
    tally.passed = counts["pass"]
    tally.failed = counts["fail"] + counts.get("cancelled", 0)
    tally.skipped = counts.get("skipped", 0) + counts.get("todo", 0)
    # A group that fails because of its tests is not counted, and not named either.
    for name, kind in re.findall(r"^ *not ok \d+ - (.*?)(?: # .*)?\n(?: *---\n *duration_ms: .*\n *type: '(\w+)')?", text, re.M):
        if kind != "suite":
            tally.names.append("F " + name)
    for name in re.findall(r"^ *ok \d+ - (.*# (?:SKIP|TODO).*)$", text, re.M | re.I):
        tally.names.append("S " + name)
    if tally.passed + tally.failed + tally.skipped == 0:
        tally.fail("ran no test")


def closing(tally, path):
    """A program that ends with a line `N passed, N failed[, N skipped]`."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", file.read(), re.M)
    if not lines:
        tally.fail("ended without a closing line")
        return
    tally.passed, tally.failed, tally.skipped = (int(n or 0) for n in lines[-1])


def main():
    tally = Tally()
    try:
        {"ctest": ctest, "tap": tap, "closing": closing}[sys.argv[1]](tally, sys.argv[2])
    except (OSError, xml.ParseError) as error:
        tally.fail(f"left no result: {error}")
    print(tally.passed, tally.failed, tally.skipped)
    print("\n".join(tally.names))


if __name__ == "__main__":
    main()
