#!/usr/bin/env python3
"""tests/package/load.py PORT EMAIL PASSWORD: load while the daemon is restarted, for tests/package/boot. Until SIGTERM,
or for five minutes.

Fresh connections write, kept ones read, and live channels are opened again as soon as they end. A request fails that gets
no answer or another one than 2xx; on a kept connection that was closed before a byte of the answer came, the read is asked
once more on a new one, as every client does. Prints one line of JSON.
"""
import base64
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time

PORT, EMAIL, PASSWORD = int(sys.argv[1]), sys.argv[2], sys.argv[3]
WAIT = 10
counts = {'written': 0, 'read': 0, 'failed': 0, 'reconnected': 0, 'live': 0, 'slowest_ms': 0, 'slowest_resume_ms': 0,
          'failures': []}
lock = threading.Lock()
over = threading.Event()


def count(name, by=1):
    with lock:
        counts[name] += by


def fail(what):
    with lock:
        counts['failed'] += 1
        counts['failures'] = [*counts['failures'], what][:10]


def longest(name, began):
    with lock:
        counts[name] = max(counts[name], round((time.monotonic() - began) * 1000))


def connection():
    return http.client.HTTPConnection('127.0.0.1', PORT, timeout=WAIT)


def ask(kept, method, path, body=None):
    headers = {'Authorization': f'Bearer {TOKEN}'} | ({'Content-Type': 'application/json'} if body else {})
    kept.request(method, path, json.dumps(body) if body else None, headers)
    reply = kept.getresponse()
    return reply.status, reply.read()


def write(number):
    place = 0
    while not over.is_set():
        place += 1
        began = time.monotonic()
        fresh = connection()
        try:
            status, said = ask(fresh, 'POST', '/api/continue-watching', {
                'animeId': f'load-{number}', 'animeTitle': 'Load', 'currentEpisode': 1, 'currentTime': place,
                'duration': 100000})
            count('written') if status // 100 == 2 else fail(f'write {status} {said[:80]}')
        except (OSError, http.client.HTTPException) as error:
            fail(f'write {error!r}')
        longest('slowest_ms', began)
        fresh.close()


def read():
    kept = connection()
    while not over.is_set():
        began = time.monotonic()
        for again in (True, False):
            try:
                status, said = ask(kept, 'GET', '/api/continue-watching')
                count('read') if status == 200 else fail(f'read {status} {said[:80]}')
                break
            except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest) as error:
                kept.close()
                kept = connection()
                count('reconnected') if again else fail(f'read {error!r}')
            except (OSError, http.client.HTTPException) as error:
                fail(f'read {error!r}')
                kept = connection()
                break
        longest('slowest_ms', began)


def live():
    ended = None
    while not over.is_set():
        try:
            with socket.create_connection(('127.0.0.1', PORT), timeout=WAIT) as wire:
                key = base64.b64encode(os.urandom(16)).decode()
                wire.sendall((f'GET /api/live HTTP/1.1\r\nHost: localhost:{PORT}\r\nUpgrade: websocket\r\n'
                              f'Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n'
                              f'Sec-WebSocket-Protocol: tsuzuki.v1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n').encode())
                head = wire.recv(4096)
                if not head.startswith(b'HTTP/1.1 101 '):
                    fail(f'live {head[:80]}')
                    ended = ended or time.monotonic()
                    continue
                hello, mask = b'{"type":"hello"}', os.urandom(4)
                wire.sendall(bytes([0x81, 0x80 | len(hello)]) + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(hello)))
                first = head.split(b'\r\n\r\n', 1)[1] or wire.recv(4096)
                if b'"welcome"' not in first:
                    fail(f'live {first[:80]}')
                    continue
                count('live')
                if ended is not None:
                    longest('slowest_resume_ms', ended)
                wire.settimeout(0.5)
                while not over.is_set():
                    try:
                        if not wire.recv(4096):
                            break
                    except TimeoutError:
                        continue
                ended = time.monotonic()
        except OSError as error:
            fail(f'live {error!r}') if not isinstance(error, ConnectionError) else None
            ended = ended or time.monotonic()


def log_in():
    kept = connection()
    kept.request('POST', '/api/auth/login', json.dumps({'email': EMAIL, 'password': PASSWORD}),
                 {'Content-Type': 'application/json'})
    return json.loads(kept.getresponse().read())['data']['token']


TOKEN = log_in()
signal.signal(signal.SIGTERM, lambda *_: over.set())
threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
threads += [threading.Thread(target=read) for _ in range(4)] + [threading.Thread(target=live) for _ in range(8)]
began = time.monotonic()
for thread in threads:
    thread.start()
over.wait(300)
over.set()
for thread in threads:
    thread.join()
counts['per_second'] = round((counts['written'] + counts['read']) / (time.monotonic() - began))
print(json.dumps(counts))
