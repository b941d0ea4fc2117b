"""check-vectors: every value of Spec/Vectors is computed again from its inputs and compared."""

import hashlib
import json
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from kyber_py.ml_kem import ML_KEM_768

from . import wire
from .connection import Config, Connection
from .keys import (DirectionKeys, EpochKeys, agree, expand_label, export, extract, hello_ikm, hello_keys, is_hybrid,
                   mac, make_noise, point, public_key, rotation_name, rotation_prologue, rotation_sizes)
from .wire import TYPES, Failure


class Mismatch(Exception):
    pass


def same(name, found, given):
    found = found.hex() if isinstance(found, bytes) else found
    if found != given:
        raise Mismatch(f"{name}: computed {found}, given {given}")


def fields(name, obj, required, optional=""):
    """The members of an object. One that is missing or not known is a mismatch."""
    required, optional = required.split(), optional.split()
    missing, unknown = set(required) - set(obj), set(obj) - set(required) - set(optional)
    if missing or unknown:
        raise Mismatch(f"{name}: missing {sorted(missing)}, unknown {sorted(unknown)}")
    return [obj.get(key) for key in required + optional]


def hexbytes(text, size=None):
    data = bytes.fromhex(text)
    if text != data.hex() or size not in (None, len(data)):
        raise Mismatch(f"not {size or ''} bytes in lower-case hexadecimal digits: {text}")
    return data


# Contents of frames

def to_json(value):
    """What the parsers of wire.py give, in the form of the README"""
    if isinstance(value, dict):
        keep = value if value.get("record") == "extension" else {k: v for k, v in value.items() if k != "type"}
        return {k: to_json(v) for k, v in keep.items()}
    if isinstance(value, list):
        return [to_json(v) for v in value]
    if isinstance(value, tuple):
        return {"number": value[0], "mode": value[1]}
    return value.hex() if isinstance(value, bytes) else value


def decode(kind, plaintext):
    if kind == wire.DATA:
        return {"records": list(wire.records_of(plaintext))}
    parse = {wire.ACK: wire.parse_ack, wire.CLOSE: wire.parse_close}
    return parse.get(kind, wire.parse_rotation)(plaintext)


def encode(kind, c):
    if kind == wire.DATA:
        return b"".join(wire.encode_record(r) for r in c["records"])
    if kind == wire.ACK:
        return wire.encode_ack(c["largest"], c["credit"])
    if kind == wire.CLOSE:
        return wire.encode_close(c["code"], c["reason"])
    return wire.encode_rotation(c["target"], c["nonce"], c["mode"], c["bytes"])


def traffic_keys(name, obj):
    key, mac_key, iv = fields(name, obj, "key mac iv")
    return DirectionKeys(hexbytes(key, 32), hexbytes(mac_key, 32), hexbytes(iv, 12))


def check_frame(case, named=False):
    """A frame of epoch 1 or later; its parts are returned."""
    direction, kind, epoch, counter, keys, plaintext, contents, nonce, frame, canonical, *_ = fields(
        "frame", case, "direction type epoch counter keys plaintext contents nonce frame",
        "canonical" + (" name note" if named else ""))
    if direction not in ("i2r", "r2i"):
        raise Mismatch("direction")
    keys, plain, kind = traffic_keys("keys", keys), hexbytes(plaintext), TYPES[kind]
    same("nonce", keys.nonce(epoch, counter), nonce)
    same("frame", keys.protect(kind, epoch, counter, plain), frame)
    same("opened", keys.open(epoch, counter, hexbytes(frame)), plaintext)
    decoded = decode(kind, plain)
    same("contents", to_json(decoded), contents)
    if canonical is not False:
        same("encoded", encode(kind, decoded), plaintext)
    return direction, kind, epoch, counter, keys, decoded


def same_epoch_keys(epoch, given):
    i2r, r2i = fields("keys", given, "i2r r2i")
    for name, ours, theirs in (("i2r", epoch.i2r, i2r), ("r2i", epoch.r2i, r2i)):
        for part, value in zip(("key", "mac", "iv"), fields(name, theirs, "key mac iv")):
            same(f"{name} {part}", getattr(ours, part), value)


# Sessions

def read_list(items):
    pairs = [fields("item", item, "id value") for item in items]
    return [(i, hexbytes(value)) for i, value in pairs]


