#!/usr/bin/env python3
"""A real UDP listener on loopback, flooded with INITs from many addresses, beside honest clients.

    .ci/flood.py SECHAN [SECONDS [PER_SECOND]]

The INITs are genuine but for what follows them: each has an attempt of its own and a good HMAC under the hello key that
anybody can compute, so that the listener cannot tell them from a client's; their cookies are never answered. Prints how
many round trips the honest clients took, and the listener's memory before, at its highest, and after; ends with 1 when
a client takes more than three, or the memory grows by more than the budget.
"""
import hashlib
import hmac
import json
import os
import pathlib
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time

# What an endpoint may hold for strangers: half-open handshakes 4 MiB, incomplete ones 2 MiB, and what the socket and
# the allocator keep for themselves.
BUDGET_KIB = (4 + 2 + 6) * 1024
SOURCES = 400
MOST_CLIENTS = 1000


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hello_key(attempt):
    """Chapter 4: the key of INIT under hello 0, which has no secret in it."""
    secret = mac(SALT, b"\0")
    label = b"scp1 hello i2r"
    info = (32).to_bytes(2, "big") + bytes([len(label)]) + label + bytes([len(attempt)]) + attempt
    return mac(secret, info + b"\x01")


def salt():
    text = (pathlib.Path(__file__).parent.parent / "Spec/peer/scp1/keys.py").read_text()
    return eval(re.search(r"^SALT = (.+)$", text, re.M).group(1), {"hashlib": hashlib})


SALT = salt()


def forged(init):
    """The same INIT of another attempt."""
    attempt = os.urandom(8)
    body = init[:14] + attempt + init[22:-32]
    return body + mac(hello_key(attempt), body)


def memory(process, field):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.M).group(1))


class Relay(threading.Thread):
    """Between a client and the listener; counts what the client sends until the listener speaks under session keys."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back.connect(target)
        self.client = None
        self.flights = 0
        self.is_up = False
        self.first = None

    @property
    def port(self):
        return self.front.getsockname()[1]

    def run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.front, selectors.EVENT_READ)
        selector.register(self.back, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is self.front:
                    data, self.client = self.front.recvfrom(65536)
                    self.first = self.first or data
                    self.flights += not self.is_up
                    self.back.send(data)
                else:
                    data = self.back.recv(65536)
                    start = 2 + data[1] if data[:1] == b"\x04" else 0
                    self.is_up = self.is_up or int.from_bytes(data[start + 2:start + 4], "big") > 0
                    self.front.sendto(data, self.client)


def sockets():
    """Sources of their own: all of 127/8 is this machine. Elsewhere one address must do."""
    found = []
    for number in range(SOURCES):
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            source.bind((f"127.{1 + number % 250}.{number // 250}.7", 0))
        except OSError:
            source.bind(("127.0.0.1", 0))
        source.setblocking(False)
        found.append(source)
    return found


def flood(target, init, seconds, rate):
    sources = sockets()
    sent = 0
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        while sent < rate * passed:
            try:
                sources[sent % SOURCES].sendto(forged(init), target)
            except OSError:
                pass
            sent += 1
        time.sleep(0.001)
    return sent


def connect(sechan, directory, target):
    relay = Relay(target)
    relay.start()
    done = subprocess.run(
        [sechan, "connect", f"udp://127.0.0.1:{relay.port}", "--trust", "accept-new", "-m", "hello", "--json"],
        env={**os.environ, "SECHAN_CONFIG": str(directory)}, capture_output=True, text=True, timeout=60)
    return done, relay


def main():
    sechan = os.path.abspath(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    rate = float(sys.argv[3]) if len(sys.argv) > 3 else 4000
    with tempfile.TemporaryDirectory() as name:
        places = [pathlib.Path(name) / part for part in ("server", "client")]
        for place in places:
            subprocess.run([sechan, "keygen", "-q"], env={**os.environ, "SECHAN_CONFIG": str(place)}, check=True,
                           stdout=subprocess.DEVNULL)
        listener = subprocess.Popen(
            [sechan, "listen", "udp://127.0.0.1:0", "--anyone", "--echo", "--json"],
            env={**os.environ, "SECHAN_CONFIG": str(places[0])}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True)
        try:
            address = json.loads(listener.stdout.readline())["address"]
            threading.Thread(target=listener.stdout.read, daemon=True).start()
            target = ("127.0.0.1", int(address.rsplit(":", 1)[1]))
            return judge(sechan, places[1], listener, target, seconds, rate)
        finally:
            listener.terminate()
            listener.wait(20)


def judge(sechan, place, listener, target, seconds, rate):
    done, relay = connect(sechan, place, target)
    if done.returncode != 0:
        sys.exit(f"without a flood the client ends with {done.returncode}: {done.stderr}")
    calm = relay.flights
    before = memory(listener, "VmRSS")
    result = []
    flooding = threading.Thread(
        target=lambda: result.append(flood(target, relay.first, seconds, rate)), daemon=True)
    flooding.start()
    time.sleep(min(1, seconds / 3))
    flights = []
    slowest = 0
    while flooding.is_alive() and len(flights) < MOST_CLIENTS:
        begun = time.monotonic()
        done, relay = connect(sechan, place, target)
        slowest = max(slowest, time.monotonic() - begun)
        flights.append(relay.flights if done.returncode == 0 else 99)
        time.sleep(0.1)
    flooding.join()
    highest = memory(listener, "VmHWM")
    # Half-open handshakes are forgotten after ten seconds.
    time.sleep(11)
    after = memory(listener, "VmRSS")
    print(f"flood: {result[0]} INITs in {seconds:.0f} s from {SOURCES} addresses, beside {len(flights)} clients;"
          f" at most {max(flights)} round trips to a session, without a flood {calm};"
          f" the slowest took {slowest:.2f} s, from its start to its end")
    print(f"flood: the listener's memory: {before} KiB before, {highest} KiB at most, {after} KiB after;"
          f" the budget is {BUDGET_KIB} KiB more")
    good = [max(flights) <= 3, highest - before <= BUDGET_KIB]
    print(f"{sum(good)} passed, {len(good) - sum(good)} failed")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
