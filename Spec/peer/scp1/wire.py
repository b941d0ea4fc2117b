"""Formats: frames, varints, items, records, ACK and CLOSE (chapters 1, 2, 3, 5, 7, 9, 14)."""

import hashlib
import struct
from dataclasses import dataclass, field
from enum import IntEnum

INIT, RESPONSE, DATA, ACK, CLOSE = 1, 2, 3, 4, 5
TYPES = {"INIT": INIT, "RESPONSE": RESPONSE, "DATA": DATA, "ACK": ACK, "CLOSE": CLOSE}
HEADER, TAG, HMAC = 14, 16, 32
EPOCH0_LIMIT = 16384
VARINT_MAX = 2**62 - 1
COUNTER_BITS = 48


class Code(IntEnum):
    """Error codes, [SCP-ERR-1]."""
    NO_ERROR = 0x00
    INTERNAL_ERROR = 0x01
    UNSUPPORTED_VERSION = 0x02
    UNSUPPORTED_SUITE = 0x03
    MALFORMED_FRAME = 0x04
    FRAME_TOO_LARGE = 0x05
    UNEXPECTED_MESSAGE = 0x06
    AUTHENTICATION_FAILED = 0x07
    SEQUENCE_VIOLATION = 0x08
    HANDSHAKE_TIMEOUT = 0x09
    IDLE_TIMEOUT = 0x0A
    IDENTITY_REJECTED = 0x0B
    CREDENTIAL_INVALID = 0x0C
    RATE_LIMITED = 0x0D
    FLOW_CONTROL_VIOLATION = 0x0E
    MESSAGE_TOO_LARGE = 0x0F
    KEY_LIMIT_REACHED = 0x10
    ROTATION_FAILED = 0x11
    DOWNGRADE_DETECTED = 0x12
    NO_APPLICATION_PROTOCOL = 0x13
    SHUTTING_DOWN = 0x14
    LIMIT_EXCEEDED = 0x15
    DECISION_TIMEOUT = 0x16
    TRUNCATED = 0x80
    TRANSPORT_FAILED = 0x81
    REPLACED = 0x82
    CLOSE_UNCONFIRMED = 0x83
    HANDSHAKE_UNCONFIRMED = 0x84


NOT_IN_EPOCH_0 = {Code.SEQUENCE_VIOLATION, Code.IDLE_TIMEOUT, Code.FLOW_CONTROL_VIOLATION, Code.MESSAGE_TOO_LARGE,
                  Code.KEY_LIMIT_REACHED, Code.ROTATION_FAILED, Code.LIMIT_EXCEEDED}


def may_be_sent(code, epoch):
    """[SCP-ERR-2], [SCP-ERR-3]"""
    if 0x80 <= code < 0x1000:
        return False
    return epoch > 0 or (code < 0x80 and code not in NOT_IN_EPOCH_0)


def code_name(code):
    return Code(code).name if code in Code._value2member_map_ else hex(code)


class Failure(Exception):
    """A fatal error that this side found: "to fail with CODE"."""

    def __init__(self, code, detail=""):
        super().__init__(f"{code_name(code)}: {detail}")
        self.code, self.detail = Code(code), detail


def malformed(detail):
    return Failure(Code.MALFORMED_FRAME, detail)


def varint(n):
    """[SCP-FRAME-12]"""
    for bits, form in ((6, ">B"), (14, ">H"), (30, ">I"), (62, ">Q")):
        if n < 1 << bits:
            size = struct.calcsize(form)
            return struct.pack(form, n | (size.bit_length() - 1) << 8 * size - 2)
    raise ValueError("varint out of range")


class Reader:
    """Reads fields; [SCP-FRAME-13] when they are not there."""

    def __init__(self, data):
        self.data, self.at = bytes(data), 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        if n > self.left():
            raise malformed("a field is cut off")
        self.at += n
        return self.data[self.at - n:self.at]

    def uint(self, size):
        return int.from_bytes(self.take(size), "big")

    def varint(self):
        first = self.uint(1)
        size = 1 << (first >> 6)
        return (first & 0x3F) << 8 * (size - 1) | self.uint(size - 1)

    def rest(self):
        return self.take(self.left())

    def end(self):
        if self.left():
            raise malformed("bytes behind the last field")


def header(kind, epoch, counter, length):
    return struct.pack(">BBQI", 1, kind, epoch << COUNTER_BITS | counter, length)


