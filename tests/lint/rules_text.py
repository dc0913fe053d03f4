"""Rules about text in any file: leftovers, secrets, names of machines."""
import re

PATTERNS = {
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----": "a private key",
    r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}": "a token",
    r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_\w{36}|xox[abp]-[\w-]{20,})\b": "a key of some service",
    r"(?<![\w.])/(home|Users)/\w+": "a path of somebody's machine",
    r"(?<![\w.])/root/": "a path of somebody's machine",
    r"https?://[\w.-]*\b(registry|mirror|artifactory|proxy)\b[\w.-]*": "the address of a package registry",
    r"\"resolved\":\s*\"": "a lock file that names where packages come from",
}


def private_text(tree):
    patterns = dict(PATTERNS)
    if not tree.sample and len(tree.root.parts) > 2:
        # Where this very checkout lies.
        patterns[r"(?<![\w.])" + re.escape(str(tree.root)) + r"\b"] = "the path of this checkout"
    for name in tree.files:
        if name.startswith("tests/lint/"):
            continue
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            for pattern, what in patterns.items():
                if re.search(pattern, line):
                    yield f"{name}:{number}: {what}"


def leftovers(tree):
    pattern = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\))|^(<{7}|>{7}) ")
    for name in tree.files:
        if name.startswith("tests/lint/"):
            continue
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            if pattern.search(line):
                yield f"{name}:{number}: left over: {line.strip()[:80]}"


def text_form(tree):
    """UTF-8, line feeds, one at the end of the file, no blanks at the end of a line."""
    for name in tree.files:
        if not name.endswith((".c", ".h", ".def", ".sql", ".md", ".mjs", ".py", ".txt", ".cmake", ".html", ".css", ".json")):
            continue
        data = tree.bytes(name)
        if not data:
            continue
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            yield f"{name}: is not UTF-8"
        if b"\r" in data:
            yield f"{name}: has carriage returns"
        if not data.endswith(b"\n") or data.endswith(b"\n\n"):
            yield f"{name}: does not end with one line feed"
        for number, line in enumerate(data.split(b"\n"), 1):
            if line.endswith((b" ", b"\t")):
                yield f"{name}:{number}: blanks at the end"


def test_habits(tree):
    """No test that switches others off, and none that waits a fixed time for something to happen."""
    waits = re.compile(r"(timers/promises|new Promise\(\(?\w+\)? => setTimeout\()")
    for name in tree.named(".test.mjs"):
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            if re.search(r"\b(test|it|describe)\.only\(|\bonly: true", line):
                yield f"{name}:{number}: switches the other tests off"
            if waits.search(line) and "lint: waits" not in line:
                yield f"{name}:{number}: a fixed wait; poll with waitFor, or say why with `lint: waits`"


def page_policy(tree):
    """Pages live under default-src 'self': nothing inline, nothing from elsewhere."""
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style\b|\sstyle=|\son\w+=|javascript:", re.I)
    elsewhere = re.compile(r"\b(src|href|action)=[\"']?(https?:)?//|@import|url\(\s*[\"']?(https?:)?//", re.I)
    absolute = re.compile(r"\b(src|href|action)=[\"']?/(?!/)", re.I)
    for name in tree.files:
        if not (name.startswith("clients/") and name.endswith((".html", ".css"))):
            continue
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            if name.endswith(".html") and inline.search(line):
                yield f"{name}:{number}: an inline script or style"
            if elsewhere.search(line):
                yield f"{name}:{number}: something from elsewhere"
            if absolute.search(line):
                yield f"{name}:{number}: a link that a base path breaks"


RULES = {
    "private-text": private_text,
    "leftovers": leftovers,
    "text-form": text_form,
    "test-habits": test_habits,
    "page-policy": page_policy,
}
