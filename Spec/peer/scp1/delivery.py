"""Messages, pieces, credit: what a side sends and what it receives (chapters 5 and 6)."""

from collections import deque

from .wire import Code, Failure, encode_record, malformed, record

MESSAGE_COST = 32   # the charge of a message besides its bytes, [SCP-FLOW-1]


class Outgoing:
    """A message on its way out. `todo` are the ranges that have not been in a frame."""

    def __init__(self, ident, data, rng):
        self.ident, self.data, self.charge = ident, data, 0
        self.todo = deque([(0, len(data))])
        if rng and data and rng.random() < 0.5:   # any cut and any order are allowed, [SCP-REC-29]
            cuts = sorted({0, len(data), *(rng.randrange(len(data)) for _ in range(rng.randrange(5)))})
            pieces = list(zip(cuts, cuts[1:]))
            rng.shuffle(pieces)
            self.todo = deque(pieces)

    def left(self):
        return MESSAGE_COST + len(self.data) - self.charge


class SendChannel:
    def __init__(self, credit):
        self.credit, self.charged, self.next = credit, 0, 0
        self.waiting, self.started, self.in_frames = deque(), [], deque()
        self.delivered = 0   # every message below it was delivered or cancelled, [SCP-ACK-11]


class Sender:
    def __init__(self, peer, rng):
        self.peer, self.rng = peer, rng
        self.credit, self.charged = peer.credit, 0
        self.channels, self.unreliable = {}, deque()

    def channel(self, channel):
        if channel[0] >= self.peer.channels:
            raise ValueError("no such channel")
        return self.channels.setdefault(channel, SendChannel(self.peer.channel_credit))

    def send(self, channel, data):
        if len(data) > self.peer.message_limit:
            raise ValueError("message too large")
        c = self.channel(channel)
        c.next += 1
        if channel[1] > 1:
            if len(data) + 128 > self.peer.frame_limit:
                raise ValueError("unreliable message too large")   # [SCP-REC-34]
            self.unreliable.append(record("unreliable", channel=channel, number=c.next - 1, bytes=data))
        else:
            c.waiting.append(Outgoing(c.next - 1, data, self.rng))
        return c.next - 1

    def take_credit(self, value):
        """[SCP-FLOW-5]; whether it was news"""
        news, self.credit = value > self.credit, max(value, self.credit)
        return news

    def take_channel_credit(self, channel, value):
        c = self.channels.get(channel)
        news = c is not None and value > c.credit
        if news:
            c.credit = value
        return news

    def admit(self):
        """Starts the messages that [SCP-FLOW-6] lets start."""
        promised = sum(m.left() for c in self.channels.values() for m in c.started)
        for c in self.channels.values():
            of_channel = sum(m.left() for m in c.started)
            while c.waiting and len(c.started) < (3 if self.rng else 1):
                need = c.waiting[0].left()
                if self.charged + promised + need > self.credit or c.charged + of_channel + need > c.credit:
                    break
                promised, of_channel = promised + need, of_channel + need
                c.started.append(c.waiting.popleft())

    def stopped(self):
        """Blocked records that are due when nothing else moves, [SCP-FLOW-10]."""
        out = []
        for channel, c in self.channels.items():
            if c.waiting and not c.started:
                if self.charged + c.waiting[0].left() > self.credit:
                    if not any(r["record"] == "blocked" for r in out):
                        out.append(record("blocked", limit=self.credit))
                if c.charged + c.waiting[0].left() > c.credit:
                    out.append(record("channelBlocked", channel=channel, limit=c.credit))
        return out

    def pieces(self, room, counter):
        """Records with what fits into `room` bytes of plaintext, for the frame with this counter."""
        records = []
        self.admit()
        while self.unreliable and len(encode_record(self.unreliable[0], False)) <= room:
            records.append(self.unreliable.popleft())
            room -= len(encode_record(records[-1], False))
        active = [(k, c) for k, c in self.channels.items() if c.started]
        while active and room > 32:
            k, c = active[self.rng.randrange(len(active)) if self.rng else 0]
            message = self.rng.choice(c.started) if self.rng else c.started[0]
            start, end = message.todo.popleft()
            n = min(end - start, room - 32)
            if start + n < end:
                message.todo.appendleft((start + n, end))
            records.append(record("piece", channel=k, message=message.ident, offset=start,
                                  end=start + n == len(message.data), bytes=message.data[start:start + n]))
            room -= len(encode_record(records[-1], False))
            charge = MESSAGE_COST + start + n - message.charge
            if charge > 0:
                message.charge, c.charged, self.charged = message.charge + charge, c.charged + charge, \
                    self.charged + charge
            if not message.todo:
                c.started.remove(message)
                c.in_frames.append((message.ident, counter))
            self.admit()
            active = [(k, c) for k, c in self.channels.items() if c.started]
        return records

    def cancel(self, channel, ident):
        """[SCP-REC-30]: the record, when the message is not finished"""
        c = self.channels[channel]
        for queue in (c.waiting, c.started):
            for message in list(queue):
                if message.ident == ident:
                    queue.remove(message)
                    return record("cancel", channel=channel, message=ident, charge=message.charge, code=0)
        return None

    def idle(self):
        """Whether everything that was accepted is in frames."""
        return not self.unreliable and not any(c.waiting or c.started for c in self.channels.values())

    def acknowledged(self, largest):
        for c in self.channels.values():
            c.in_frames = deque((i, n) for i, n in c.in_frames if n > largest)
            open_ids = [i for i, _ in c.in_frames] + [m.ident for m in (*c.started, *c.waiting)]
            c.delivered = min(open_ids, default=c.next)

    def all_acknowledged(self):
        return not any(c.in_frames for k, c in self.channels.items() if k[1] < 2)


