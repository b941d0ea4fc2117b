"""Random sessions between this implementation and the program `sechan` over loopback TCP, in both roles.

    interop.py --sechan PATH --sessions N [--seed S] [--role initiator|responder|both]

The role is that of `sechan`. As responder it is `sechan listen --echo`; as initiator `sechan pipe` and `sechan
connect`, one process for each session. Sizes, channels, segmentation, cuts, rotations, pre-shared keys and how a
session closes are random. A failing session of the initiator's role runs again alone with its number as the seed; one
of the responder's, whose listener serves 50, with the seed of that group. A role has N sessions.
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

from scp1 import net
from scp1.connection import Config
from scp1.keys import public_key

GROUP = 50   # sessions of one listener


def key_line(public):
    return "scp1-x25519 " + base64.b64encode(public).decode()


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
    return ["--rotate-bytes", str(int(2 ** rng.uniform(17, 21)))] if rng.random() < 0.5 else []


def initiate(sechan, seed, count):
    """`count` sessions with one `sechan listen --echo`. Yields each verdict."""
    rng = random.Random(seed)
    psk, arguments = sechan.psk(rng)
    server = sechan.start("listen", "--echo", "--anyone", "--json", *arguments, *rotation(rng), "tcp://127.0.0.1:0")
    try:
        port = int(json.loads(server.stdout.readline())["address"].rsplit(":", 1)[1])
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
                yield i, session.verdict(net.connect(config, "127.0.0.1", port, session, rng))
                sent += session.reliable
            except (OSError, AssertionError) as error:
                yield i, repr(error)
    finally:
        server.terminate()
        server.wait(30)
    reader.join(), drain.join()
    if sum(counts) != sent or len(counts) != count:
        yield seed, f"sechan sent back {sum(counts)} messages in {len(counts)} sessions, there were {sent} in {count}"


def closed(lines):
    """The messages sent back in each session, from the records of `sechan listen --json`"""
    for line in lines:
        record = json.loads(line)
        if record["type"] == "closed":
            yield record["messagesSent"]


def respond(sechan, seed):
    """One session that `sechan` begins: what it sent must come back. Returns the verdict."""
    rng = random.Random(seed)
    psk, arguments = sechan.psk(rng)
    key, pipe, listener = rng.randbytes(32), rng.random() < 0.6, net.listen()
    sent = rng.randbytes(int(2 ** rng.uniform(0, 20)) if rng.random() < 0.9 else 0)
    lines = [rng.randbytes(rng.randrange(40)).hex() for _ in range(rng.randrange(8))]
    if not pipe:
        sent = b"".join(line.encode() + b"\n" for line in lines)
    address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    client = sechan.start("pipe" if pipe else "connect", "--quiet", "--peer", key_line(public_key(key)), *arguments,
                          *rotation(rng), address)
    result = []
    runner = threading.Thread(target=lambda: result.extend(client.communicate(sent)))
    runner.start()
    echo = net.Echo(rng, rotations=rng.randrange(3), finishes=True)
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
    if connection.failure or connection.outcome != ("by peer", 0):
        return f"outcome {connection.outcome}, {connection.failure}"
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
    passed = failed = 0

    def count(role, seed, verdict):
        nonlocal passed, failed
        passed, failed = passed + (verdict is None), failed + (verdict is not None)
        if verdict:
            print(f"sechan as {role}, session {seed}: {verdict}", file=sys.stderr)

    with tempfile.TemporaryDirectory() as directory:
        sechan = Sechan(args.sechan, directory)
        seeds = range(args.seed, args.seed + args.sessions)
        if args.role != "initiator":
            for start in seeds[::GROUP]:
                for seed, verdict in initiate(sechan, start, min(GROUP, seeds.stop - start)):
                    count("responder", seed, verdict)
        if args.role != "responder":
            for seed in seeds:
                count("initiator", seed, respond(sechan, seed))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
