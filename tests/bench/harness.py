"""What every benchmark here needs: build the C programs, start and stop servers, generate load, print a table.

A server is a Server with a pid and a port. Rates, latencies (us) and CPU per request (us) come from the program `load`,
which reads the server's CPU clock over the very span in which it counts answers.
"""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "bench"
FLAGS = ("-std=c11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes "
         "-Wcast-qual -Wvla -Wformat=2 -Wwrite-strings -Wdouble-promotion").split()
PROGRAMS = {"load": [], "bare_http": ["libwebsockets", "jansson"], "bare_commit": ["sqlite3"], "bare_delta": ["sqlite3"],
            "bare_echo": ["libwebsockets"], "live_load": [],
            "playback": ["sqlite3", "jansson", "libsodium"]}
OURS = {"playback"}  # programs that run our own libraries, of the release build
START_SECONDS = 10  # until a server answers, before it counts as failed


class Failed(Exception):
    """The benchmark could not be run; the text says why."""


def build():
    """Builds the C programs that are older than their source."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for name, packages in PROGRAMS.items():
        source, program = HERE / f"{name}.c", BUILD / name
        if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
            continue
        libraries = ["-lev"] if "libwebsockets" in packages else []
        if name in OURS:
            release = ROOT / "build/release"
            libraries += [f"-I{ROOT}", str(release / "sync/libtsuzuki_sync.a"), str(release / "schema/libtsuzuki_schema.a"), "-lm"]
        if packages:
            libraries += subprocess.run(["pkg-config", "--cflags", "--libs", *packages], check=True,
                                        capture_output=True, text=True).stdout.split()
        subprocess.run(["cc", *FLAGS, str(source), "-o", str(program), *libraries], check=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A server process of ours. `started` is the time from its start to the first answer, in ms."""

    def __init__(self, argv, port, log, env=None, probe="/health"):
        self.port, self.log, self.probe = port, log, probe
        began = time.monotonic()
        with open(log, "ab") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)
        self.pid = self.process.pid
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - began > START_SECONDS:
                self.stop()
                raise Failed(f"{argv[0]} does not answer; the end of its log:\n{self.log_end()}")
        self.started = (time.monotonic() - began) * 1000

    def answers(self):
        """Whether a first request is answered; asked without a pause, for the time to the first answer counts."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS) as s:
                s.sendall(request("GET", self.probe))
                return s.recv(64).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            time.sleep(0.0005)  # leaves the core to the server that starts
            return False

    def log_end(self):
        return pathlib.Path(self.log).read_text(errors="replace")[-2000:]

    def rss(self):
        """Resident memory in MiB."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) / 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failed(f"{self.process.args[0]} did not stop within 10 s of SIGTERM") from None


class Daemon(Server):
    """tsuzukid with a data folder of its own, settings as shipped but for the rate limits."""

    def __init__(self, binary, folder, lines="RATE_LIMIT_AUTH=off\nRATE_LIMIT_API=off\nRATE_LIMIT_SYNC=off\n"):
        folder = pathlib.Path(folder)
        port = free_port()
        data, settings = folder / "data", folder / "tsuzuki.env"
        data.mkdir(parents=True, exist_ok=True)
        settings.write_text(lines)
        argv = [str(binary), "--config", str(settings), "--data-dir", str(data), "--port", str(port),
                "--bind", "127.0.0.1"]
        super().__init__(argv, port, folder / "daemon.log", {"PATH": os.environ["PATH"]})

    def call(self, method, path, body=None, token=None):
        """One request, for preparing. Returns the answer's JSON; fails on anything but a 2xx."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            c.request(method, path, json.dumps(body) if body is not None else None, headers)
            r = c.getresponse()
            text = r.read()
        finally:
            c.close()
        if not 200 <= r.status <= 299:
            raise Failed(f"{method} {path}: {r.status} {text[:500]!r}")
        return json.loads(text)


def request(method, path, body=None, token=None):
    """One request as bytes. Every header is one that a client sends; ###### in a body is the generator's counter."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return (head + "\r\n" + (body or "")).encode()


def write_requests(path, requests):
    with open(path, "wb") as f:
        for r in requests:
            f.write(b"%d\n" % len(r) + r)
    return path


class Load:
    """Calls of `load`; remembers the counters, so that a user's positions never go back between two runs."""

    def __init__(self):
        self.counters = {}

    def start(self, server, requests, connections, seconds, warmup=0.1):
        counter = self.counters.get(requests, 100000)
        argv = [BUILD / "load", server.port, connections, seconds, warmup, requests, server.pid, counter]
        return subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process, requests):
        out, err = process.communicate()
        if process.returncode != 0:
            raise Failed(f"load of {os.path.basename(requests)}: {err.strip()}")
        result = json.loads(out)
        self.counters[requests] = self.counters.get(requests, 100000) + result["rounds"]
        return result

    def run(self, server, requests, connections, seconds, warmup=0.1):
        return self.finish(self.start(server, requests, connections, seconds, warmup), requests)

    def once(self, server, requests, connections):
        """Sends every request of the file once."""
        return self.run(server, requests, connections, 0)


def median(samples, key):
    return statistics.median(s[key] for s in samples)


def middle(samples):
    """The median of every figure of several runs."""
    return {key: median(samples, key) for key in samples[0]}


def ratio(subject, limit, key):
    """The median over the rounds of subject to limit, each taken side by side."""
    return statistics.median(s[key] / l[key] for s, l in zip(subject, limit))


def verdict(ok):
    return "ok" if ok else "MISS"


def print_table(head, rows):
    rows = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())


def main(run):
    """Runs a benchmark; a failure is one line, not a trace."""
    try:
        build()
        return run()
    except Failed as e:
        print(f"{os.path.basename(sys.argv[0])}: {e}", file=sys.stderr)
    except subprocess.CalledProcessError as e:
        print(f"{os.path.basename(sys.argv[0])}: {e.cmd[0]} failed", file=sys.stderr)
    return 1
