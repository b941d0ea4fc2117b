"""The implementation against itself: random sessions in memory, and input that is damaged."""

import random

from .connection import AWAIT, CLOSED, DRAINING, EST, Config, Connection
from .keys import public_key
from .net import Echo, Session
from .wire import Code, code_name


def pair(rng, liberties=True):
    keys = rng.randbytes(32), rng.randbytes(32)
    psk, access = rng.choice((None, rng.randbytes(32))), rng.choice((None, rng.randbytes(32)))
    pin = public_key(keys[1]) if rng.random() < 0.5 else None
    protocols = rng.choice(([], ["echo"], ["a", "echo"]))
    play = rng if liberties else None
    limits = lambda: rng.choice(({}, {"frame_limit": 2048}, {"credit": 131104, "channel_credit": 131104},
                                 {"message_limit": 2048, "credit": 2080, "channel_credit": 2080, "channels": 8}))
    find = (lambda key: psk) if psk and rng.random() < 0.5 else psk
    first = Config(True, keys[0], responder_key=pin, access_key=access, psk=psk, protocols=protocols, limits=limits(),
                   rng=play)
    second = Config(False, keys[1], access_key=access, psk=find, protocols=protocols[::-1], limits=limits(), rng=play,
                    asks=rng.random() < 0.2)
    return Connection(first), Connection(second)


def carry(rng, one, other, now):
    """Moves some bytes one way; whether there were any"""
    if not one.output:
        return False
    n = rng.choice((1, 50, 5000, len(one.output)))
    other.receive(bytes(one.output[:n]), now)
    del one.output[:n]
    one.flush()
    return True


def session(seed):
    """One random session; None or what went wrong"""
    rng, now = random.Random(seed), 0.0
    initiator, responder = pair(rng)
    sides = [initiator, responder]
    biggest = min(initiator.own.message_limit, responder.own.message_limit)
    starter = rng.randrange(2)
    client = Session(rng, biggest=biggest)
    applications = [client, Echo(rng, rotations=2)]
    if starter:
        applications.reverse()
    while not all(s.outcome for s in sides):
        for side, application in zip(sides, applications):
            application(side)
        if responder.state == "HOLD" and rng.random() < 0.1:
            responder.decide(True)
        order = [sides, sides[::-1]] if rng.random() < 0.5 else [sides[::-1], sides]
        if not any([carry(rng, *way, now) for way in order]):
            deadlines = [d for d in (s.deadline() for s in sides) if d is not None]
            if responder.state != "HOLD":
                now = max(now, min(deadlines))
            for side in sides:
                side.tick(now)
        if now > 1000:
            return f"no end: {initiator.state}, {responder.state}"
    if sides[1 - starter].failure:
        return f"echo failed: {sides[1 - starter].failure}"
    return client.verdict(sides[starter])


def damaged(seed):
    """One byte of a session is changed: it must end with an error, never in an exception, never with a wrong message."""
    rng = random.Random(seed)
    initiator, responder = pair(rng, liberties=False)
    victim, other = rng.sample((initiator, responder), 2)
    at, sent, now = rng.randrange(500), 0, 0.0
    for _ in range(300):
        for side in (initiator, responder):
            if side.state == EST and side.sender.idle() and rng.random() < 0.2:
                side.send(rng.randbytes(20))
        data = bytearray(other.output)
        other.output.clear()
        if data and sent <= at < sent + len(data):
            data[at - sent] ^= 1 << rng.randrange(8)
        sent += len(data)
        victim.receive(data, now)
        other.receive(bytes(victim.output), now)
        victim.output.clear()
        now += 0.01
        for side in (initiator, responder):
            side.tick(now)
        if victim.failure and victim.state in (DRAINING, CLOSED):
            return None
    return None if sent <= at or victim.state in (DRAINING, CLOSED, AWAIT) else f"damage at {at} went unnoticed" \
        if not stuck(victim) else None


def stuck(connection):
    """A damaged length makes a receiver wait for bytes that do not come."""
    return len(connection.input) > 0


def main(sessions, seed):
    failed = 0
    for i in range(sessions):
        for name, test in (("session", session), ("damaged", damaged)):
            verdict = test(seed + i)
            if verdict:
                failed += 1
                print(f"{name} {seed + i}: {verdict}")
    print(f"selftest: {2 * sessions - failed} passed, {failed} failed")
    return 1 if failed else 0