class Session:
    """The inputs of a connection, and the connections that they make."""

    def __init__(self, obj, options=None):
        (self.suite, attempt, self.hello, access, psk, initiator, responder, m3_items, protocols) = fields(
            "session", obj, "suite attempt hello accessKey psk initiator responder m3Items", "protocols")
        self.options = options or {}
        fields("options", self.options, "",
               "ask silent requiresHello receiverAccessKey receiverPSK pinned allowsItself rotation")
        self.attempt, self.access, self.psk = hexbytes(attempt, 8), hexbytes(access), hexbytes(psk)
        if bool(self.psk) != bool(self.suite & 0x80) or bool(self.access) < bool(self.hello & 2):
            raise Mismatch("suite and psk, or hello and access key, do not fit")
        self.m3_items = read_list(m3_items)
        names = fields("protocols", protocols or {"initiator": [], "responder": []}, "initiator responder")
        self.parties, self.kem = {}, {}
        for role, party, name in (("initiator", initiator, names[0]), ("responder", responder, names[1])):
            kem = " kem" if is_hybrid(self.suite) else ""
            static, public, ephemeral, ephemeral_public, items, *random = fields(
                role, party, "static staticPublic ephemeral ephemeralPublic list" + kem)
            self.kem[role] = hexbytes(random[0], 64 if role == "initiator" else 32) if random else None
            same(f"{role} public key", public_key(hexbytes(static, 32)), public)
            same(f"{role} ephemeral key", public_key(hexbytes(ephemeral, 32)), ephemeral_public)
            self.parties[role] = hexbytes(static), hexbytes(ephemeral), read_list(items), name
        self.responder_public = public_key(self.parties["responder"][0])

    def connection(self, role, receiver=False):
        static, ephemeral, items, protocols = self.parties[role]
        o, initiator = self.options if receiver else {}, role == "initiator"
        pinned = hexbytes(o["pinned"], 32) if "pinned" in o else None
        shown = self.m3_items if not initiator else self.parties["responder"][2]
        takes = not receiver and any(i == wire.CREDENTIAL for i, _ in shown)
        rotation = None
        if "rotation" in o:
            nonce, secret = fields("rotation", o["rotation"], "nonce ephemeral")
            rotation = hexbytes(nonce, 8), hexbytes(secret, 32)
        return Connection(Config(
            initiator, static, decide=lambda key: pinned is None or point(key) == point(pinned),
            asks=o.get("ask", False), responder_key=self.responder_public if initiator and self.hello & 1 else None,
            access_key=hexbytes(o["receiverAccessKey"]) if "receiverAccessKey" in o
            else self.access if not initiator or self.hello & 2 else None,
            credentials="required" if takes else "refused",
            requires_hello=o.get("requiresHello", 0), protocols=protocols, items=items,
            m3_items=self.m3_items if initiator else None, silent=o.get("silent", False),
            psk=(hexbytes(o["receiverPSK"], 32) if "receiverPSK" in o else self.psk) or None,
            allows_itself=o.get("allowsItself", False), attempt=self.attempt, ephemeral=ephemeral, rotation=rotation,
            kem=self.kem[role], is_hybrid=is_hybrid(self.suite)))


def check_message(name, given, frame, sender, start, payload):
    """One message of a handshake; `sender` has just written it."""
    message, noise, plain, h, ck, bytes_ = fields(name, given, "message noise payload h ck frame")
    same(f"{name} frame", frame, bytes_)
    size = int.from_bytes(frame[25:27], "big")
    body = frame[start:start + size]
    same(f"{name} message", body, message)
    same(f"{name} Noise message", body[-len(hexbytes(noise)):], noise)
    same(f"{name} payload", payload, plain)
    same(f"{name} h", sender.noise.h, h)
    same(f"{name} ck", sender.noise.ck, ck)
    return message, noise


def take(connection):
    data = bytes(connection.output)
    connection.output.clear()
    return data


def check_credential(given, role, receiver, s, h, noise):
    """What a side showed; `h` is Noise's after the message before, `noise` the message that has it in its payload."""
    name, scheme, chain, hc, signed, private, public, signature = fields(
        "credential", given, "role scheme chain hc signed private public signature")
    same("role", role, name)
    sizes = [48] if role == "initiator" else [32, 1104, 48] if is_hybrid(s.suite) else [32, 48]
    for size in sizes:
        h, noise = hashlib.sha256(h + noise[:size]).digest(), noise[size:]
    same("h_c", h, hc)
    found = receiver.shown
    same("scheme", [found[0], 0x0807], [scheme, scheme])
    same("chain", [c.hex() for c in found[2]], chain)
    same("signature", found[1], signature)
    value = wire.encode_credential(scheme, hexbytes(signature), [hexbytes(c) for c in chain])
    items = s.m3_items if role == "initiator" else s.parties["responder"][2]
    same("item", value, dict(items)[wire.CREDENTIAL].hex())
    same("multiple of 256", len(wire.encode_list(items)) % 256, 0)
    message = wire.signed_by_credential(role, h, public_key(s.parties[role][0]), found[2])
    same("signed", message, signed)
    key = Ed25519PrivateKey.from_private_bytes(hexbytes(private, 32))
    same("public", key.public_key().public_bytes_raw(), public)
    same("made", key.sign(message), signature)
    try:
        Ed25519PublicKey.from_public_bytes(hexbytes(public, 32)).verify(found[1], message)
    except InvalidSignature:
        raise Mismatch("signature") from None