class Incoming:
    """A message on its way in."""

    def __init__(self):
        self.size, self.charge, self.data, self.ranges = None, 0, bytearray(), []

    def whole(self):
        return self.size is not None and (self.size == 0 or self.ranges == [(0, self.size)])

    def add(self, offset, data):
        """The first copy of a byte wins, [SCP-REC-29]."""
        end = offset + len(data)
        self.data.extend(bytes(max(0, end - len(self.data))))
        at = offset
        for a, b in [*self.ranges, (end, end)]:
            if at < a and at < end:
                self.data[at:min(a, end)] = data[at - offset:min(a, end) - offset]
            at = max(at, b)
        merged = []
        for a, b in sorted([*self.ranges, (offset, end)]):
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        self.ranges = merged


class ReceiveChannel:
    def __init__(self, credit):
        self.granted, self.charged, self.consumed = credit, 0, 0
        self.first, self.finished, self.partial = 0, set(), {}   # finished: ids above `first`, the first unfinished one
        self.highest = -1                                        # of mode 3

    def is_finished(self, ident):
        return ident < self.first or ident in self.finished

    def finish(self, ident):
        self.finished.add(ident)
        while self.first in self.finished:
            self.finished.remove(self.first)
            self.first += 1

    def bound(self):
        """[SCP-REC-32]"""
        if len(self.finished) > 256 and sum(1 for i in self.finished if i - 1 not in self.finished) > 256:
            raise Failure(Code.LIMIT_EXCEEDED, "ranges")

    def forget(self):
        """[SCP-REC-6]: of a channel of mode 2 the 16 newest ranges are remembered."""
        while sum(1 for i in self.finished if i - 1 not in self.finished) > 16:
            self.first = min(self.finished)
            while self.first in self.finished:
                self.finished.remove(self.first)
                self.first += 1


