"""The state machine over streams (chapters 2, 8, 9, 12, 14). It does no input or output of its own."""

import hmac
import os
from dataclasses import dataclass, field

from . import wire
from .delivery import Receiver, Sender
from .keys import (EpochKeys, expand_label, extract, handshake_name, handshake_prologue, hello_keys, is_hybrid,
                   is_low_order, mac, make_noise, message1_size, point, public_key, rotation_name, rotation_prologue,
                   rotation_sizes)
from .wire import ACK, CLOSE, DATA, INIT, RESPONSE, Code, Failure, malformed, record

WAIT, DECIDE, UNCONF, AWAIT, HALF, HOLD, EST, CLOSING, DRAINING, CLOSED = (
    "WAIT", "DECIDE", "UNCONF", "AWAIT", "HALF", "HOLD", "EST", "CLOSING", "DRAINING", "CLOSED")
WITH_KEYS = (UNCONF, HOLD, EST, CLOSING)
EPOCH_0_USE = {INIT: (AWAIT,), RESPONSE: (WAIT,), ACK: (HALF,), CLOSE: (WAIT, DECIDE, UNCONF, HALF), DATA: ()}
WRITE_MARK = 131072


@dataclass
class Config:
    initiator: bool
    static: bytes
    decide: object = lambda key: True      # the policy: the peer's public key -> whether it is accepted
    credentials: str = "refused"           # of the peer: "refused", "optional" or "required", [SCP-ID-11]
    asks: bool = False                     # instead: somebody answers later, by Connection.decide
    responder_key: bytes = None            # initiator: the pinned key, bit 0 of hello
    access_key: bytes = None               # bit 1 of hello
    requires_hello: int = 0
    psk: object = None                     # bytes, or a function: the peer's public key -> bytes or None
    protocols: list = field(default_factory=list)
    limits: dict = field(default_factory=dict)   # names of wire.Advertised
    items: list = None                     # the list to advertise as it is, instead of limits and protocols
    m3_items: list = None
    silent: bool = False
    allows_itself: bool = False
    rng: object = None                     # takes every liberty that a sender has
    attempt: bytes = None                  # for vectors: fixed randomness
    ephemeral: bytes = None
    kem: bytes = None                      # the initiator's seed of 64 bytes, or the responder's 32 random ones
    is_hybrid: bool = False
    rotation: tuple = None                 # for vectors: nonce, ephemeral


