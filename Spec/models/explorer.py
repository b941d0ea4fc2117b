"""Explicit-state exploration: every state that a model can reach, breadth first.

A model gives `initial` (a hashable state), `successors(state)` -> iterable of (label, state), `wrong(state)` -> None or
what must never be, and `done(state)` -> whether the run has come to a good end. Explored are all interleavings; a state
from which no good end can be reached is a dead end.
"""
from collections import deque


class Result:
    def __init__(self, states, wrongs, dead, path):
        self.states, self.wrongs, self.dead, self.path = states, wrongs, dead, path

    @property
    def good(self):
        return not self.wrongs and not self.dead


def explore(model, limit=2_000_000):
    came = {model.initial: None}
    before = {model.initial: []}
    queue = deque([model.initial])
    wrongs = {}
    while queue:
        state = queue.popleft()
        fault = model.wrong(state)
        if fault:
            wrongs.setdefault(fault, state)
            continue
        for label, following in model.successors(state):
            if following not in came:
                if len(came) >= limit:
                    raise RuntimeError("more states than expected")
                came[following] = (state, label)
                before[following] = []
                queue.append(following)
            before[following].append(state)
    live = deque(state for state in came if model.done(state))
    reached = set(live)
    while live:
        for state in before[live.popleft()]:
            if state not in reached:
                reached.add(state)
                live.append(state)
    dead = [state for state in came if state not in reached and not model.wrong(state)]

    def path(state):
        labels = []
        while came[state]:
            state, label = came[state]
            labels.append(label)
        return labels[::-1]

    return Result(len(came), wrongs, dead, path)


class Network:
    """Frames on their way: on datagrams a sorted tuple, delivered or lost in any order; on a stream a queue for each
    direction. A frame is (to, ...)."""

    @staticmethod
    def send(net, frames, stream, cap):
        if stream:
            return net + tuple(frames)
        merged = list(net)
        for frame in frames:
            if frame not in merged:
                merged.append(frame)
        return tuple(sorted(merged)) if len(merged) <= cap else None

    @staticmethod
    def choices(net, stream):
        """(index, may be lost) of the frames that can move."""
        if not stream:
            return [(index, True) for index in range(len(net))]
        first = {}
        for index, frame in enumerate(net):
            first.setdefault(frame[0], index)
        return [(index, False) for index in first.values()]

    @staticmethod
    def without(net, index):
        return net[:index] + net[index + 1:]