# Handshake payloads of epoch 0 (chapter 2)

def handshake_payload(kind, attempt, hello, message):
    cookie = bytes(32) if kind == INIT else b""
    return attempt + struct.pack(">BBBHH", 0, hello, 0, len(message), 0) + cookie + message


@dataclass
class HandshakePayload:
    attempt: bytes
    hello: int
    message: bytes


def parse_handshake_payload(kind, payload):
    """[SCP-HS-4] to [SCP-HS-11]"""
    r = Reader(payload)
    attempt, role, hello, piece, total, _ = r.take(8), r.uint(1), r.uint(1), r.uint(1), r.uint(2), r.uint(2)
    if kind == INIT:
        r.take(32)
    if (role == 1 and kind == RESPONSE) or (role == 2 and kind in (INIT, RESPONSE)):
        raise Failure(Code.UNEXPECTED_MESSAGE, "retry or progress on a stream")
    if role != 0:
        raise malformed("kind")
    if hello > (0 if kind == ACK else 3):
        raise malformed("hello")
    if piece != 0:
        raise malformed("piece")
    if not 1 <= total <= 16320:
        raise malformed("total")
    return HandshakePayload(attempt, hello, r.take(total))


def close0_payload(attempt, key, code, listed=b""):
    return attempt + bytes([key]) + varint(code) + bytes([len(listed)]) + listed


def parse_close0(payload):
    """[SCP-CLOSE-3], [SCP-CLOSE-5], [SCP-CLOSE-9]: attempt, key, code, list"""
    r = Reader(payload)
    attempt, key, code, count = r.take(8), r.uint(1), r.varint(), r.uint(1)
    listed = r.take(count)
    r.end()
    if key not in (0, 1, 2, 3, 0x80):
        raise malformed("key octet")
    if count and code not in (Code.UNSUPPORTED_VERSION, Code.UNSUPPORTED_SUITE):
        raise malformed("a list with this code")
    return attempt, key, code, listed


# Items (chapter 3)

(PADDING, FRAME_LIMIT, MESSAGE_LIMIT, CREDIT, CHANNEL_CREDIT, CHANNELS, IDLE, DATAGRAM, PARTS, CONNECTION_ID,
 PROTOCOLS, CREDENTIAL, VERSIONS, SUITES, TOKEN) = range(15)


@dataclass
class Advertised:
    """What a list says, the defaults where it says nothing."""
    frame_limit: int = 65536
    message_limit: int = 131072
    credit: int = 262144
    channel_credit: int = 262144
    channels: int = 256
    idle: int = 30000
    protocols: list = field(default_factory=list)
    versions: bytes = b""
    suites: bytes = b""
    credential: bytes = None


NUMBERS = {FRAME_LIMIT: "frame_limit", MESSAGE_LIMIT: "message_limit", CREDIT: "credit",
           CHANNEL_CREDIT: "channel_credit", CHANNELS: "channels", IDLE: "idle"}
ALLOWED = {PADDING: "M1 M2 M3", CONNECTION_ID: "M2 M3", PROTOCOLS: "M2 M3", CREDENTIAL: "M2 M3", VERSIONS: "M2",
           SUITES: "M2", TOKEN: "M2 M3"}


def encode_list(items):
    return b"".join(varint(i) + varint(len(value)) + value for i, value in items)


def split_list(data):
    """The pairs of a list, [SCP-ITEM-6], [SCP-ITEM-7]"""
    r, items = Reader(data), {}
    while r.left():
        i = r.varint()
        if i in items:
            raise malformed(f"item {i:#x} twice")
        items[i] = r.take(r.varint())
    return items


def encode_protocols(names):
    return b"".join(bytes([len(n.encode())]) + n.encode() for n in names)