class Bucket:
    """Tokens that come back one a second, [SCP-ROT-18]"""

    def __init__(self, size, now):
        self.size, self.tokens, self.then = size, size, now

    def take(self, now):
        self.tokens, self.then = min(self.size, self.tokens + now - self.then), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Connection:
    def __init__(self, config, now=0.0):
        self.config, self.initiator, self.now = config, config.initiator, now
        self.public = public_key(config.static)
        self.suite = (0x80 if config.psk else 0) | (2 if config.is_hybrid else 1)
        self.input, self.output = bytearray(), bytearray()
        self.offset = 0
        self.established, self.outcome, self.failure, self.close_code = False, None, None, None
        self.close_sent = None   # epoch and code
        self.attempt = None
        self.idle_send_restart = False
        self.shown = self.peer_key = self.protocol = self.hello = self.finished = self.noise = self.sender = None
        self.epochs, self.receive_epochs, self.send_epoch, self.installed = {}, [], 0, 0
        self.next_receive, self.next_send, self.first_of_epoch = 0, 0, 0
        self.usage, self.epoch_began = {True: (0, 0), False: (0, 0)}, now   # sending or not: frames, bytes
        self.patience = 1 if self.initiator else 17 / 16   # [SCP-ROT-1]
        self.largest_acked = self.largest_eliciting = -1
        self.ack_owed = self.unacked = 0
        self.accepted_in_send_epoch, self.rotation, self.wish, self.answering = False, None, None, False
        self.peer_requests, self.own_requests = Bucket(8, now), Bucket(4, now)   # [SCP-ROT-18]
        self.rotations = {}   # completed: (whether this side asked, mode) -> how many
        self.controls, self.path_token = [], None
        self.closing, self.close_counter, self.discarded_data, self.sent_all = None, None, False, True
        self.finish_wanted = self.finish_sent = False
        self.timers = {"handshake": now + 10}
        limits = dict(config.limits)
        ask = config.asks and not self.initiator
        window = limits.get("credit", wire.Advertised().credit)
        if ask:
            limits["credit"] = 0
        self.items = self._own_items(limits) if config.items is None else config.items
        self.own = wire.parse_list(wire.encode_list(self.items), "M1" if self.initiator else "M2", self.suite)
        self.receiver = Receiver(self.own, window if ask else None)
        self.state = AWAIT
        if self.initiator:
            self.state = WAIT
            self._send_init()

    # Public face

    def send(self, data, channel=(0, 0)):
        if self.sender is None or self.state not in (UNCONF, HOLD, EST) or self.closing or self.finish_wanted:
            raise ValueError(f"cannot send in {self.state}")
        ident = self.sender.send(channel, data)
        self.flush()
        return ident

    def read(self):
        message = self.receiver.read() if self.established or self.state in (DRAINING, CLOSED) else None
        self.flush()
        return message

    def cancel(self, channel, ident):
        """Whether the message was given up, which is too late when all of it is in frames."""
        rec = self.sender.cancel(channel, ident)
        if rec:
            self.controls.append(rec)
            self.flush()
        return rec is not None

    def ping(self):
        self.controls.append(record("ping"))
        self.flush()

    def finish(self):
        self.finish_wanted = True
        self.flush()

    def rotate(self, mode=0):
        self.wish = mode
        self.flush()

    def close(self, code=Code.NO_ERROR, reason="", graceful=True):
        """[SCP-STATE-19], [SCP-STATE-20]"""
        if self.state in (CLOSING, DRAINING, CLOSED) or self.closing:
            return
        if self.state in (WAIT, DECIDE, AWAIT, HALF):
            self._close0(code if wire.may_be_sent(code, 0) else Code.NO_ERROR)
            return self._over("closed", code)
        self.closing = (code, reason)
        self.timers["flush"] = self.now + (10 if graceful and self.state != HOLD else 0)
        self.flush()
        self.tick(self.now)

    def decide(self, accept):
        """[SCP-STATE-21], [SCP-STATE-22]"""
        if self.state == DECIDE:
            if accept:
                self._send_m3()
            else:
                self._fail(Failure(Code.IDENTITY_REJECTED, "decided"))
        elif self.state == HOLD:
            if accept:
                self._enter_established()
                self.receiver.grant()
            else:
                self._fail(Failure(Code.IDENTITY_REJECTED, "decided"))
        self.flush()

    def receive(self, data, now=None):
        self.now = max(self.now, now or 0)
        if self.state in (DRAINING, CLOSED):
            return
        self.input += data
        try:
            while self.state not in (DRAINING, CLOSED) and self._frame():
                pass
        except Failure as failure:
            self._fail(failure)
        self.flush()

    def end(self, failed=False):
        """The end or failure of the transport, [SCP-STATE-15], [SCP-STATE-16]"""
        if self.state == CLOSING:
            self._over("unconfirmed", Code.CLOSE_UNCONFIRMED)
        elif self.state not in (DRAINING, CLOSED):
            code = Code.TRUNCATED if self.state in (HOLD, EST) and not failed else Code.TRANSPORT_FAILED
            self._over("failed", code)
        self.state = CLOSED
        self.timers.clear()

    def deadline(self):
        return min(self.timers.values(), default=None)

    def tick(self, now):
        """[SCP-TIME-13]: those that end the connection come first"""
        self.now = now = max(now, self.now)
        for name in ("wait", "flush", "idle", "handshake", "decision", "age", "ack", "keepalive", "blocked"):
            if name in self.timers and self.timers[name] <= now:
                del self.timers[name]
                getattr(self, "_expired_" + name)()
        self.flush()

    # Timers

    def _expired_wait(self):
        if self.state == CLOSING:
            self._over("unconfirmed", Code.CLOSE_UNCONFIRMED)
        self.state = CLOSED
        self.timers.clear()

    def _expired_flush(self):
        if self.closing:
            self.sent_all = self.sender.idle()
            self._send_close(*self.closing)

    def _expired_idle(self):
        self._fail(Failure(Code.IDLE_TIMEOUT))

    def _expired_handshake(self):
        if self.state == DECIDE:
            self._fail(Failure(Code.DECISION_TIMEOUT))
        else:
            self._over("failed", Code.HANDSHAKE_UNCONFIRMED if self.state == UNCONF else Code.HANDSHAKE_TIMEOUT)

    def _expired_decision(self):
        self._fail(Failure(Code.DECISION_TIMEOUT))

    def _expired_ack(self):
        self.ack_owed = True

    def _expired_age(self):
        if self.now < self.epoch_began + 65 * 60:   # flush() asks for a rotation now; this is the hard limit
            self.timers["age"] = self.epoch_began + 65 * 60

    def _expired_keepalive(self):
        self.controls.append(record("ping"))

    def _expired_blocked(self):
        records = self.sender.stopped()
        if records and self.largest_eliciting <= self.largest_acked:
            self.controls += records
            self.blocked_interval = min(5.0, 2 * self.blocked_interval)

    # Handshake

    def _own_items(self, limits):
        items = [(number, wire.varint(limits[name])) for number, name in wire.NUMBERS.items() if name in limits]
        if not self.initiator:
            items += [(wire.VERSIONS, b"\x01"), (wire.SUITES, bytes([self.suite]))]
            if self.config.protocols:
                items.append((wire.PROTOCOLS, wire.encode_protocols(self.config.protocols)))
        return items

    def _epoch0_frame(self, kind, payload, key):
        head = wire.header(kind, 0, 0, len(payload))
        self.output += head + payload + mac(key, head, payload)

    def _start_noise(self, parameters):
        psk = self.config.psk
        late = (lambda: psk(self.noise.remote_static) or os.urandom(32)) if callable(psk) else psk
        self.noise = make_noise(self.suite, handshake_name(self.suite), self.initiator,
                                handshake_prologue(self.attempt, self.suite, parameters), kem=self.config.kem,
                                static=self.config.static, ephemeral=self.config.ephemeral, psk=late)

    def _send_init(self):
        """[SCP-HS-3], [SCP-HS-13]"""
        c = self.config
        self.attempt = c.attempt or os.urandom(8)
        self.hello = (1 if c.responder_key else 0) | (2 if c.access_key else 0)
        self.hello_i2r, self.hello_r2i = hello_keys(self.hello, c.responder_key, c.access_key, self.attempt)
        parameters = wire.encode_list(self.items)
        self._start_noise(parameters)
        m1 = bytes([self.suite]) + len(parameters).to_bytes(2, "big") + parameters + self.noise.write()
        self._epoch0_frame(INIT, wire.handshake_payload(INIT, self.attempt, self.hello, m1), self.hello_i2r)

    def _check_mac(self, key, frame):
        if not hmac.compare_digest(mac(key, frame[:-32]), frame[-32:]):
            raise Failure(Code.AUTHENTICATION_FAILED, "HMAC")

    def _on_init(self, frame):
        """[SCP-HS-16]"""
        c, p = self.config, wire.parse_handshake_payload(INIT, frame[14:-32])
        if p.hello & 2 and not c.access_key or c.requires_hello & ~p.hello:
            raise Failure(Code.AUTHENTICATION_FAILED, "hello")
        i2r, r2i = hello_keys(p.hello, self.public, c.access_key, p.attempt)
        self._check_mac(i2r, frame)
        self.attempt, self.hello, self.hello_i2r, self.hello_r2i = p.attempt, p.hello, i2r, r2i
        if p.message[0] != self.suite:
            raise Failure(Code.UNSUPPORTED_SUITE)
        r = wire.Reader(p.message[1:])
        parameters = r.take(r.uint(2))
        self.peer = wire.parse_list(parameters, "M1")
        if r.left() != message1_size(self.suite):
            raise malformed("size of message 1")
        message = r.rest()
        if is_low_order(message[:32]):
            raise Failure(Code.AUTHENTICATION_FAILED, "low-order key")
        self._start_noise(parameters)
        self.noise.read(message)
        m2 = self.noise.write(wire.encode_list(self.items))
        self._derive_finished()
        self._epoch0_frame(RESPONSE, wire.handshake_payload(RESPONSE, self.attempt, self.hello, m2), self.hello_r2i)
        self.state = HALF

    def _read_noise(self, message, least):
        """[SCP-ITEM-3]"""
        if len(message) < least:
            raise malformed("Noise message too short")
        return self.noise.read(message)

    def _derive_finished(self):
        self.finished = expand_label(extract(self.noise.ck), "finished", self.noise.h, 32)

    def _on_response(self, frame):
        """[SCP-HS-23]"""
        self._check_mac(self.hello_r2i, frame)
        p = wire.parse_handshake_payload(RESPONSE, frame[14:-32])
        if p.attempt != self.attempt:
            raise Failure(Code.UNEXPECTED_MESSAGE, "attempt")
        if p.hello != self.hello:
            raise malformed("hello")
        items = self._read_noise(p.message, 1200 if is_hybrid(self.suite) else 96)
        self.peer = wire.parse_list(items, "M2", self.suite)
        self.peer_key = self.noise.remote_static
        itself = point(self.peer_key) == point(self.public) and not self.config.allows_itself
        if itself or point(self.noise.remote_ephemeral) == point(self.noise.ephemeral):   # [SCP-HS-32]
            raise Failure(Code.IDENTITY_REJECTED, "myself")
        # [SCP-ITEM-28] has nothing to find: there is one version, and one suite with or without psk, to prefer.
        common = [p for p in self.config.protocols if p in self.peer.protocols]
        if (self.peer.protocols or self.config.protocols) and not common:
            raise Failure(Code.NO_APPLICATION_PROTOCOL)
        self.protocol = common[0] if common else None
        self._derive_finished()
        self.state = DECIDE
        if self.config.asks:
            self._take_credential()
        elif not self.config.decide(self.peer_key):
            self.decide(False)
        else:
            self._take_credential()
            self.decide(True)

    def _take_credential(self):
        """[SCP-ID-11]. What is taken is left to whoever looks at `shown`, who has the transcript."""
        value, policy = self.peer.credential, self.config.credentials
        if policy == ("refused" if value is not None else "required"):
            raise Failure(Code.CREDENTIAL_INVALID, "not wanted, or missing")
        self.shown = wire.parse_credential(value) if value is not None else None

    def _send_m3(self):
        items = self.config.m3_items
        if items is None:
            items = [(wire.PROTOCOLS, wire.encode_protocols([self.protocol]))] if self.protocol else []
        m3 = self.noise.write(wire.encode_list(items))
        self._epoch0_frame(ACK, wire.handshake_payload(ACK, self.attempt, 0, m3), self.finished)
        self._install_first()
        self.state = UNCONF

    def _on_m3(self, frame):
        """[SCP-HS-20], [SCP-HS-21]"""
        self._check_mac(self.finished, frame)
        p = wire.parse_handshake_payload(ACK, frame[14:-32])
        if p.attempt != self.attempt:
            raise Failure(Code.UNEXPECTED_MESSAGE, "attempt")
        items = wire.parse_list(self._read_noise(p.message, 64), "M3")
        self.peer.credential = items.credential
        offered = self.own.protocols
        if bool(offered) != bool(items.protocols):
            raise malformed("application protocol missing or not wanted")
        if offered and items.protocols[0] not in offered:
            raise Failure(Code.NO_APPLICATION_PROTOCOL)
        self.protocol = items.protocols[0] if offered else None
        self.peer_key = self.noise.remote_static
        self._install_first()
        self.timers.pop("handshake", None)
        itself = point(self.peer_key) == point(self.public) and not self.config.allows_itself
        self.state = HOLD
        if itself or not (self.config.asks or self.config.decide(self.peer_key)):
            raise Failure(Code.IDENTITY_REJECTED, "policy")
        self._take_credential()
        self._restart_idle()
        self._data([record("credit", credit=self.receiver.current_credit())])
        if self.config.asks:
            self.timers["decision"] = self.now + 60
        else:
            self._enter_established()

    def _install_first(self):
        self._install(1, EpochKeys(*self.noise.split(), self.noise.h))
        self.session = self.epochs[1].h
        self.send_epoch, self.receive_epochs = 1, [1]
        self.sender = Sender(self.peer, self.config.rng)
        idles = [i for i in (self.own.idle, self.peer.idle) if i]
        self.idle = min(idles) / 1000 if idles else None
        self.blocked_interval = 0.010
        self._begin_epoch()
        self._restart_idle()

    def _enter_established(self):
        self.established, self.state = True, EST
        for name in ("handshake", "decision", "keepalive"):
            self.timers.pop(name, None)

    def _restart_idle(self):
        if self.idle:
            self.timers["idle"] = self.now + self.idle
            if self.state == HOLD:
                self.timers["keepalive"] = self.now + self.idle / 3

    # Frames

    def _frame(self):
        """Takes the next frame out of the input, in the order of [SCP-FRAME-14]. False: not enough bytes yet."""
        if self.input and self.input[0] != 1:
            raise Failure(Code.UNSUPPORTED_VERSION)
        if len(self.input) > 1 and self.input[1] not in range(1, 6):
            raise malformed("type")
        if len(self.input) < wire.HEADER:
            return False
        kind, epoch = self.input[1], int.from_bytes(self.input[2:4], "big")
        counter, length = int.from_bytes(self.input[4:10], "big"), int.from_bytes(self.input[10:14], "big")
        later = epoch > 0 and self.state in WITH_KEYS
        if length > (self.own.frame_limit if later else wire.EPOCH0_LIMIT):
            raise Failure(Code.FRAME_TOO_LARGE)
        if epoch > 0:
            if length < wire.TAG:
                raise malformed("no room for the tag")
            if epoch not in self.receive_epochs or counter != self.next_receive:
                raise Failure(Code.SEQUENCE_VIOLATION, f"epoch {epoch}, counter {counter} for {self.next_receive}")
        elif counter != 0:
            raise malformed("counter in epoch 0")
        size = wire.HEADER + length + wire.HMAC
        if epoch == 0 and self.state != CLOSING and self.state not in EPOCH_0_USE[kind]:
            raise Failure(Code.UNEXPECTED_MESSAGE, f"type {kind} in {self.state}")
        if len(self.input) < size:
            return False
        frame = bytes(self.input[:size])
        del self.input[:size]
        self.offset += size
        if epoch == 0:
            if self.state != CLOSING:
                handlers = {INIT: self._on_init, RESPONSE: self._on_response, ACK: self._on_m3, CLOSE: self._on_close0}
                handlers[kind](frame)
        else:
            self._on_protected(kind, epoch, counter, frame)
        return True

    def _on_close0(self, frame):
        """[SCP-CLOSE-5], [SCP-CLOSE-7], [SCP-CLOSE-11]"""
        attempt, key, code, listed = wire.parse_close0(frame[14:-32])
        if self.initiator and attempt == bytes(8) and code == Code.UNSUPPORTED_VERSION and key == 0:
            self._check_mac(hello_keys(0, None, None, attempt)[1], frame)
        elif attempt != self.attempt:
            raise Failure(Code.UNEXPECTED_MESSAGE, "attempt")
        elif key == self.hello:
            self._check_mac(self.hello_r2i if self.initiator else self.hello_i2r, frame)
        elif key == 0x80 and not self.initiator:
            self._check_mac(self.finished, frame)
        else:
            raise Failure(Code.AUTHENTICATION_FAILED, "key octet")
        self._over("by peer, not authenticated", code)

    def _direction(self, epoch, sending):
        keys = self.epochs[epoch]
        return keys.i2r if sending == self.initiator else keys.r2i

    def _on_protected(self, kind, epoch, counter, frame):
        plaintext = self._direction(epoch, False).open(epoch, counter, frame)
        self.next_receive += 1
        self._count(False, len(frame))
        self._restart_idle()
        self.idle_send_restart = True
        if self.state == UNCONF and kind not in (CLOSE, RESPONSE):
            self._enter_established()
            self.ack_owed = True
        first = epoch > self.receive_epochs[0]
        if first:                                # [SCP-ROT-14]
            del self.epochs[self.receive_epochs.pop(0)]
            self.usage[False] = (1, len(frame))
            if self.answering:
                self.answering = False
                self._switch(epoch)
        if epoch == self.send_epoch:
            self.accepted_in_send_epoch = True
        if self.state == CLOSING:
            return self._in_closing(kind, epoch, plaintext)
        if kind == ACK:
            return self._on_ack(epoch, wire.parse_ack(plaintext))
        if kind == CLOSE:
            close = wire.parse_close(plaintext)
            self._send_ack()
            self.close_reason = close["reason"]
            return self._over("by peer", close["code"])
        eliciting = True
        if kind == DATA:
            eliciting = self._on_data(wire.records_of(plaintext))
        elif self.state != EST:
            raise Failure(Code.UNEXPECTED_MESSAGE, f"rotation in {self.state}")
        elif kind == INIT:
            self._on_rotation_request(wire.parse_rotation(plaintext, rotation_sizes(self.suite)[0]))
        else:
            self._on_rotation_answer(wire.parse_rotation(plaintext, rotation_sizes(self.suite)[1]))
        if eliciting:                            # [SCP-ACK-8], [SCP-ACK-9]
            self.unacked += 1
            if first or kind != DATA or self.unacked > 1 or counter == 0:
                self.ack_owed = True
            elif not self.ack_owed:
                self.timers.setdefault("ack", self.now + 0.025)

    def _in_closing(self, kind, epoch, plaintext):
        """[SCP-STATE-7] to [SCP-STATE-9], [SCP-CLOSE-25]"""
        if kind == DATA:
            self.discarded_data = True
        elif kind == ACK:
            ack = wire.parse_ack(plaintext)
            self._check_acked(epoch, ack)
            self.sender.acknowledged(ack["largest"])
            if ack["largest"] >= self.close_counter:
                self._over("clean" if self.sent_all else "unconfirmed", self.close_code)
        elif kind == CLOSE:
            close = wire.parse_close(plaintext)
            if not self.discarded_data:
                self._send_ack()
            clean = self.sent_all and self.sender.all_acknowledged()
            self._over("clean" if clean else "unconfirmed", close["code"])

    def _on_data(self, records):
        """Whether the frame is eliciting."""
        eliciting = False
        for rec in records:   # one after the other: the first that breaks a rule decides, [SCP-REC-7]
            name = rec["record"]
            if name == "piece":
                self.receiver.piece(rec)
            elif name == "unreliable":
                self.receiver.unreliable(rec)
            elif name == "credit":
                if self.sender.take_credit(rec["credit"]):
                    self._unblocked()
            elif name == "channelCredit":
                self._check_own_channel(rec)
                if self.sender.take_channel_credit(rec["channel"], rec["credit"]):
                    self._unblocked()
            elif name == "refuse":
                self._check_own_channel(rec)
            elif name == "cancel":
                self.receiver.cancelled(rec)
            elif name == "channelBlocked":
                self.receiver.channel(rec["channel"])
            elif name == "finish":
                if rec["charge"] != self.receiver.charged:
                    raise malformed("charge of finish")   # [SCP-CLOSE-16]
                self.receiver.peer_finished = True
            elif name == "pathChallenge":
                self.path_token = rec["token"]
            if name in ("ping", "blocked", "channelBlocked", "pathChallenge"):
                self.ack_owed = True
            eliciting = eliciting or name != "padding"
        return eliciting

    def _check_own_channel(self, rec):
        """[SCP-REC-2]: here the receiver of the messages speaks"""
        if rec["channel"][0] >= self.peer.channels:
            raise Failure(Code.LIMIT_EXCEEDED, "channel")

    def _unblocked(self):
        self.blocked_interval = 0.010
        self.timers.pop("blocked", None)

    def _check_acked(self, epoch, ack):
        """[SCP-ACK-4], [SCP-ACK-5]"""
        if ack["largest"] >= self.next_send:
            raise Failure(Code.SEQUENCE_VIOLATION, "acknowledgement of what was not sent")
        if epoch < self.send_epoch and ack["largest"] >= self.first_of_epoch:
            raise Failure(Code.SEQUENCE_VIOLATION, "acknowledgement of a newer epoch")

    def _on_ack(self, epoch, ack):
        self._check_acked(epoch, ack)
        if ack["largest"] > self.largest_acked:
            self.largest_acked = ack["largest"]
            self.sender.acknowledged(ack["largest"])
        if self.sender.take_credit(ack["credit"]):
            self._unblocked()

    # Rotation (chapter 14)

    def _install(self, epoch, keys):
        self.epochs[epoch], self.installed = keys, epoch

    def _switch(self, epoch):
        self.send_epoch, self.first_of_epoch, self.accepted_in_send_epoch = epoch, self.next_send, False
        self.usage[True] = (0, 0)
        self._begin_epoch()

    def _rotation_noise(self, asking, mode, target, nonce, ephemeral=None):
        old = self.epochs[target - 1]
        asker = 0 if asking == self.initiator else 1
        static, remote = (self.config.static, self.peer_key) if mode else (None, None)
        prologue = rotation_prologue(self.suite, mode, target, asker, nonce, old.h)
        return make_noise(self.suite, rotation_name(mode, self.suite), asking, prologue, static=static, remote=remote,
                          ephemeral=ephemeral, psk=old.chain)

    def _ask(self):
        """[SCP-ROT-2], [SCP-ROT-8]"""
        mode, self.wish = self.wish, None
        nonce, ephemeral = self.config.rotation or (os.urandom(8), None)
        target = self.send_epoch + 1
        noise = self._rotation_noise(True, mode, target, nonce, ephemeral)
        self.rotation = (target, nonce, mode, noise)
        self._send(INIT, wire.encode_rotation(target, nonce, mode, noise.write()))

    def _on_rotation_request(self, r):
        """[SCP-ROT-9] to [SCP-ROT-11], [SCP-ROT-18]"""
        if not self.peer_requests.take(self.now):
            raise Failure(Code.RATE_LIMITED, "rotations")
        if r["target"] <= self.installed:
            return
        if r["target"] > self.send_epoch + 1:
            raise Failure(Code.ROTATION_FAILED, "target")
        if self.rotation:
            if self.initiator:
                return
            self.rotation = None
        noise = self._rotation_noise(False, r["mode"], r["target"], r["nonce"],
                                     self.config.rotation and self.config.rotation[1])
        noise.read(r["bytes"], Code.ROTATION_FAILED)
        answer = noise.write()
        self._install(r["target"], EpochKeys(*noise.split(), noise.h))
        self.receive_epochs.append(r["target"])
        self.answering = True
        self._rotated(False, r["mode"])
        self._send(RESPONSE, wire.encode_rotation(r["target"], r["nonce"], r["mode"], answer))

    def _on_rotation_answer(self, r):
        """[SCP-ROT-12], [SCP-ROT-13]"""
        if self.rotation and self.rotation[:2] == (r["target"], r["nonce"]):
            target, _, mode, noise = self.rotation
            if r["mode"] != mode:
                raise Failure(Code.ROTATION_FAILED, "mode")
            noise.read(r["bytes"], Code.ROTATION_FAILED)
            self.rotation = None
            self._install(target, EpochKeys(*noise.split(), noise.h))
            self.receive_epochs.append(target)
            self._rotated(True, mode)
            self._switch(target)
            self._send_ack()
            self._data([record("ping")])
        elif r["target"] > self.installed:
            raise Failure(Code.UNEXPECTED_MESSAGE, "answer to no request")

    def _rotated(self, asked, mode):
        self.rotations[asked, mode] = self.rotations.get((asked, mode), 0) + 1

    # Sending

    def _begin_epoch(self):
        self.epoch_began = self.now
        self.timers["age"] = self.now + 60 * 60 * self.patience

    def _count(self, sending, size):
        frames, octets = self.usage[sending]
        self.usage[sending] = frames + 1, octets + size

    def _is_used(self, frames, octets, age):
        """[SCP-KEY-14], [SCP-ROT-1]"""
        return self.now >= self.epoch_began + age or any(f >= frames or o >= octets for f, o in self.usage.values())

    def _send(self, kind, plaintext):
        counter, self.next_send = self.next_send, self.next_send + 1
        frame = self._direction(self.send_epoch, True).protect(kind, self.send_epoch, counter, plaintext)
        self._count(True, len(frame))
        self.output += frame
        if kind not in (ACK,):
            self.largest_eliciting = counter
            if self.idle_send_restart:
                self.idle_send_restart = False
                if self.idle and "idle" in self.timers:
                    self.timers["idle"] = self.now + self.idle
        return counter

    def _data(self, records):
        self._send(DATA, wire.encode_records(records))

    def _send_ack(self):
        self.ack_owed, self.unacked = False, 0
        self.timers.pop("ack", None)
        self._send(ACK, wire.encode_ack(self.next_receive - 1, self.receiver.current_credit()))

    def flush(self):
        """Builds the frames that are due."""
        try:
            self._flush()
        except Failure as failure:
            self._fail(failure)

    def _flush(self):
        if self.state in (UNCONF, HOLD, EST):
            if self._is_used(2**24, 2**31, 65 * 60):
                raise Failure(Code.KEY_LIMIT_REACHED)
            if self.wish is None and self.state == EST and not self.rotation and not self.answering \
                    and self._is_used(2**23 * self.patience, 2**30 * self.patience, 60 * 60 * self.patience):
                self.wish = 0
        while self.state in (UNCONF, HOLD, EST) and len(self.output) <= WRITE_MARK and self._flush_one():
            pass
        if self.closing and self.state in (UNCONF, EST) and self._all_sent():
            self._send_close(*self.closing)
        if self.state in (UNCONF, EST) and self.sender.stopped() and "blocked" not in self.timers:
            if self.largest_eliciting <= self.largest_acked:
                self.timers["blocked"] = self.now + self.blocked_interval

    def _all_sent(self):
        return self.sender.idle() and not self.controls and (not self.finish_wanted or self.finish_sent)

    def _flush_one(self):
        if self.ack_owed:
            self._send_ack()
            return True
        may_rotate = (self.state == EST and self.established and self.accepted_in_send_epoch and not self.answering
                      and self.rotation is None and self.send_epoch == self.installed and not self.closing
                      and (not self.initiator or self.sender.credit > 0))   # [SCP-ROT-2]
        if self.wish is not None and may_rotate and self.own_requests.take(self.now):
            self._ask()
            return True
        records = self.controls + self.receiver.credits()
        self.controls = []
        if self.path_token:
            records.append(record("pathResponse", token=self.path_token))
            self.path_token = None
        rng = self.config.rng
        if self.state != HOLD:
            limit = self.peer.frame_limit - wire.TAG - (64 if rng else 0)   # the liberties need a little
            room = min(limit, 16384) if len(self.sender.channels) > 1 else limit
            room -= sum(len(wire.encode_record(r, False)) for r in records)
            if rng and rng.random() < 0.5 and not self.sender.unreliable:   # these are never cut
                room = max(64, min(room, int(2 ** rng.uniform(6, 16))))
            records += self.sender.pieces(room, self.next_send)
            if self.finish_wanted and not self.finish_sent and self.sender.idle():
                self.finish_sent = True
                records.append(record("finish", charge=self.sender.charged))
        if not records:
            return False
        if rng:
            self._take_liberties(records, rng)
        self._data(records)
        return True

    def _take_liberties(self, records, rng):
        if rng.random() < 0.1:
            records.insert(0, record("padding", count=rng.randrange(1, 20)))
        if rng.random() < 0.1:
            records.insert(0, record("extension", type=0x40 + 2 * rng.randrange(32), body=rng.randbytes(5)))
        for rec in records:   # lengths and offsets that are not needed
            if rec["record"] == "piece" and rng.random() < 0.3:
                rec["type"] = 0x20 | 4 | (2 if rec["offset"] or rng.random() < 0.5 else 0) | rec["end"]

    def _send_close(self, code, reason):
        """[SCP-CLOSE-13]; after a fatal error too"""
        if self.next_receive:
            self._send_ack()
        self.close_counter = self._write_close(code, reason)
        self.close_code, self.closing, self.state = code, None, CLOSING
        self.timers = {"wait": self.now + 3}

    def _write_close(self, code, reason=""):
        self.close_sent = (self.send_epoch, code)
        return self._send(CLOSE, wire.encode_close(code, reason))

    def _close0(self, code):
        """[SCP-HS-12], [SCP-HS-17], [SCP-HS-18], [SCP-CLOSE-4]"""
        if not self.initiator and self.config.silent:
            return
        attempt, key, listed = self.attempt, self.hello, b""
        if self.initiator:
            secret, key = (self.finished, 0x80) if self.finished else (self.hello_i2r, self.hello)
        elif self.hello is None:
            if code != Code.UNSUPPORTED_VERSION:
                return
            attempt, key, secret = bytes(8), 0, hello_keys(0, None, None, bytes(8))[1]
        else:
            secret = self.hello_r2i
        if code == Code.UNSUPPORTED_VERSION:
            listed = b"\x01"
        elif code == Code.UNSUPPORTED_SUITE:
            listed = bytes([self.suite])
        self._epoch0_frame(CLOSE, wire.close0_payload(attempt, key, code, listed), secret)
        self.close_sent = (0, code)

    def _fail(self, failure):
        """[SCP-CLOSE-20]"""
        self.failure = self.failure or failure
        state = self.state
        if state in (DRAINING, CLOSED):
            return
        if state in (WAIT, DECIDE, AWAIT, HALF):
            if wire.may_be_sent(failure.code, 0):
                self._close0(failure.code)
        elif state != CLOSING and wire.may_be_sent(failure.code, 1):
            self._write_close(failure.code)
        self._over("failed", failure.code)

    def _over(self, outcome, code):
        if self.outcome is None:
            self.outcome = (outcome, int(code))
        self.state = DRAINING
        self.timers = {"wait": self.now + 3}
        self.epochs.clear()
        self.input.clear()
