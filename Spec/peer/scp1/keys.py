"""Key schedule, protection and Noise (chapters 1, 2, 4, 14). Noise itself is PyPI's noiseprotocol."""

import hashlib
import hmac
import os
import warnings
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from noise.connection import Keypair, NoiseConnection
from noise.exceptions import NoiseValueError

from .wire import COUNTER_BITS, HEADER, HMAC, Code, Failure, header

SALT = b"SCP/1 X25519 AES-256-GCM HMAC-SHA-256"
P = 2**255 - 19
LOW_ORDER = {bytes.fromhex(k) for k in (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")}
warnings.filterwarnings("ignore", message="One of ephemeral keypairs")   # vectors fix them


def mac(key, *data):
    return hmac.new(key, b"".join(data), hashlib.sha256).digest()


def extract(ikm):
    return mac(SALT, ikm)


def expand_label(secret, label, context, size):
    """Expand-Label of chapter 4"""
    label = b"scp1 " + label.encode()
    info = size.to_bytes(2, "big") + bytes([len(label)]) + label + bytes([len(context)]) + context
    out, block, i = b"", b"", 1
    while len(out) < size:
        block = mac(secret, block, info, bytes([i]))
        out, i = out + block, i + 1
    return out[:size]


def public_key(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def agree(private, public):
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def point(key):
    """[SCP-ID-2]: two keys are the same when their points are."""
    return (int.from_bytes(key, "little") & (2**255 - 1)) % P


def is_low_order(key):
    """[SCP-KEY-11]"""
    return key[:31] + bytes([key[31] & 0x7F]) in LOW_ORDER


def hello_ikm(hello, responder_key, access_key):
    return bytes([hello]) + (responder_key if hello & 1 else b"") + (access_key if hello & 2 else b"")


def hello_keys(hello, responder_key, access_key, attempt):
    """[SCP-KEY-2]: i2r, r2i"""
    prk = extract(hello_ikm(hello, responder_key, access_key))
    return tuple(expand_label(prk, f"hello {d}", attempt, 32) for d in ("i2r", "r2i"))


@dataclass
class DirectionKeys:
    key: bytes
    mac: bytes
    iv: bytes

    def nonce(self, epoch, counter):
        """[SCP-PROT-1]"""
        sequence = epoch << COUNTER_BITS | counter
        return (int.from_bytes(self.iv, "big") ^ sequence).to_bytes(12, "big")

    def protect(self, kind, epoch, counter, plaintext):
        """[SCP-PROT-2], [SCP-PROT-3]: the whole frame"""
        head = header(kind, epoch, counter, len(plaintext) + 16)
        body = AESGCM(self.key).encrypt(self.nonce(epoch, counter), plaintext, head)
        return head + body + mac(self.mac, head, body)

    def open(self, epoch, counter, frame):
        """[SCP-PROT-5], [SCP-PROT-7]"""
        if not hmac.compare_digest(mac(self.mac, frame[:-HMAC]), frame[-HMAC:]):
            raise Failure(Code.AUTHENTICATION_FAILED, "HMAC")
        try:
            return AESGCM(self.key).decrypt(self.nonce(epoch, counter), frame[HEADER:-HMAC], frame[:HEADER])
        except InvalidTag:
            raise Failure(Code.AUTHENTICATION_FAILED, "GCM") from None


class EpochKeys:
    """The secrets of an epoch: [SCP-KEY-5] to [SCP-KEY-8]."""

    def __init__(self, k1, k2, h):
        self.master, self.h = extract(k1 + k2), h
        self.i2r, self.r2i = (DirectionKeys(*(self.label(f"{d} {name}", size) for name, size in
                                              (("key", 32), ("mac", 32), ("iv", 12)))) for d in ("i2r", "r2i"))
        self.chain = self.label("chain")

    def label(self, name, size=32):
        return expand_label(self.master, name, self.h, size)


def export(exporter, label, context, size):
    """[SCP-KEY-8]"""
    inner = expand_label(exporter, label, hashlib.sha256(b"").digest(), 32)
    return expand_label(inner, "exporter", hashlib.sha256(context).digest(), size)


class LatePSK(list):
    """[SCP-PSK-3]: a pre-shared key that is looked up when Noise asks for it, which is when the peer's key is known."""

    def __init__(self, find):
        super().__init__([bytes(32)])
        self.find = find

    def pop(self, _=0):
        return self.find()


class Noise:
    """A handshake of noiseprotocol, whose chaining key and hash can be read after each message."""

    def __init__(self, name, initiator, prologue, static=None, ephemeral=None, remote=None, psk=None):
        self.connection = c = NoiseConnection.from_name(name.encode())
        self.protocol, self.initiator = c.noise_protocol, initiator
        c.set_as_initiator() if initiator else c.set_as_responder()
        c.set_prologue(prologue)
        if static:
            c.set_keypair_from_private_bytes(Keypair.STATIC, static)
        c.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral or os.urandom(32))
        if remote:
            c.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote)
        if psk:
            find = psk if callable(psk) else (lambda: psk)
            self.protocol.psks = LatePSK(find)
        c.start_handshake()
        self.state, self.symmetric = self.protocol.handshake_state, self.protocol.symmetric_state

    @property
    def ck(self):
        return self.symmetric.ck

    @property
    def h(self):
        return self.symmetric.h

    @property
    def remote_static(self):
        return self.state.rs.public_bytes

    @property
    def remote_ephemeral(self):
        return self.state.re.public_bytes

    @property
    def ephemeral(self):
        return self.state.e.public_bytes

    def write(self, payload=b""):
        return bytes(self.connection.write_message(payload))

    def read(self, message, code=Code.AUTHENTICATION_FAILED):
        """The payload. All that can be wrong with a message is one error, a zero Diffie-Hellman result included."""
        try:
            payload = bytes(self.connection.read_message(message))
        except (InvalidTag, ValueError, NoiseValueError) as error:   # a zero result is a ValueError
            raise Failure(code, f"Noise: {error!r}") from None
        if is_low_order(self.remote_ephemeral):
            raise Failure(code, "low-order key")
        return payload

    def split(self):
        """k1, k2: the initiator's sending key comes first"""
        ours, theirs = self.protocol.cipher_state_encrypt.k, self.protocol.cipher_state_decrypt.k
        return (ours, theirs) if self.initiator else (theirs, ours)


def handshake_name(suite):
    return f"Noise_XX{'psk3' if suite & 0x80 else ''}_25519_AESGCM_SHA256"


def handshake_prologue(attempt, suite, parameters):
    """[SCP-ITEM-2]"""
    return b"SCP/1" + bytes([1]) + attempt + bytes([suite]) + len(parameters).to_bytes(2, "big") + parameters


def rotation_prologue(suite, mode, target, asker, nonce, h):
    """Chapter 14. asker: 0 for the initiator of the connection"""
    return b"SCP/1 rotate" + bytes([1, suite, mode]) + target.to_bytes(2, "big") + bytes([asker]) + nonce + h


def rotation_name(mode):
    return f"Noise_{('NN', 'KK')[mode]}psk0_25519_AESGCM_SHA256"