def parse_list(data, where, suite=1):
    """Checks a list of M1, M2 or M3 against the table: [SCP-ITEM-8] to [SCP-ITEM-25]."""
    a = Advertised()
    for i, value in split_list(data).items():
        if i > TOKEN:
            if i % 2:
                raise malformed(f"unknown odd item {i:#x}")
            continue
        if where not in ALLOWED.get(i, "M1 M2"):
            raise malformed(f"item {i:#x} in {where}")
        r = Reader(value)
        if i in NUMBERS:
            setattr(a, NUMBERS[i], r.varint())
            r.end()
        elif i == DATAGRAM:
            if not 1200 <= r.varint() <= 65527:
                raise malformed("datagram size")
            r.end()
        elif i == PROTOCOLS:
            while r.left():
                a.protocols.append(r.take(r.uint(1)).decode("utf-8", "surrogateescape"))
            if not a.protocols or "" in a.protocols or (where == "M3" and len(a.protocols) != 1):
                raise malformed("application protocols")
        elif i == CREDENTIAL:
            a.credential = value
        elif i == VERSIONS:
            a.versions = value
        elif i == SUITES:
            a.suites = value
        elif len(value) not in {PARTS: (0,), CONNECTION_ID: range(1, 21), TOKEN: (16,)}.get(i, (len(value),)):
            raise malformed(f"size of item {i:#x}")
    if where == "M2" and (1 not in a.versions or suite not in a.suites):
        raise malformed("versions or suites")
    least = a.message_limit + 32
    if not (2048 <= a.frame_limit <= 1048576 and a.message_limit <= 2**48 and 1 <= a.channels <= 65536
            and (a.credit == 0 or a.credit >= least) and a.channel_credit >= least):
        raise malformed("a limit out of bounds")
    return a


def encode_credential(scheme, signature, chain):
    """[SCP-ID-10]"""
    return (scheme.to_bytes(2, "big") + len(signature).to_bytes(2, "big") + signature + encode_chain(chain))


def encode_chain(chain):
    return b"".join(len(c).to_bytes(3, "big") + c for c in chain)


def parse_credential(value):
    """Scheme, signature and chain of item 0x0b, [SCP-ID-13]"""
    try:
        r = Reader(value)
        scheme, signature, chain = r.uint(2), r.take(r.uint(2)), []
        while r.left():
            chain.append(r.take(r.uint(3)))
    except Failure as failure:
        raise Failure(Code.CREDENTIAL_INVALID, str(failure)) from None
    if len(value) > 14336 or not signature or not 1 <= len(chain) <= 10 or b"" in chain:
        raise Failure(Code.CREDENTIAL_INVALID, "bounds")
    return scheme, signature, chain


def signed_by_credential(role, h_c, static, chain):
    """What the signature is over, [SCP-ID-10]"""
    return (b" " * 64 + f"SCP/1 {role} credential".encode() + b"\0" + h_c + static
            + hashlib.sha256(encode_chain(chain)).digest())


# Records (chapter 5): dictionaries in the form of Vectors/README.md; a channel is the pair (number, mode)

CONTROL = {  # type: (name, fields)
    0x01: ("ping", ()), 0x02: ("credit", ("credit",)), 0x03: ("channelCredit", ("channel", "credit")),
    0x04: ("blocked", ("limit",)), 0x05: ("channelBlocked", ("channel", "limit")),
    0x06: ("cancel", ("channel", "message", "charge", "code")), 0x07: ("refuse", ("channel", "message", "code")),
    0x08: ("finish", ("charge",)), 0x09: ("pathChallenge", ("token",)), 0x0A: ("pathResponse", ("token",)),
}
CONTROL_TYPES = {name: (kind, fields) for kind, (name, fields) in CONTROL.items()}


def record(name, **fields):
    return {"record": name, **fields}


def encode_channel(channel):
    return varint(channel[0] * 4 + channel[1])


def read_channel(r):
    n = r.varint()
    return n >> 2, n & 3


def encode_record(rec, last=True):
    """`last`: nothing follows in the frame, so that a length is not needed. A `type` in the record decides itself."""
    name = rec["record"]
    if name == "padding":
        return bytes(rec["count"])
    if name == "extension":
        return bytes([rec["type"]]) + varint(len(rec["body"])) + rec["body"]
    if name in CONTROL_TYPES:
        kind, fields = CONTROL_TYPES[name]
        encode = {"token": bytes, "channel": encode_channel}
        return bytes([kind]) + b"".join(encode.get(f, varint)(rec[f]) for f in fields)
    data = rec["bytes"]
    if name == "unreliable":
        kind = rec.get("type", 0x30 if last else 0x34)
        out = encode_channel(rec["channel"]) + varint(rec["number"])
    else:
        kind = rec.get("type", 0x20 | (0 if last else 4) | (2 if rec["offset"] else 0) | (1 if rec["end"] else 0))
        out = encode_channel(rec["channel"]) + varint(rec["message"]) + (varint(rec["offset"]) if kind & 2 else b"")
    return bytes([kind]) + out + (varint(len(data)) if kind & 4 else b"") + data


