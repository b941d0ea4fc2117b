"""The implementation against itself: random sessions in memory, and input that is damaged."""

import random

from .connection import EST, Config, Connection
from .keys import public_key
from .net import Echo, Session


def pair(rng, liberties=True):
    keys = rng.randbytes(32), rng.randbytes(32)
    psk, access = rng.choice((None, rng.randbytes(32))), rng.choice((None, rng.randbytes(32)))
    pin = public_key(keys[1]) if rng.random() < 0.5 else None
    protocols = rng.choice(([], ["echo"], ["a", "echo"]))
    play = rng if liberties else None
    limits = lambda: rng.choice(({}, {"frame_limit": 2048}, {"credit": 131104, "channel_credit": 131104},
                                 {"message_limit": 2048, "credit": 2080, "channel_credit": 2080, "channels": 8}))
    hybrid = rng.random() < 0.5
    find = (lambda key: psk) if psk and rng.random() < 0.5 else psk
    first = Config(True, keys[0], responder_key=pin, access_key=access, psk=psk, protocols=protocols, limits=limits(),
                   rng=play, is_hybrid=hybrid)
    second = Config(False, keys[1], access_key=access, psk=find, protocols=protocols[::-1], limits=limits(), rng=play,
                    asks=rng.random() < 0.2, is_hybrid=hybrid)
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
    """One bit of what one side sends is changed. That must end the connection, unless a length that grew makes the
    receiver wait for more; and no message may arrive that was not sent."""
    rng = random.Random(seed)
    initiator, responder = pair(rng, liberties=False)
    victim, other = rng.sample((initiator, responder), 2)
    at, count, sent, now = rng.randrange(500), 0, set(), 0.0
    while now < 5 and not (victim.outcome or other.outcome):
        for side in (initiator, responder):
            if side.state == EST and side.sender.idle() and rng.random() < 0.2:
                sent.add(rng.randbytes(20))
                side.send(max(sent, key=hash))
        data = bytearray(other.output)
        other.output.clear()
        if count <= at < count + len(data):
            data[at - count] ^= 1 << rng.randrange(8)
        count += len(data)
        victim.receive(data, now)
        other.receive(bytes(victim.output), now)
        victim.output.clear()
        now += 0.01
        for side in (initiator, responder):
            side.tick(now)
            while (message := side.read()) is not None:
                if message[2] not in sent:
                    return f"a message that was not sent, after damage at {at}"
    if count > at and not victim.failure and not victim.input:
        return f"damage at {at} of {count} was not noticed: {victim.state}, {victim.outcome}"
    return None


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
