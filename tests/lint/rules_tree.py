"""Rules about the tree: what lies where, what is generated, what is in form."""
import json
import os
import re
import shutil
import subprocess

ROOT_ENTRIES = {"schema", "sync", "daemon", "clients", "tests", "packaging", "CMakeLists.txt", "CMakePresets.json",
                "README.md", "LICENSE"}


def root_entries(tree):
    for entry in sorted({name.split("/")[0] for name in tree.files}):
        if entry not in ROOT_ENTRIES and not entry.startswith("."):
            yield f"{entry}: does not belong at the root"


def folder_readme(tree):
    """Every folder that holds code opens with a README. Folders of data do not count."""
    code = (".c", ".h", ".mjs", ".js", ".py", ".sql", ".html")
    folders = {os.path.dirname(name) for name in tree.named(*code)}
    for folder in sorted(folders):
        inner = re.match(r"(tests/(unit|fuzz|golden|lint|fault))/|sync/base$", folder)
        if not inner and f"{folder}/README.md".lstrip("/") not in tree.files:
            yield f"{folder or '.'}: has no README.md"


# Folders whose .c files are found by a glob of their CMakeLists.txt.
BUILT = re.compile(r"(sync|sync/base|daemon|tests/unit(/\w+)*|tests/fuzz)/\w+\.c")


def dead_files(tree):
    included = {path for name in tree.named(".c", ".h", ".def") for _, path, _ in tree.includes(name)}
    texts = {name: tree.text(name) for name in tree.files}
    for name in tree.named(".c", ".h", ".def", ".sql", ".mjs"):
        base = os.path.basename(name)
        if name.endswith((".test.mjs", ".config.mjs")) or BUILT.fullmatch(name):
            continue
        if name.endswith((".h", ".def")):
            near = {path for other in tree.named(".c", ".h") if os.path.dirname(other) == os.path.dirname(name)
                    for _, path, _ in tree.includes(other)}
            used = name in included or base in near
        else:
            # Scripts name what they build or read with or without its ending.
            stem = re.compile(r"\b" + re.escape(base.split(".")[0]) + r"\b")
            used = any(stem.search(text) for other, text in texts.items() if other != name and not other.endswith(".md"))
        if not used:
            yield f"{name}: nothing includes or builds it"


def tracked_generated(tree):
    generated = re.compile(r"(^|/)(build|node_modules|__pycache__|CMakeFiles)/|\.(o|a|so|gcda|gcno|pyc|log|deb|db-wal|db-shm)$"
                           r"|(^|/)(CMakeCache\.txt|compile_commands\.json)$|^\.env$")
    for name in tree.tracked:
        if generated.search(name) or (name.endswith(".db") and not name.startswith("tests/golden/")):
            yield f"{name}: is made by a build or a run, and does not belong in git"
        elif name.endswith((".c", ".h")) and tree.text(name).startswith("/* Generated"):
            yield f"{name}: is generated, and does not belong in git"


def scripts(tree):
    """What starts with #! can be started, and shell scripts can be read by their shell."""
    for name in tree.files:
        head = tree.bytes(name)[:64].split(b"\n")[0]
        if not head.startswith(b"#!") or (name.endswith(".py") and name.startswith("tests/lint/")):
            continue
        if not os.access(tree.root / name, os.X_OK):
            yield f"{name}: starts with #! but is not executable"
        shell = re.search(rb"\b(bash|sh)$", head)
        if shell and shutil.which(shell.group(1).decode()):
            done = subprocess.run([shell.group(1).decode(), "-n", str(tree.root / name)], capture_output=True, check=False)
            if done.returncode:
                yield f"{name}: {done.stderr.decode().strip()[:200]}"


def json_form(tree):
    def unique(pairs):
        keys = [key for key, _ in pairs]
        if len(keys) != len(set(keys)):
            raise ValueError("a key stands twice")
        return dict(pairs)

    for name in tree.named(".json"):
        try:
            json.loads(tree.text(name), object_pairs_hook=unique)
        except ValueError as error:
            yield f"{name}: {error}"


def c_format(tree):
    """As .clang-format has it."""
    tool = shutil.which("clang-format")
    if not tool:
        tree.warnings.append("clang-format is not installed: the form of C files is not checked")
        return
    names = tree.named(".c", ".h")
    for start in range(0, len(names), 50):
        done = subprocess.run([tool, "--dry-run", "-Werror", "-style=file", *names[start:start + 50]], cwd=tree.root,
                              capture_output=True, check=False)
        for name in set(re.findall(r"^(\S+?):\d+:\d+: error: ", done.stderr.decode(), re.M)):
            yield f"{name}: clang-format -i would change it"


def generated_text(tree):
    """Scripts that write parts of documents can say whether these are up to date."""
    for name in ("packaging/settings",):
        if (tree.root / name).is_file():
            done = subprocess.run([str(tree.root / name), "--check"], cwd=tree.root, capture_output=True, check=False)
            if done.returncode:
                said = (done.stdout + done.stderr).decode().strip()[:300]
                yield f"{name}: run it: {said}"


def depend_lists(tree):
    """One Debian package a line, in order, each once."""
    for name in ("packaging/build-depends", "tests/depends"):
        if name not in tree.files:
            continue
        lines = [line.split()[0] for line in tree.text(name).split("\n") if line.strip() and not line.startswith("#")]
        if lines != sorted(set(lines)):
            yield f"{name}: is not sorted, or names a package twice"
        for line in lines:
            if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", line):
                yield f"{name}: {line} is no package's name"


RULES = {
    "root-entries": root_entries,
    "folder-readme": folder_readme,
    "dead-files": dead_files,
    "tracked-generated": tracked_generated,
    "scripts": scripts,
    "json-form": json_form,
    "c-format": c_format,
    "generated-text": generated_text,
    "depend-lists": depend_lists,
}