def records_of(plaintext):
    """Yields the records: [SCP-REC-7] to [SCP-REC-28], as far as a frame shows it by itself."""
    r = Reader(plaintext)
    if not r.left():
        raise malformed("no record")
    while r.left():
        kind = r.uint(1)
        if kind == 0:
            count = 1
            while r.left() and r.data[r.at] == 0:
                count += r.uint(1) + 1
            yield record("padding", count=count)
        elif kind in CONTROL:
            name, fields = CONTROL[kind]
            read = {"channel": lambda: read_channel(r), "token": lambda: r.take(8)}
            rec = record(name, **{f: read.get(f, r.varint)() for f in fields})
            if name in ("cancel", "refuse") and rec["channel"][1] > 1:
                raise malformed("cancel or refuse on an unreliable channel")
            yield rec
        elif 0x20 <= kind <= 0x27:
            channel, message = read_channel(r), r.varint()
            offset = r.varint() if kind & 2 else 0
            data = r.take(r.varint()) if kind & 4 else r.rest()
            if channel[1] > 1:
                raise malformed("a piece on an unreliable channel")
            if not data and not kind & 1:
                raise malformed("a piece without bytes")
            if offset + len(data) > VARINT_MAX:
                raise malformed("offset")
            yield record("piece", channel=channel, message=message, offset=offset, end=bool(kind & 1), bytes=data,
                         type=kind)
        elif kind in (0x30, 0x34):
            channel, number = read_channel(r), r.varint()
            if channel[1] < 2:
                raise malformed("an unreliable message on a reliable channel")
            data = r.take(r.varint()) if kind & 4 else r.rest()
            yield record("unreliable", channel=channel, number=number, bytes=data, type=kind)
        elif 0x40 <= kind <= 0x7F:
            if kind % 2:
                raise Failure(Code.UNEXPECTED_MESSAGE, f"extension {kind:#x}")
            yield record("extension", type=kind, body=r.take(r.varint()))
        else:
            raise malformed(f"record {kind:#x}")


def encode_records(records):
    return b"".join(encode_record(rec, rec is records[-1]) for rec in records)


# ACK, CLOSE and rotation of epoch 1 and later (chapters 7, 9, 14)

def encode_ack(largest, credit):
    return bytes([0]) + varint(largest) + bytes(3) + varint(credit)


def parse_ack(plaintext):
    """[SCP-ACK-1], [SCP-ACK-2]"""
    r = Reader(plaintext)
    flags, largest, delay, count, first = r.uint(1), r.varint(), r.varint(), r.varint(), r.varint()
    if flags & 0xFE or delay or count or first:
        raise malformed("ACK")
    credit = r.varint()
    if flags:
        for _ in range(3):
            r.varint()
    r.end()
    return {"flags": flags, "largest": largest, "delay": 0, "first": 0, "ranges": [], "credit": credit}


def encode_close(code, reason=""):
    return varint(code) + varint(len(reason.encode())) + reason.encode()


def parse_close(plaintext):
    """[SCP-CLOSE-1], [SCP-CLOSE-2]"""
    r = Reader(plaintext)
    code, size = r.varint(), r.varint()
    if size > 256:
        raise malformed("reason too long")
    reason = r.take(size)
    r.end()
    try:
        return {"code": code, "reason": reason.decode("utf-8")}
    except UnicodeDecodeError:
        raise malformed("reason is not UTF-8") from None


def encode_rotation(target, nonce, mode, noise):
    return struct.pack(">H8sBBH", target, nonce, mode, 0, len(noise)) + noise


def parse_rotation(plaintext, size=None):
    """[SCP-ROT-3], [SCP-ROT-4]: with the size that the Noise message must have, if that is known"""
    r = Reader(plaintext)
    target, nonce, mode, piece, total = r.uint(2), r.take(8), r.uint(1), r.uint(1), r.uint(2)
    if mode > 1:
        raise Failure(Code.ROTATION_FAILED, "mode")
    if piece or total != (size or len(plaintext) - 14):
        raise malformed("piece or size of a rotation")
    noise = r.take(total)
    r.end()
    return {"target": target, "nonce": nonce, "mode": mode, "piece": 0, "total": total, "bytes": noise}
