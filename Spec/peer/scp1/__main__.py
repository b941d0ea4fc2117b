"""python3 -m scp1 selftest | listen | connect | check-vectors"""

import argparse
import json
import os
import random
import sys

from . import net, selftest, vectors
from .connection import Config
from .keys import point, public_key


def config(args, initiator, rng):
    unhex = lambda text: bytes.fromhex(text) if text else None
    expected = unhex(args.peer_key)
    return Config(initiator, unhex(args.key) or os.urandom(32),
                  decide=lambda key: expected is None or point(key) == point(expected),
                  responder_key=expected if initiator else None, access_key=unhex(args.access_key), psk=unhex(args.psk),
                  is_hybrid=args.hybrid, protocols=args.protocol, rng=rng)


def listen(args):
    """Prints its port and public key, then one line for each session."""
    rng = random.Random(args.seed)
    listener, first = net.listen(("127.0.0.1", args.port)), config(args, False, rng)
    args.key = first.static.hex()
    print(json.dumps({"port": listener.getsockname()[1], "publicKey": public_key(first.static).hex()}), flush=True)
    for _ in range(args.sessions):
        echo = net.Echo(rng, rotations=args.rotations)
        connection = net.accept(listener, config(args, False, rng), echo, rng)
        print(json.dumps({"echoed": echo.echoed, "outcome": connection.outcome,
                          "failure": str(connection.failure or "")}), flush=True)
    return 0


def connect(args):
    failed = 0
    for i in range(args.sessions):
        rng = random.Random(args.seed + i)
        session = net.Session(rng, rotations=args.rotations)
        connection = net.connect(config(args, True, rng), (args.host, args.port), session, rng)
        verdict = session.verdict(connection)
        if verdict:
            failed += 1
            print(f"session {args.seed + i}: {verdict}")
    print(f"connect: {args.sessions - failed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(prog="scp1", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("selftest", "listen", "connect"):
        verb = verbs.add_parser(name)
        verb.add_argument("--sessions", type=int, default=100 if name == "selftest" else 1)
        verb.add_argument("--seed", type=int, default=1)
        if name == "selftest":
            continue
        if name == "connect":
            verb.add_argument("host")
            verb.add_argument("port", type=int)
        else:
            verb.add_argument("--port", type=int, default=0)
        verb.add_argument("--key", help="own private key, 64 hexadecimal digits; random by default")
        verb.add_argument("--peer-key", help="the only public key to accept; an initiator uses it in its first frame")
        verb.add_argument("--psk", help="pre-shared key, 64 hexadecimal digits")
        verb.add_argument("--hybrid", action="store_true", help="suite 0x02, or 0x82 with a pre-shared key")
        verb.add_argument("--access-key", help="access key, 64 hexadecimal digits")
        verb.add_argument("--protocol", action="append", default=[], help="application protocol; may be repeated")
        verb.add_argument("--rotations", type=int, default=2, help="at most so many rotations a session")
    verbs.add_parser("check-vectors").add_argument("directory")
    args = parser.parse_args()
    if args.verb == "selftest":
        return selftest.main(args.sessions, args.seed)
    if args.verb == "check-vectors":
        return vectors.main(args.directory)
    return {"listen": listen, "connect": connect}[args.verb](args)


sys.exit(main())
