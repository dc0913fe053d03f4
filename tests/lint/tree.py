"""The files that rules look at: what git tracks or would track, without the bad samples."""
import re
import subprocess
from functools import cached_property, lru_cache
from pathlib import Path

SAMPLES = "tests/lint/bad/"
NOT_OURS = ("build/", "data/")

# A comment, a string or a character constant; what is left of it keeps its line breaks.
NOISE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def blank(match):
    """Only layout stays of a comment, only the quotes of a string."""
    text = match.group(0)
    rest = re.sub(r"[^\n]", " ", text)
    return rest if text.startswith("/") else text[0] + rest[1:-1] + text[-1]


class Tree:
    def __init__(self, root, sample=False):
        self.root = Path(root)
        self.sample = sample
        self.warnings = []

    def _git(self, *arguments):
        try:
            done = subprocess.run(["git", "-C", str(self.root), "ls-files", "-z", *arguments], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return [name for name in done.stdout.decode().split("\0") if name]

    def _walk(self):
        return [path.relative_to(self.root).as_posix() for path in sorted(self.root.rglob("*")) if path.is_file()]

    @cached_property
    def tracked(self):
        """What is committed or staged; in a sample or without git, every file."""
        if self.sample:
            return [name for name in self._walk() if name != "expected"]
        found = self._git("--cached")
        return [name for name in (found if found else self.files) if not name.startswith(SAMPLES)]

    @cached_property
    def files(self):
        if self.sample:
            return self.tracked
        found = self._git("--cached", "--others", "--exclude-standard")
        if not found:
            found = [name for name in self._walk() if "node_modules/" not in name and not name.startswith((".git/", *NOT_OURS))]
        return sorted({name for name in found if not name.startswith(SAMPLES) and (self.root / name).is_file()})

    def named(self, *suffixes):
        return [name for name in self.files if name.endswith(suffixes)]

    def code(self):
        """C files of the product."""
        return [name for name in self.named(".c", ".h") if not name.startswith("tests/")]

    @lru_cache(maxsize=None)
    def bytes(self, name):
        return (self.root / name).read_bytes()

    @lru_cache(maxsize=None)
    def text(self, name):
        """Empty for what is no text."""
        data = self.bytes(name)
        return "" if b"\0" in data else data.decode("utf-8", "replace")

    @lru_cache(maxsize=None)
    def bare(self, name):
        """A C file without comments and the contents of strings, line by line."""
        return NOISE.sub(blank, self.text(name)).split("\n")

    @lru_cache(maxsize=None)
    def includes(self, name):
        """(line, path, is a system include) of each include."""
        found = []
        for number, line in enumerate(self.text(name).split("\n"), 1):
            match = re.match(r"\s*#\s*include\s*([<\"])([^>\"]+)[>\"]", line)
            if match:
                found.append((number, match.group(2), match.group(1) == "<"))
        return found