def check_handshake(case):
    (_, session, prologue, hello, agreements, m1, m2, m3, finished_extracted, finished, split, master, keys, chain, exporter, binding, _, exports,
     confirmation, confirmation_ack, credentials) = fields(
        "case", case, "name session prologue helloKeys agreements m1 m2 m3 finishedExtracted finished split master keys chain exporter binding",
        "note exports confirmation confirmationAck credentials")
    s = Session(session)
    same("access key", bool(s.access), bool(s.hello & 2))
    initiator, responder = s.connection("initiator"), s.connection("responder")
    parameters = wire.encode_list(s.parties["initiator"][2])
    message, noise = check_message("m1", m1, take(initiator), initiator, 61, b"")
    same("m1 form", bytes([s.suite]) + len(parameters).to_bytes(2, "big") + parameters + hexbytes(noise), message)
    same("prologue", b"SCP/1\x01" + s.attempt + hexbytes(message)[:3 + len(parameters)], prologue)
    ikm, extracted, i2r, r2i = fields("helloKeys", hello, "ikm extracted i2r r2i")
    same("hello ikm", hello_ikm(s.hello, s.responder_public, s.access), ikm)
    same("hello extracted", extract(hexbytes(ikm)), extracted)
    (static_i, ephemeral_i, *_), (static_r, ephemeral_r, *_) = s.parties["initiator"], s.parties["responder"]
    pairs = (ephemeral_i, ephemeral_r), (ephemeral_i, static_r), (static_i, ephemeral_r)
    ee, es, se, *encapsulated = fields("agreements", agreements, "ee es se" + " ekem1" * is_hybrid(s.suite))
    for name, pair, given in zip(("ee", "es", "se"), pairs, (ee, es, se)):
        same(name, agree(pair[0], public_key(pair[1])), given)
    for given in encapsulated:
        key, _ = ML_KEM_768.key_derive(s.kem["initiator"])
        same("ekem1", ML_KEM_768._encaps_internal(key, s.kem["responder"])[0], given)
    for name, found, given in zip(("i2r", "r2i"), hello_keys(s.hello, s.responder_public, s.access, s.attempt),
                                  (i2r, r2i)):
        same(f"hello {name}", found, given)
    responder.receive(hexbytes(m1["frame"]))
    check_message("m2", m2, take(responder), responder, 29, wire.encode_list(s.parties["responder"][2]))
    initiator.receive(hexbytes(m2["frame"]))
    same("finished extracted", extract(hexbytes(m2["ck"])), finished_extracted)
    same("finished", initiator.finished, finished)
    items = s.m3_items
    check_message("m3", m3, take(initiator), initiator, 29, wire.encode_list(items))
    responder.receive(hexbytes(m3["frame"]))
    same("failures", (initiator.failure, responder.failure), (None, None))
    same("credentials", [c is not None for c in (initiator.shown, responder.shown)], [bool(credentials)] * 2)
    if credentials:
        of_responder, of_initiator = credentials
        check_credential(of_responder, "responder", initiator, s, hexbytes(m1["h"]), hexbytes(m2["noise"]))
        check_credential(of_initiator, "initiator", responder, s, hexbytes(m2["h"]), hexbytes(m3["noise"]))
    for name, found, given in zip(("k1", "k2"), initiator.noise.split(), fields("split", split, "k1 k2")):
        same(name, found, given)
    for side in (initiator, responder):
        epoch = side.epochs[1]
        same("master", epoch.master, master)
        same_epoch_keys(epoch, keys)
        same("chain", epoch.chain, chain)
        same("exporter", epoch.label("exporter"), exporter)
        same("binding", epoch.label("binding"), binding)
    for e in exports or []:
        label, context, length, secret, digest, output = fields(
            "export", e, "label context length secret contextHash output")
        same("export secret", expand_label(hexbytes(exporter), label, hashlib.sha256(b"").digest(), 32), secret)
        same("export context", hashlib.sha256(hexbytes(context)).digest(), digest)
        same("export", export(hexbytes(exporter), label, hexbytes(context), length), output)
    for name, frame, side, other in (("r2i", confirmation, initiator, responder),
                                     ("i2r", confirmation_ack, responder, initiator)):
        if frame:
            direction, kind, number, counter, its_keys, contents = check_frame(frame)
            same("confirmation", [direction, number, counter, its_keys], [name, 1, 0, getattr(epoch, name)])
            if side is initiator and (kind != wire.DATA or contents["records"][0]["record"] != "credit"):
                raise Mismatch("the confirmation has no credit")
            side.receive(hexbytes(frame["frame"]))
            same("confirmed", side.failure, None)
    if confirmation:
        same("established", [initiator.established, responder.established], [True, True])


