"""Handshake completion (chapter 2, and 15 for datagrams). Two quiet applications: nobody says anything that the
protocol does not make it say. The initiator must come to know that the session stands.

Mutant `no-confirmation`: the responder's first frame does not elicit, so nothing is owed and it is never repeated.
Mutant `no-repeat`: the initiator does not repeat message 3.
"""
from collections import namedtuple
from explorer import Network

State = namedtuple("State", "i r net repeats")
#   i: wait, unconfirmed, established    r: await, half, established


class Model:
    name = "handshake"
    mutants = ("no-confirmation", "no-repeat")

    def __init__(self, stream, mutant=None):
        self.stream, self.mutant = stream, mutant
        self.initial = State("wait", "await", (("r", "INIT"),), 3)

    def send(self, net, *frames):
        return Network.send(net, frames, self.stream, 6)

    def wrong(self, s):
        if s.i == "established" and s.r != "established":
            return "the initiator is confirmed by nobody"
        return None

    def done(self, s):
        return s.i == "established" and s.r == "established"

    def successors(self, s):
        for index, losable in Network.choices(s.net, self.stream):
            rest = Network.without(s.net, index)
            if losable and s.repeats > 0:
                yield "lose %s" % (s.net[index],), s._replace(net=rest, repeats=s.repeats - 1)
            following = self.deliver(s._replace(net=rest), s.net[index])
            if following.net is not None:
                yield "deliver %s" % (s.net[index],), following
        if self.stream:
            return
        # Timers of the side that waits: the initiator repeats its flight, the responder its confirmation.
        if s.i == "wait":
            net = self.send(s.net, ("r", "INIT"))
        elif s.i == "unconfirmed" and self.mutant != "no-repeat":
            net = self.send(s.net, ("r", "ACK"))
        else:
            return
        if net is not None and net != s.net:
            yield "initiator repeats", s._replace(net=net)

    def deliver(self, s, frame):
        kind = frame[1]
        if kind == "INIT" and s.r in ("await", "half"):
            return s._replace(r="half", net=self.send(s.net, ("i", "RESPONSE")))
        if kind == "RESPONSE" and s.i in ("wait", "unconfirmed"):
            return s._replace(i="unconfirmed", net=self.send(s.net, ("r", "ACK")))
        if kind == "ACK" and s.r in ("half", "established"):
            confirm = () if self.mutant == "no-confirmation" else (("i", "CONFIRM"),)
            return s._replace(r="established", net=self.send(s.net, *confirm))
        if kind == "CONFIRM" and s.i == "unconfirmed":
            return s._replace(i="established")
        return s
