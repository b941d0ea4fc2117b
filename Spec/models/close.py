"""Graceful close on a stream (chapter 9): each side has one message and may close at any time. A side that reports a
clean end must be sure that its message arrived, and both must come to an end.

Mutant `crossing-is-clean`: a CLOSE that crosses one's own counts as its confirmation. (The engine once did this.)
Mutant `no-flush`: CLOSE goes out before the accepted message.
Mutant `shut-early`: the write side is shut with CLOSE, so that a crossing CLOSE cannot be acknowledged and is waited for.
"""
from collections import namedtuple
from explorer import Network

Side = namedtuple("Side", "phase queued sent got acked discarded outcome")
State = namedtuple("State", "a b net")
#   phase: open, closing, over


class Model:
    name = "close"
    mutants = ("crossing-is-clean", "no-flush", "shut-early")

    def __init__(self, stream, mutant=None):
        self.stream, self.mutant = True, mutant
        side = Side("open", True, False, False, False, False, None)
        self.initial = State(side, side, ())

    def wrong(self, s):
        for own, other in ((s.a, s.b), (s.b, s.a)):
            if own.outcome == "clean" and (own.sent or own.queued) and not other.got:
                return "a clean end, and the message never arrived"
        return None

    def done(self, s):
        return s.a.phase == "over" and s.b.phase == "over"

    def put(self, s, who, side, *kinds):
        other = "b" if who == "a" else "a"
        return s._replace(**{who: side, "net": s.net + tuple((other, kind) for kind in kinds)})

    def successors(self, s):
        for who in "ab":
            side = getattr(s, who)
            if side.phase != "open":
                continue
            if side.queued:
                yield who + " sends", self.put(s, who, side._replace(queued=False, sent=True), "DATA")
            if not side.queued or self.mutant == "no-flush":
                yield who + " closes", self.put(s, who, side._replace(phase="closing"), "CLOSE")
        for index, _ in Network.choices(s.net, True):
            who, kind = s.net[index]
            rest = s._replace(net=Network.without(s.net, index))
            yield "deliver %s to %s" % (kind, who), self.deliver(rest, who, kind)

    def deliver(self, s, who, kind):
        side = getattr(s, who)
        if side.phase == "over":
            return s
        if kind == "DATA":
            if side.phase == "closing":
                return s._replace(**{who: side._replace(discarded=True)})
            return self.put(s, who, side._replace(got=True), "ACK-DATA")
        if kind == "ACK-DATA":
            return s._replace(**{who: side._replace(acked=True)})
        if kind == "ACK-CLOSE":
            # It covers everything before it.
            side = side._replace(acked=True)
            return s._replace(**{who: side._replace(phase="over", outcome="clean")}) if side.phase == "closing" else s
        if side.phase == "closing":
            if self.mutant == "shut-early":
                return s  # waits for an ACK that the other cannot send any more
            sure = side.acked or not (side.sent or side.queued)
            outcome = "clean" if sure or self.mutant == "crossing-is-clean" else "unconfirmed"
            if side.discarded:
                return s._replace(**{who: side._replace(phase="over", outcome=outcome)})
            return self.put(s, who, side._replace(phase="over", outcome=outcome), "ACK-CLOSE")
        return self.put(s, who, side._replace(phase="over", outcome="peer"), "ACK-CLOSE")