def check_rotation(case):
    (_, suite, mode, n, asker, nonce, h, master, chain, initiator, responder, asker_ephemeral, answerer_ephemeral,
     prologue, message1, message2, init, response, split, after, *kems) = fields(
        "case", case, "name suite mode epoch asker nonce h master chain initiator responder askerEphemeral "
        "answererEphemeral prologue message1 message2 init response split next"
        + " askerKEM answererKEM" * is_hybrid(case.get("suite", 0)), "note")
    kems = [hexbytes(kem, size) for kem, size in zip(kems, (64, 32))] if is_hybrid(suite) else [None, None]
    statics = []
    for role, party in (("initiator", initiator), ("responder", responder)):
        private, public = fields(role, party, "static staticPublic")
        same(f"{role} public key", public_key(hexbytes(private, 32)), public)
        statics.append((hexbytes(private), hexbytes(public)))
    who = ["initiator", "responder"].index(asker)
    same("prologue", rotation_prologue(suite, mode, n + 1, who, hexbytes(nonce, 8), hexbytes(h, 32)), prologue)
    old = EpochKeys(b"", b"", hexbytes(h, 32))   # master is an input here
    old.master = hexbytes(master, 32)
    same("chain", old.label("chain"), chain)
    sides = []
    for asking, ephemeral, kem in ((True, asker_ephemeral, kems[0]), (False, answerer_ephemeral, kems[1])):
        own, other = (statics[who], statics[1 - who]) if asking else (statics[1 - who], statics[who])
        sides.append(make_noise(suite, rotation_name(mode, suite), asking, hexbytes(prologue),
                                static=own[0] if mode else None, remote=other[1] if mode else None,
                                ephemeral=hexbytes(ephemeral, 32), psk=hexbytes(chain, 32), kem=kem))
    bodies = []
    for name, given, writer, reader, size in (("message1", message1, *sides, rotation_sizes(suite)[0]),
                                              ("message2", message2, *sides[::-1], rotation_sizes(suite)[1])):
        noise, hash_, ck = fields(name, given, "noise h ck")
        bodies.append(writer.write())
        same(name, bodies[-1], noise)
        reader.read(hexbytes(noise, size))
        for side in sides:
            same(f"{name} h", side.h, hash_)
            same(f"{name} ck", side.ck, ck)
    directions = ["i2r", "r2i"][who], ["i2r", "r2i"][1 - who]
    for frame, kind, direction, body in zip((init, response), (wire.INIT, wire.RESPONSE), directions, bodies):
        contents = {"target": n + 1, "nonce": hexbytes(nonce), "mode": mode, "piece": 0, "total": len(body),
                    "bytes": body}
        found = check_frame(frame)
        keys = DirectionKeys(*(old.label(f"{direction} {part}", size)
                               for part, size in (("key", 32), ("mac", 32), ("iv", 12))))
        same("rotation frame", [*found[:3], *found[4:]], [direction, kind, n, keys, contents])
    for name, found, given in zip(("k1", "k2"), sides[0].split(), fields("split", split, "k1 k2")):
        same(name, found, given)
    same("next epoch", n + 1, after.get("epoch"))
    new = EpochKeys(*sides[1].split(), sides[1].h)
    _, h, master, keys, chain = fields("next", after, "epoch h master keys chain")
    same("next h", new.h, h)
    same("next master", new.master, master)
    same_epoch_keys(new, keys)
    same("next chain", new.chain, chain)


