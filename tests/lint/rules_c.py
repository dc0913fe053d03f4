"""Rules about C: who may include and call what, and how long things may be."""
import re

# What a file may include of ours, by the start of its path; the longest start that fits decides.
MAY_INCLUDE = {
    "schema/": ("schema/",),
    "sync/base/": ("sync/base/",),
    "sync/": ("sync/", "schema/"),
    "daemon/": ("daemon/", "sync/", "schema/"),
    "clients/": ("clients/", "sync/", "schema/"),
}
# Library headers, and the only files (as patterns) that may know them.
ONLY_IN = {
    r"libwebsockets\.h": r"daemon/(loop|http\w*|tls|live|live_conn|live_lws|live_out)\.[ch]|clients/.*",
    r"ev\.h": r"daemon/loop\.c",
    r"curl/.*": r"daemon/outbound\w*\.[ch]|clients/.*",
    r"sqlite3\.h": r"sync/.*",
    r"jwt\.h": r"daemon/token\.c",
    r"crypt\.h": r"daemon/password\.c",
}
# Transport and storage stay out of handlers, also by way of our own headers.
HANDLER = re.compile(r"daemon/api_\w+\.c")
NOT_IN_HANDLERS = ("libwebsockets.h", "sqlite3.h", "curl/curl.h", "jwt.h", "ev.h")


def reaches(tree, name, seen):
    """Library headers that a file sees, through ours."""
    found = set()
    for _, path, system in tree.includes(name):
        if system:
            found.add(path)
        elif path not in seen and path in tree.files:
            seen.add(path)
            found |= reaches(tree, path, seen)
    return found


def include_direction(tree):
    for name in tree.code():
        room = max((start for start in MAY_INCLUDE if name.startswith(start)), key=len, default=None)
        for line, path, system in tree.includes(name):
            for header, allowed in ONLY_IN.items():
                if system and re.fullmatch(header, path) and not re.fullmatch(allowed, name):
                    yield f"{name}:{line}: <{path}> is not for this file"
            if system or room is None:
                continue
            if not path.startswith(MAY_INCLUDE[room]):
                yield f"{name}:{line}: {room} may not use \"{path}\""
            if HANDLER.fullmatch(name) and path in tree.files:
                for library in sorted(reaches(tree, path, {path}).intersection(NOT_IN_HANDLERS)):
                    yield f"{name}:{line}: a handler knows requests, but \"{path}\" brings <{library}>"


EVERYWHERE = {
    "strcpy strcat strncpy strncat sprintf vsprintf gets strtok stpcpy": "use sync/base/buf.h or str.h",
    "atoi atol atoll atof sscanf scanf fscanf": "use the strict parsers of sync/base/str.h",
    "system popen": "starts a shell",
    "rand srand random srandom drand48": "is no source of randomness",
    "alloca mktemp tmpnam tempnam": "cannot fail safely",
    "localtime gmtime ctime asctime": "shares a buffer between threads",
    "assert": "use CHECK of sync/base/check.h",
    "setjmp longjmp": "skips clean-up",
}
IN_ROOM = {
    "sync/": {
        "time gettimeofday clock_gettime clock": "sync/ is handed the time",
        "randombytes_buf randombytes_random randombytes_uniform getrandom arc4random": "sync/ is handed randomness",
        "socket connect accept pthread_create sleep usleep nanosleep": "sync/ has no sockets, threads or waiting",
        "printf fprintf puts syslog": "library code returns, it does not print",
    },
    "daemon/": {
        "sleep usleep nanosleep": "nothing waits by the clock: use a tick, a condition or a poll",
        "syslog": "log.c is the only sink",
    },
    "schema/": {},
}
NOT_HERE = {"sync/base/check.h": {"fprintf"}}


def banned_calls(tree):
    for name in tree.code():
        table = dict(EVERYWHERE)
        for room, more in IN_ROOM.items():
            if name.startswith(room):
                table.update(more)
        why = {call: reason for calls, reason in table.items() for call in calls.split()}
        for call in NOT_HERE.get(name, ()):
            why.pop(call, None)
        pattern = re.compile(r"(?<![\w.>])(" + "|".join(why) + r")\s*\(")
        for number, line in enumerate(tree.bare(name), 1):
            for match in pattern.finditer(line):
                yield f"{name}:{number}: {match.group(1)}() {why[match.group(1)]}"


FUNCTION_LINES, FILE_LINES, FILE_SOFT, HEADER_LINES = 70, 700, 400, 150


def function_length(tree):
    """clang-format puts the braces of a function, and of nothing else that is long, in the first column."""
    for name in tree.named(".c", ".h"):
        start = None
        for number, line in enumerate(tree.bare(name), 1):
            if line.rstrip() == "{":
                start = number
            elif line.startswith("}") and start is not None:
                if number - start - 1 > FUNCTION_LINES:
                    yield f"{name}:{start}: a function of {number - start - 1} lines, {FUNCTION_LINES} are the most"
                start = None


def file_length(tree):
    for name in tree.named(".c", ".h", ".mjs", ".js", ".py"):
        lines = tree.text(name).count("\n")
        most = HEADER_LINES if name.endswith(".h") else FILE_LINES
        if lines > most:
            yield f"{name}: {lines} lines, {most} are the most"
        elif lines > FILE_SOFT and not name.startswith("tests/"):
            tree.warnings.append(f"{name} has {lines} lines; over {FILE_SOFT} it wants splitting")


def header_guard(tree):
    for name in tree.named(".h"):
        guard = "TSUZUKI_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        lines = [line.strip() for line in tree.bare(name) if line.strip()]
        if lines[:2] != [f"#ifndef {guard}", f"#define {guard}"] or lines[-1] != "#endif":
            yield f"{name}: its guard is not {guard}"


def header_comment(tree):
    """A file's job stands at its top: headers and program files of the product open with a comment."""
    for name in tree.code():
        if name.endswith(".h") and not tree.text(name).startswith("/*"):
            yield f"{name}: a header opens with a comment that says its purpose"


RULES = {
    "include-direction": include_direction,
    "banned-calls": banned_calls,
    "function-length": function_length,
    "file-length": file_length,
    "header-guard": header_guard,
    "header-comment": header_comment,
}
