"""Connections over sockets: a loop, an echo server, and a client that runs a random session against one."""

import select
import socket
import time

from .connection import CLOSED, DRAINING, EST, Connection
from .wire import Code


def serve(connection, sock, application, rng=None, limit=60.0):
    """Runs a connection until it is over. `application(connection)` is called after everything that happens."""
    sock.setblocking(False)
    start, write_open = time.monotonic(), True
    while connection.state != CLOSED:
        now = time.monotonic()
        if now - start > limit:
            raise TimeoutError(f"no end after {limit} s, in {connection.state}")
        connection.tick(now)
        application(connection)
        if connection.state == DRAINING and not connection.output and write_open:   # [SCP-CLOSE-21]
            try:
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            write_open = False
        wait = max(0.0, min((connection.deadline() or now + 1) - time.monotonic(), 1))
        readable, writable, _ = select.select([sock], [sock] if connection.output else [], [], wait)
        try:
            if writable:
                n = len(connection.output) if rng is None else rng.randint(1, len(connection.output))
                del connection.output[:sock.send(connection.output[:n])]
                connection.flush()
            if readable:
                data = sock.recv(65536 if rng is None else rng.choice((1, 7, 100, 4000, 65536)))
                if data:
                    connection.receive(data, time.monotonic())
                else:
                    connection.end()
        except OSError:
            connection.output.clear()
            connection.end(failed=True)
    if connection.output and write_open:
        sock.settimeout(1)
        try:
            sock.sendall(connection.output)
        except OSError:
            pass
    sock.close()


class Echo:
    """Sends every message back on its channel. When the peer has finished, it finishes too, or closes, or waits for the
    peer's CLOSE."""

    def __init__(self, rng=None, rotations=0, finishes=False, closes=False):
        self.rng, self.rotations, self.finishes, self.closes = rng, rotations, finishes, closes
        self.echoed = self.octets = 0

    def __call__(self, connection):
        while connection.state == EST and not connection.closing and not connection.finish_wanted:
            message = connection.read()
            if message is None:
                break
            connection.send(message[2], message[0])
            self.echoed += 1
            self.octets += len(message[2])
            if self.rotations and self.rng.random() < 0.2:
                self.rotations -= 1
                connection.rotate(self.rng.randrange(2))
        if connection.state == EST and connection.receiver.peer_finished and not connection.finish_wanted:
            if self.closes:
                connection.close()
            elif self.finishes:
                connection.finish()


class Session:
    """Sends messages of random sizes on random channels to an echo, checks what returns, then closes."""

    def __init__(self, rng, messages=20, channels=8, rotations=2, biggest=131072, unreliable=True):
        self.rng, self.rotations, self.received, self.octets, self.closed = rng, rotations, 0, 0, False
        self.finishes, self.finished = rng.random() < 0.3, False
        self.plan, self.expected = [], {}
        total = 0
        for _ in range(rng.randrange(messages + 1)):
            size = self.size(biggest if total < 600000 else 1000)
            total += size
            mode = rng.choice((0, 0, 1, 2, 3)) if unreliable and size < 1900 else rng.randrange(2)
            self.plan.append(((rng.randrange(channels), mode), rng.randbytes(size)))
        self.reliable = sum(1 for c, _ in self.plan if c[1] < 2)

    def size(self, biggest):
        edges = (0, 1, 2, 31, 32, 63, 64, 65, 255, 256, 2000, 16350, 16383, 16384, 16385, 65471, 65503, 65504, 65505,
                 65535, 65536, 65537, biggest - 1, biggest)
        kind = self.rng.random()
        n = self.rng.choice(edges) if kind < 0.4 else int(2 ** self.rng.uniform(0, 17 if kind < 0.5 else 11))
        return min(n, biggest)

    def __call__(self, connection):
        while connection.established:   # what came before the end stays readable
            message = connection.read()
            if message is None:
                break
            self.check(*message)
        if connection.state != EST:
            return
        while self.plan and not connection.closing and (len(connection.output) < 200000):
            channel, data = self.plan.pop()
            ident = connection.send(data, channel)
            waiting = self.expected.setdefault(channel, [])
            waiting.append(data)
            if channel[1] < 2 and self.rng.random() < 0.1 and connection.cancel(channel, ident):
                waiting.pop()
                self.reliable -= 1
            if self.rotations and self.rng.random() < 0.3:
                self.rotations -= 1
                connection.rotate(self.rng.randrange(2))
            if self.rng.random() < 0.1:
                connection.ping()
            if self.rng.random() < 0.3:
                break
        if not self.plan and self.finishes and not self.finished:
            self.finished = True
            connection.finish()
        if not self.plan and self.received == self.reliable and not self.closed:
            self.closed = True
            connection.close(self.rng.choice((Code.NO_ERROR, 0x1000)), self.rng.choice(("", "done", "\u00e4" * 128)))

    def check(self, channel, ident, data):
        waiting = self.expected[channel]
        assert data in (waiting[:1] if channel[1] == 0 else waiting), f"echo differs on {channel}, message {ident}"
        if channel[1] < 2:
            waiting.remove(data)
            self.received += 1
            self.octets += len(data)

    def verdict(self, connection):
        """None when all was well, otherwise what was not."""
        if connection.failure:
            return f"failed: {connection.failure}"
        if self.received != self.reliable:
            return f"{self.received} of {self.reliable} echoes, outcome {connection.outcome}"
        if connection.outcome[0] == "clean" or (self.finished and connection.outcome == ("by peer", 0)):
            return None
        return f"outcome {connection.outcome}"


def connect(config, address, application, rng=None, limit=60.0):
    """`address` is the path of a Unix-domain socket, or a host and a port."""
    with socket.socket(family(address)) as sock:
        sock.settimeout(10)
        sock.connect(address)
        return run(sock, config, application, rng, limit)


def listen(address=("127.0.0.1", 0)):
    listener = socket.create_server(address, family=family(address))
    listener.settimeout(60)
    return listener


def accept(listener, config, application, rng=None, limit=60.0):
    with listener.accept()[0] as sock:
        return run(sock, config, application, rng, limit)


def family(address):
    return socket.AF_UNIX if isinstance(address, str) else socket.AF_INET


def run(sock, config, application, rng, limit):
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = Connection(config, time.monotonic())
    serve(connection, sock, application, rng, limit)
    return connection