def check_close(case):
    if case.get("epoch") != 0:
        _, _, frames, _ = fields("case", case, "name epoch frames", "note")
        found = [check_frame(frame) for frame in frames]
        same("epoch", {f[2] for f in found}, {case["epoch"]})
        same("a CLOSE", any(f[1] == wire.CLOSE for f in found), True)
        return
    _, _, session, sender, attempt, key, hmac_key, code, listed, payload, frame, _ = fields(
        "case", case, "name epoch session sender attempt key hmacKey code list payload frame", "note")
    body = wire.close0_payload(hexbytes(attempt, 8), key, code, hexbytes(listed))
    same("payload", body, payload)
    same("parsed", list(wire.parse_close0(body)), [hexbytes(attempt), key, code, hexbytes(listed)])
    head = wire.header(wire.CLOSE, 0, 0, len(body))
    same("frame", head + body + mac(hexbytes(hmac_key, 32), head, body), frame)
    s, who = Session(session), ("initiator", "responder").index(sender)
    if key == 0x80:
        initiator, responder = s.connection("initiator"), s.connection("responder")
        responder.receive(take(initiator))
        initiator.receive(take(responder))
        found, known = initiator.finished, s.attempt
    else:
        found = hello_keys(key, s.responder_public, s.access, hexbytes(attempt))[who]
        known = s.attempt if key == s.hello else bytes(8)
    same("HMAC key", found, hmac_key)
    same("attempt", known, attempt)
    if not wire.may_be_sent(code, 0) or (sender == "responder" and key == 0x80):
        raise Mismatch("not allowed in epoch 0")


def check_negative(case):
    _, session, receiver, state, before, data, error, code, close, requirement, _, options = fields(
        "case", case, "name session receiver state before input error code close requirement", "note options")
    same("error", wire.code_name(code), error)
    s = Session(session, options)
    data = hexbytes(data)
    for size in (len(data) or 1, 1):   # at once, and byte by byte: [SCP-FRAME-15]
        c = s.connection(receiver, receiver=True)
        for step in before:
            run_step(c, step)
            same("failure before", c.failure, None)
        same("state", c.state, state)
        take(c)
        c.close_sent = None
        for at in range(0, len(data), size):
            c.receive(data[at:at + size])
        same("failure", c.failure and int(c.failure.code), code)
        same("CLOSE", c.close_sent and (min(c.close_sent[0], 1), int(c.close_sent[1])),
             None if close is None else (close, code))


def run_step(c, step):
    if "receive" in step:
        c.receive(hexbytes(*fields("step", step, "receive")))
        return
    do = step.get("do")
    if do == "send":
        _, channel, data = fields("step", step, "do channel bytes")
        c.send(hexbytes(data), tuple(fields("channel", channel, "number mode")))
    else:
        fields("step", step, "do")
        {"close": c.close, "finish": c.finish, "rotate": c.rotate, "accept": lambda: c.decide(True),
         "reject": lambda: c.decide(False)}[do]()


CHECKS = {"handshake": check_handshake, "frames": lambda case: check_frame(case, named=True),
          "rotation": check_rotation, "close": check_close, "negative": check_negative}


# Inputs that only choose, or say how to check.
FREE = {"name", "note", "protocols", "canonical"}


def values(node, path=()):
    """The values in a case, each with the way to it."""
    if isinstance(node, (dict, list)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if key not in FREE:
                yield from values(value, (*path, key))
    else:
        yield path, node


def changed(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    # The first digit: the end of an ML-KEM seed counts only when a ciphertext is refused.
    return ("1" if value[0] == "0" else "0") + value[1:] if value else "00"


def unnoticed(check, case):
    """The values that may be wrong without the check's noticing it."""
    for path, value in values(case):
        copy = json.loads(json.dumps(case))
        node = copy
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = changed(value)
        try:
            check(copy)
        except (Mismatch, Failure, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            continue
        yield path


def main(directory):
    passed, failed = 0, 0
    for kind, check in CHECKS.items():
        path = os.path.join(directory, f"{kind}.json")
        if not os.path.exists(path):
            print(f"{path} is missing")
            failed += 1
            continue
        with open(path, encoding="utf-8") as file:
            schema, its_kind, cases, _ = fields(path, json.load(file), "schema kind cases", "note")
        same("schema", [schema, its_kind], [1, kind])
        names = [case["name"] for case in cases]
        for name in {n for n in names if names.count(n) > 1}:
            failed += 1
            print(f"{kind}: two cases are named {name}")
        for case in cases:
            try:
                check(case)
                # In a negative case most values only lead to the state in which something is refused, and a CLOSE
                # depends on little of its session.
                if kind != "negative":
                    loose = [path for path in unnoticed(check, case) if (kind, path[0]) != ("close", "session")]
                    same("values that nothing is compared with", loose, [])
                passed += 1
            except (Mismatch, Failure, ValueError, KeyError, TypeError, AttributeError) as error:
                failed += 1
                print(f"{kind}: {case.get('name')}: {type(error).__name__}: {error}", file=sys.stderr)
    print(f"check-vectors: {passed} passed, {failed} failed")
    return 1 if failed else 0