class Receiver:
    def __init__(self, own, window=None):
        self.own, self.window = own, own.credit if window is None else window
        self.granted, self.charged, self.consumed = own.credit, 0, 0
        self.open = own.credit > 0 or not self.window   # False while the initiator is being decided on, [SCP-FLOW-12]
        self.channels, self.inbox, self.peer_finished = {}, deque(), False
        self.announce = set()

    def channel(self, channel):
        if channel[0] >= self.own.channels:
            raise Failure(Code.LIMIT_EXCEEDED, "channel")   # [SCP-REC-2]
        return self.channels.setdefault(channel, ReceiveChannel(self.own.channel_credit))

    def charge(self, c, message, total):
        """Counts a message up to `total`, [SCP-FLOW-3]."""
        more = max(0, total - message.charge)
        if self.charged + more > self.granted or c.charged + more > c.granted:
            raise Failure(Code.FLOW_CONTROL_VIOLATION, "credit")
        self.charged, c.charged, message.charge = self.charged + more, c.charged + more, message.charge + more

    def piece(self, rec):
        end = rec["offset"] + len(rec["bytes"])
        if end > self.own.message_limit:
            raise Failure(Code.MESSAGE_TOO_LARGE, "piece")
        c, ident = self.channel(rec["channel"]), rec["message"]
        if c.is_finished(ident):
            return
        message = c.partial.get(ident)
        if message is None:
            if self.peer_finished:
                raise Failure(Code.UNEXPECTED_MESSAGE, "a message after finish")   # [SCP-CLOSE-17]
            message = c.partial[ident] = Incoming()
        if message.whole() and end <= message.size and (not rec["end"] or end == message.size):
            return
        size = end if rec["end"] else message.size
        if (message.size not in (None, size)) or (size is not None and max(end, len(message.data)) > size):
            raise malformed("size of a message")   # [SCP-REC-28]
        self.charge(c, message, MESSAGE_COST + end)
        message.size = size
        if rec["bytes"]:
            message.add(rec["offset"], rec["bytes"])
        if message.whole():
            self.deliver(rec["channel"], c, ident)
        gaps = sum(max(1, len(m.ranges)) for c in self.channels.values() for m in c.partial.values())
        if gaps > 1024:
            raise Failure(Code.LIMIT_EXCEEDED, "gaps")   # [SCP-REC-32]

    def deliver(self, channel, c, ident):
        """[SCP-REC-4], [SCP-REC-5]"""
        while True:
            if ident not in c.partial or not c.partial[ident].whole() or (channel[1] == 0 and ident != c.first):
                return
            message = c.partial.pop(ident)
            self.inbox.append((channel, ident, bytes(message.data), message.charge))
            c.finish(ident)
            c.bound()
            if channel[1]:
                return
            ident = c.first

    def cancelled(self, rec):
        """[SCP-REC-30], [SCP-REC-31]"""
        channel, ident, charge = rec["channel"], rec["message"], rec["charge"]
        c = self.channel(channel)
        if c.is_finished(ident):
            return
        message = c.partial.get(ident) or Incoming()
        if charge < message.charge or 1 <= charge < MESSAGE_COST or charge > MESSAGE_COST + self.own.message_limit:
            raise malformed("charge of a cancel")
        self.charge(c, message, charge)
        c.partial.pop(ident, None)
        c.finish(ident)
        c.bound()
        self.consume(channel, message.charge)
        if channel[1] == 0:
            self.deliver(channel, c, c.first)

    def unreliable(self, rec):
        """[SCP-REC-6], [SCP-REC-38]"""
        channel, number, data = rec["channel"], rec["number"], rec["bytes"]
        c = self.channel(channel)
        if len(data) > self.own.message_limit:
            raise Failure(Code.MESSAGE_TOO_LARGE, "unreliable message")
        if channel[1] == 3 and number <= c.highest:
            return
        if channel[1] == 2 and c.is_finished(number):
            return
        c.highest = max(c.highest, number)
        if channel[1] == 2:
            c.finish(number)
            c.forget()
        unread = [m for m in self.inbox if m[0][1] > 1]
        if len(data) > 65536:
            return
        while len(unread) >= 64 or sum(len(m[2]) for m in unread) + len(data) > 65536:
            self.inbox.remove(unread.pop(0))
        self.inbox.append((channel, number, data, None))

    def read(self):
        """The next message: channel, id, bytes. Its charge is returned, [SCP-FLOW-7]."""
        if not self.inbox:
            return None
        channel, ident, data, charge = self.inbox.popleft()
        if charge is not None:
            self.consume(channel, charge)
        return channel, ident, data

    def consume(self, channel, charge):
        c = self.channels[channel]
        self.consumed, c.consumed = self.consumed + charge, c.consumed + charge
        window = self.own.channel_credit
        if self.open and self.due(self.consumed + self.window, self.granted, self.granted - self.charged, self.window):
            self.announce.add(None)
        if self.due(c.consumed + window, c.granted, c.granted - c.charged, window):
            self.announce.add(channel)

    def due(self, new, granted, left, window):
        """[SCP-FLOW-8]"""
        return new > granted and (2 * (new - granted) >= window or left < self.own.message_limit + 32)

    def current_credit(self):
        """What an ACK carries, and what is granted from now on: [SCP-FLOW-9], [SCP-ACK-12]"""
        if self.open:
            self.granted = max(self.granted, self.consumed + self.window)
        return self.granted

    def credits(self):
        """The credit records that are due."""
        records = []
        for channel in sorted(self.announce, key=str):
            if channel is None:
                records.append(record("credit", credit=self.current_credit()))
            else:
                c = self.channels[channel]
                c.granted = max(c.granted, c.consumed + self.own.channel_credit)
                records.append(record("channelCredit", channel=channel, credit=c.granted))
        self.announce.clear()
        return records

    def grant(self):
        """The initiator was accepted, [SCP-FLOW-12]."""
        self.open = True
        self.announce.add(None)
