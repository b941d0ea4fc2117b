"""Two initiators at once ([SCP-DGRAM-29]): crossing INITs must end in one session in which both hold opposite
roles. The attempt of `p` is the larger.

Mutant `all-ignore`: an initiator ignores every INIT.
Mutant `all-answer`: everybody answers, and the latest handshake replaces the session.
"""
from collections import namedtuple
from explorer import Network

Side = namedtuple("Side", "started own candidate session confirmed")
State = namedtuple("State", "p q net")


class Model:
    name = "simultaneous open"
    mutants = ("all-ignore", "all-answer")

    def __init__(self, stream, mutant=None):
        self.stream, self.mutant = False, mutant
        side = Side(False, None, False, None, False)
        self.initial = State(side, side, ())

    def wrong(self, s):
        if s.p.confirmed and s.q.confirmed and s.p.session != s.q.session:
            return "both are confirmed, in different sessions"
        return None

    def done(self, s):
        return s.p.confirmed and s.q.confirmed and s.p.session == s.q.session

    def put(self, s, who, side, *frames):
        other = "q" if who == "p" else "p"
        net = Network.send(s.net, [(other,) + frame for frame in frames], False, 4)
        return None if net is None else s._replace(**{who: side, "net": net})

    def successors(self, s):
        found = []
        for who in "pq":
            side = getattr(s, who)
            if not side.started:
                found.append((who + " connects", self.put(s, who, side._replace(started=True, own="wait"), ("INIT", who))))
            if side.own == "wait" and side.session is None:
                found.append((who + " repeats INIT", self.put(s, who, side, ("INIT", who))))
            if side.session == who and not side.confirmed:
                found.append((who + " repeats ACK", self.put(s, who, side, ("ACK", who))))
        for index in range(len(s.net)):
            frame = s.net[index]
            rest = s._replace(net=Network.without(s.net, index))
            found.append(("lose %s" % (frame,), rest))
            found.append(("deliver %s" % (frame,), self.deliver(rest, *frame)))
        return [(label, state) for label, state in found if state is not None]

    def deliver(self, s, who, kind, attempt):
        side = getattr(s, who)
        if kind == "INIT":
            if self.mutant == "all-ignore" and side.started:
                return s
            if self.mutant != "all-answer":
                if side.session is not None and (side.session != who or side.confirmed):
                    return s
                if side.own and who == "p":
                    return self.put(s, who, side, ("INIT", "p") if side.own == "wait" else ("ACK", "p"))
            return self.put(s, who, side._replace(candidate=True), ("RESPONSE", attempt))
        if kind == "RESPONSE":
            if side.own == "wait" and side.session is None:
                return self.put(s, who, side._replace(own="sent", session=who), ("ACK", who))
            if side.session == who and not side.confirmed:
                return self.put(s, who, side, ("ACK", who))
            return s
        if kind == "ACK":
            if not side.candidate:
                return s
            if side.session is None or side.session == attempt or self.mutant == "all-answer" \
                    or not side.confirmed and who == "q":
                return self.put(s, who, side._replace(session=attempt, confirmed=True), ("CONFIRM", attempt))
            return s
        if side.session == who == attempt:
            return s._replace(**{who: side._replace(confirmed=True)})
        return s
