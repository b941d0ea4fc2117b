"""Random sessions between this implementation and the program `sechan`, in both roles.

    interop.py --sechan PATH --sessions N [--seed S] [--role initiator|responder|both]

The role is that of `sechan`. As responder it is `sechan listen --echo`; as initiator `sechan pipe` and `sechan
connect`, one process for each session. One session in four is over a Unix-domain socket, the others are over loopback
TCP. Sizes, channels, segmentation, cuts, rotations (either side asks, with NNpsk0 or KKpsk0), pre-shared keys and how
a session closes are random. A failing session of the initiator's role runs again alone with its number as the seed; one
of the responder's, whose listener serves 10, with the seed of that group. A role has N sessions; what they did is
printed for each, and it is a failure when something that they are here to show did not happen in any of 50 or more.
"""

import argparse
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

from scp1 import net
from scp1.connection import Config
from scp1.keys import public_key

GROUP = 10   # sessions of one listener
ALL_SEEN = 50   # sessions in which everything that is counted must have happened


def key_line(public):
    return "scp1-x25519 " + base64.b64encode(public).decode()


class Figures:
    """What the sessions of one role did."""

    def __init__(self, role):
        self.role, self.start = role, time.monotonic()
        self.passed = self.failed = 0
        self.seen = dict.fromkeys((
            "over TCP", "over Unix-domain sockets", "with a pre-shared key", "messages to sechan", "messages from sechan",
            "bytes", "rotations asked by sechan", "rotations asked by the peer with NNpsk0",
            "rotations asked by the peer with KKpsk0", "closed by sechan", "closed by the peer"), 0)

    def verdict(self, number, verdict):
        self.passed, self.failed = self.passed + (verdict is None), self.failed + (verdict is not None)
        if verdict:
            print(f"sechan as {self.role}, session {number}: {verdict}", file=sys.stderr)

    def count(self, connection, address, to_sechan, from_sechan, octets):
        for name, count in (
                ("over Unix-domain sockets" if isinstance(address, str) else "over TCP", 1),
                ("with a pre-shared key", connection.config.psk is not None),
                ("messages to sechan", to_sechan), ("messages from sechan", from_sechan), ("bytes", octets),
                ("rotations asked by sechan", sum(n for (own, _), n in connection.rotations.items() if not own)),
                ("rotations asked by the peer with NNpsk0", connection.rotations.get((True, 0), 0)),
                ("rotations asked by the peer with KKpsk0", connection.rotations.get((True, 1), 0)),
                ("closed by sechan", bool(connection.outcome) and connection.outcome[0] == "by peer"),
                ("closed by the peer", bool(connection.outcome) and connection.outcome[0] == "clean")):
            self.seen[name] += count

    def finish(self):
        """Prints the figures."""
        sessions = self.passed + self.failed
        missing = [name for name, count in self.seen.items() if not count] if sessions >= ALL_SEEN else []
        for name in missing:
            self.verdict("all", f"none was {name}")
        print(f"sechan as {self.role}: {sessions} sessions in {time.monotonic() - self.start:.0f} s: "
              + ", ".join(f"{count} {name}" for name, count in self.seen.items()) + f"; {self.failed} failures",
              flush=True)


