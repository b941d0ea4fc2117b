"""Rotation (chapter 14): both sides may ask at any time, also at once. Afterwards both send under one epoch, one receive
epoch is left on each side, and every frame met keys that its receiver held.

Mutant `stale-init`: a request for an epoch that is already installed is answered again.
Mutant `quiet-asker`: the asker's first frame under the new epoch elicits nothing.
Mutant `early-switch`: the answerer sends under the new epoch before the asker has.
"""
from collections import namedtuple
from explorer import Network

Side = namedtuple("Side", "send receive ask pending confirmed wishes")
State = namedtuple("State", "a b net")
#   receive: epochs held, oldest first    ask: target or 0    pending: answered target, waiting for its first frame, or 0


class Model:
    name = "rotation"
    mutants = ("stale-init", "quiet-asker", "early-switch")

    def __init__(self, stream, mutant=None):
        self.stream, self.mutant = stream, mutant
        side = Side(1, (1,), 0, 0, 1, 1)
        self.initial = State(side, side, ())

    def wrong(self, s):
        for side in (s.a, s.b):
            if len(side.receive) > 2:
                return "more than two receive epochs"
        if abs(s.a.send - s.b.send) > 1:
            return "send epochs apart by more than one"
        for frame in s.net:
            if frame[1] == "UNREADABLE":
                return "a frame without keys for it"
        return None

    def done(self, s):
        return not s.net and s.a.send == s.b.send and not (s.a.ask or s.b.ask or s.a.pending or s.b.pending) \
            and len(s.a.receive) == len(s.b.receive) == 1 and s.a.wishes + s.b.wishes == 0

    def successors(self, s):
        for who in "ab":
            side = getattr(s, who)
            if side.wishes and not side.ask and not side.pending and side.confirmed == side.send == side.receive[-1]:
                target = side.send + 1
                following = self.put(s, who, side._replace(ask=target, wishes=0), [("INIT", side.send, target)])
                if following:
                    yield "%s asks for %d" % (who, target), following
            elif side.wishes:
                # The wish is met by a rotation that the other began.
                if side.send > 1 and not side.ask and not side.pending:
                    yield "%s has its wish" % who, s._replace(**{who: side._replace(wishes=0)})
            if not self.stream:
                yield from self.repeat(s, who, side)
        for index, losable in Network.choices(s.net, self.stream):
            rest = s._replace(net=Network.without(s.net, index))
            if losable:
                yield "lose %s" % (s.net[index],), rest
            following = self.deliver(rest, s.net[index])
            if following:
                yield "deliver %s" % (s.net[index],), following

    def repeat(self, s, who, side):
        """Loss recovery: what was not acknowledged is said again in a new frame."""
        if side.ask:
            frame = ("INIT", side.send, side.ask)
        elif side.pending:
            frame = ("RESPONSE", side.send, side.pending)
        elif side.confirmed < side.send and self.mutant != "quiet-asker":
            frame = ("PING", side.send, 0)
        else:
            return
        following = self.put(s, who, side, [frame])
        if following and following != s:
            yield "%s repeats %s" % (who, frame[0]), following

    def put(self, s, who, side, frames):
        other = "b" if who == "a" else "a"
        net = Network.send(s.net, [(other,) + frame for frame in frames], self.stream, 4)
        return None if net is None else s._replace(**{who: side, "net": net})

    def deliver(self, s, frame):
        who, kind, epoch, target = frame
        side = getattr(s, who)
        if epoch not in side.receive:
            if epoch < side.receive[0]:
                return s if not self.stream else s._replace(net=s.net + ((who, "UNREADABLE", epoch, target),))
            return s._replace(net=s.net + ((who, "UNREADABLE", epoch, target),))
        out = []
        if epoch > side.confirmed:
            side = side._replace(confirmed=epoch)
        if epoch == side.receive[-1] and len(side.receive) == 2:
            side = side._replace(receive=side.receive[1:])
            if side.pending == epoch:
                side = side._replace(send=epoch, pending=0)
                out.append(("PONG", epoch, 0))
        if kind == "PING":
            out.append(("PONG", side.send, 0))
        elif kind == "INIT":
            installed = side.receive[-1]
            if target == installed + 1 and not (side.ask and who == "a") \
                    or self.mutant == "stale-init" and target <= installed:
                new = installed + 1
                side = side._replace(ask=0, pending=new, receive=side.receive + (new,))
                if self.mutant == "early-switch":
                    side = side._replace(send=new)
                out.append(("RESPONSE", side.send if self.mutant == "early-switch" else epoch, target))
        elif kind == "RESPONSE" and side.ask == target:
            side = side._replace(ask=0, send=target, receive=side.receive + (target,))
            out.append(("NOTE" if self.mutant == "quiet-asker" else "PING", target, 0))
        return self.put(s, who, side, out)
