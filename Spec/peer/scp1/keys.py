"""Key schedule, protection and Noise (chapters 1, 2, 4, 14). Noise itself is PyPI's noiseprotocol, ML-KEM kyber-py."""

import hashlib
import hmac
import os
import warnings
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kyber_py.ml_kem import ML_KEM_768
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
        # noiseprotocol does not know the modifier hfs; it only has to hash the name that has it.
        classic = name.replace("hfs+", "").replace("hfs", "").replace("+MLKEM768", "")
        self.connection = c = NoiseConnection.from_name(classic.encode())
        self.protocol, self.initiator = c.noise_protocol, initiator
        self.protocol.name = name.encode()
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


def encapsulation_key(data):
    """[SCP-HS-2]: whether every coefficient is below 3,329"""
    triples = (data[i:i + 3] for i in range(0, 1152, 3))
    return len(data) == 1184 and all(x < 3329 for a, b, c in triples for x in (a | (b & 15) << 8, b >> 4 | c << 4))


class HybridNoise(Noise):
    """The suites 0x02 and 0x82, [SCP-HS-2] and [SCP-ROT-22]: the tokens one by one, on noiseprotocol's SymmetricState."""

    PATTERNS = {
        "XXhfs": (("e", "e1"), ("e", "ee", "ekem1", "s", "es"), ("s", "se")),
        "XXhfs+psk3": (("e", "e1"), ("e", "ee", "ekem1", "s", "es"), ("s", "se", "psk")),
        "NNhfs+psk0": (("psk", "e", "e1"), ("e", "ee", "ekem1")),
        "KKhfs+psk0": (("psk", "e", "e1", "es", "ss"), ("e", "ee", "ekem1", "se")),
    }

    def __init__(self, name, *args, kem=None, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.messages, self.kem = list(self.PATTERNS[name.split("_")[1]]), kem

    def _encrypt(self, data):
        return self.symmetric.encrypt_and_hash(bytes(data))

    def _mix_ephemeral(self, key):
        self.symmetric.mix_hash(key)
        if self.protocol.is_psk_handshake:
            self.symmetric.mix_key(key)

    def _mix(self, token):
        if token == "psk":
            return self.symmetric.mix_key_and_hash(self.protocol.psks.pop(0))
        own, other = token if self.initiator else token[::-1]
        private, public = getattr(self.state, own).private, getattr(self.state, "r" + other).public
        self.symmetric.mix_key(self.protocol.dh_fn.dh(private, public))

    def _end(self):
        if not self.messages:
            self.symmetric.split()

    def write(self, payload=b""):
        out = bytearray()
        for token in self.messages.pop(0):
            if token == "e":
                out += self.state.e.public_bytes
                self._mix_ephemeral(self.state.e.public_bytes)
            elif token == "s":
                out += self._encrypt(self.state.s.public_bytes)
            elif token == "e1":
                key, self.decapsulation_key = ML_KEM_768.key_derive(self.kem or os.urandom(64))
                out += self._encrypt(key)
            elif token == "ekem1":
                secret, ciphertext = ML_KEM_768._encaps_internal(self.remote_key, self.kem or os.urandom(32))
                out += self._encrypt(ciphertext)
                self.symmetric.mix_key(secret)
            else:
                self._mix(token)
        out += self._encrypt(payload)
        self._end()
        return bytes(out)

    def read(self, message, code=Code.AUTHENTICATION_FAILED):
        try:
            payload = self._read(message)
        except (InvalidTag, ValueError, NoiseValueError) as error:
            raise Failure(code, f"Noise: {error!r}") from None
        if is_low_order(self.remote_ephemeral):
            raise Failure(code, "low-order key")
        return payload

    def _read(self, message):
        def take(size, tagged=True):
            nonlocal message
            size += 16 if tagged and self.protocol.cipher_state_handshake.has_key() else 0
            if len(message) < size:
                raise ValueError("truncated")
            part, message = bytes(message[:size]), message[size:]
            return self.symmetric.decrypt_and_hash(part) if tagged else part

        new = self.protocol.keypair_class.from_public_bytes
        for token in self.messages.pop(0):
            if token == "e":
                self.state.re = new(take(32, tagged=False))
                self._mix_ephemeral(self.state.re.public_bytes)
            elif token == "s":
                self.state.rs = new(take(32))
            elif token == "e1":
                self.remote_key = take(1184)
                if not encapsulation_key(self.remote_key):
                    raise ValueError("encapsulation key")
            elif token == "ekem1":
                self.symmetric.mix_key(ML_KEM_768.decaps(self.decapsulation_key, take(1088)))
            else:
                self._mix(token)
        payload = self.symmetric.decrypt_and_hash(bytes(message))
        self._end()
        return bytes(payload)


def is_hybrid(suite):
    return suite & 0x7F == 2


def make_noise(suite, name, *args, kem=None, **kwargs):
    return HybridNoise(name, *args, kem=kem, **kwargs) if is_hybrid(suite) else Noise(name, *args, **kwargs)


def message1_size(suite):
    """[SCP-ITEM-3]"""
    return (1216 if is_hybrid(suite) else 32) + (16 * (1 + is_hybrid(suite)) if suite & 0x80 else 0)


def rotation_sizes(suite):
    """[SCP-ROT-4], [SCP-ROT-22]: T in INIT and in RESPONSE"""
    return (1248, 1152) if is_hybrid(suite) else (48, 48)


def handshake_name(suite):
    modifiers = "+".join(["hfs"] * is_hybrid(suite) + ["psk3"] * (suite >= 0x80))
    return f"Noise_XX{modifiers}_25519{'+MLKEM768' if is_hybrid(suite) else ''}_AESGCM_SHA256"


def handshake_prologue(attempt, suite, parameters):
    """[SCP-ITEM-2]"""
    return b"SCP/1" + bytes([1]) + attempt + bytes([suite]) + len(parameters).to_bytes(2, "big") + parameters


def rotation_prologue(suite, mode, target, asker, nonce, h):
    """Chapter 14. asker: 0 for the initiator of the connection"""
    return b"SCP/1 rotate" + bytes([1, suite, mode]) + target.to_bytes(2, "big") + bytes([asker]) + nonce + h


def rotation_name(mode, suite=1):
    hfs, kem = ("hfs+", "+MLKEM768") if is_hybrid(suite) else ("", "")
    return f"Noise_{('NN', 'KK')[mode]}{hfs}psk0_25519{kem}_AESGCM_SHA256"