class Sechan:
    """The program, with an identity and a directory of its own."""

    def __init__(self, path, directory):
        self.path, self.directory = os.path.abspath(path), directory
        self.environment = {**os.environ, "SECHAN_CONFIG": os.path.join(directory, "config")}
        line = self.run("keygen").split()
        self.public = base64.b64decode(line[1])

    def run(self, *arguments):
        return subprocess.run([self.path, *arguments], env=self.environment, check=True, capture_output=True,
                              text=True, timeout=30).stdout

    def start(self, *arguments):
        return subprocess.Popen([self.path, *arguments], env=self.environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def psk(self, rng):
        """A pre-shared key, and the arguments that name it; in one group or session of three"""
        if rng.random() < 2 / 3:
            return None, []
        psk, path = rng.randbytes(32), os.path.join(self.directory, "psk")
        with open(path, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(base64.b64encode(psk).decode() + "\n")
        return psk, ["--psk", path]


def limits(rng):
    return rng.choice(({}, {"frame_limit": 2048}, {"frame_limit": 1048576, "credit": 1048576},
                       {"credit": 131104, "channel_credit": 131104, "channels": 8}))


def rotation(rng):
    return ["--rotate-bytes", str(int(2 ** rng.uniform(15, 20)))] if rng.random() < 0.5 else []


def place(rng, directory, serial):
    """A path in one of four, otherwise a port that the system chooses"""
    return os.path.join(directory, f"{serial}.sock") if rng.random() < 0.25 else ("127.0.0.1", 0)


def url(address):
    return f"unix://{address}" if isinstance(address, str) else f"tcp://{address[0]}:{address[1]}"


def initiate(sechan, seed, count, figures):
    """`count` sessions with one `sechan listen --echo`"""
    rng = random.Random(f"listener {seed}")
    psk, arguments = sechan.psk(rng)
    address = place(rng, sechan.directory, seed)
    server = sechan.start("listen", "--echo", "--anyone", "--json", *arguments, *rotation(rng), url(address))
    try:
        listening = json.loads(server.stdout.readline())["address"]
        if not isinstance(address, str):
            address = address[0], int(listening.rsplit(":", 1)[1])
        counts, errors = [], []
        reader = threading.Thread(target=lambda: counts.extend(closed(server.stdout)))
        drain = threading.Thread(target=lambda: errors.extend(server.stderr))
        reader.start(), drain.start()
        sent = 0
        for i in range(seed, seed + count):
            rng = random.Random(i)
            session = net.Session(rng, unreliable=False)
            config = Config(True, rng.randbytes(32), psk=psk, limits=limits(rng),
                            responder_key=sechan.public if rng.random() < 0.7 else None,
                            decide=lambda key: key == sechan.public, rng=rng if rng.random() < 0.8 else None)
            try:
                connection = net.connect(config, address, session, rng)
                figures.count(connection, address, session.reliable, session.received, 2 * session.octets)
                figures.verdict(i, session.verdict(connection))
                sent += session.reliable
            except (OSError, AssertionError) as error:
                figures.verdict(i, repr(error))
    finally:
        server.terminate()
        server.wait(30)
    reader.join(), drain.join()
    if sum(counts) != sent or len(counts) != count:
        figures.verdict(seed, f"sechan sent back {sum(counts)} messages in {len(counts)} sessions, "
                        f"there were {sent} in {count}")


def closed(lines):
    """The messages sent back in each session, from the records of `sechan listen --json`"""
    for line in lines:
        record = json.loads(line)
        if record["type"] == "closed":
            yield record["messagesSent"]


def respond(sechan, seed, figures):
    """One session that `sechan` begins: what it sent must come back. Returns the verdict."""
    rng = random.Random(seed)
    psk, arguments = sechan.psk(rng)
    key, pipe, listener = rng.randbytes(32), rng.random() < 0.6, net.listen(place(rng, sechan.directory, seed))
    sent = rng.randbytes(int(2 ** rng.uniform(0, 20)) if rng.random() < 0.9 else 0)
    lines = [rng.randbytes(rng.randrange(40)).hex() for _ in range(rng.randrange(8))]
    if not pipe:
        sent = b"".join(line.encode() + b"\n" for line in lines)
    address = listener.getsockname()
    client = sechan.start("pipe" if pipe else "connect", "--quiet", "--peer", key_line(public_key(key)), *arguments,
                          *rotation(rng), url(address))
    result = []
    runner = threading.Thread(target=lambda: result.extend(client.communicate(sent)))
    runner.start()
    # Whoever closes has said all; `sechan pipe` besides wants to hear a finish, so that its file is whole.
    closes = not pipe and rng.random() < 0.5
    echo = net.Echo(rng, rotations=rng.randrange(3), finishes=True, closes=closes)
    config = Config(False, key, psk=psk, limits=limits(rng), protocols=["sechan-pipe/1"] if pipe else [],
                    decide=lambda key: key == sechan.public, rng=rng if rng.random() < 0.8 else None)
    try:
        connection = net.accept(listener, config, echo, rng)
    except OSError as error:
        return repr(error)
    finally:
        listener.close()
        runner.join(30)
        if runner.is_alive():
            client.kill()
            runner.join()
    figures.count(connection, address, echo.echoed, echo.echoed, 2 * echo.octets)
    if connection.failure or connection.outcome != (("clean", 0) if closes else ("by peer", 0)):
        return f"outcome {connection.outcome}, {connection.failure}; sechan ended with {client.returncode}: " \
            + result[1].decode(errors="replace")
    if client.returncode != 0:
        return f"sechan ended with {client.returncode}: {result[1].decode(errors='replace')}"
    if result[0] != sent:
        return f"sechan wrote {len(result[0])} bytes, not the {len(sent)} it was given"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sechan", required=True, help="the program")
    parser.add_argument("--sessions", type=int, default=100, help="sessions of each role")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--role", choices=("initiator", "responder", "both"), default="both", help="of sechan")
    args = parser.parse_args()
    roles = []
    with tempfile.TemporaryDirectory() as directory:
        sechan = Sechan(args.sechan, directory)
        seeds = range(args.seed, args.seed + args.sessions)
        if args.role != "initiator":
            roles.append(Figures("responder"))
            for start in seeds[::GROUP]:
                initiate(sechan, start, min(GROUP, seeds.stop - start), roles[-1])
            roles[-1].finish()
        if args.role != "responder":
            roles.append(Figures("initiator"))
            for seed in seeds:
                roles[-1].verdict(seed, respond(sechan, seed, roles[-1]))
            roles[-1].finish()
    passed, failed = sum(role.passed for role in roles), sum(role.failed for role in roles)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
