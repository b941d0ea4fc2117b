#!/usr/bin/env python3
"""A key agent for `sechan --agent` whose private key is in a PKCS#11 token and never leaves it.

    pkcs11-agent.py MODULE TOKEN-LABEL PIN SOCKET

Uses the first private key of the token that can derive, or makes one on the curve X25519. The protocol of the socket is
that of Sources/sechan/Support/AgentWire.swift. Needs python3-pykcs11. Seen with SoftHSM 2.6.1, which has no
CKM_EC_MONTGOMERY_KEY_PAIR_GEN (0x1056) but makes X25519 keys with CKM_EC_EDWARDS_KEY_PAIR_GEN (0x1055) when
CKA_EC_PARAMS is the OID 1.3.101.110, and derives with CKM_ECDH1_DERIVE.
"""

import os
import socket
import sys

from PyKCS11 import (
    CKA_CLASS, CKA_DERIVE, CKA_EC_PARAMS, CKA_EC_POINT, CKA_EXTRACTABLE, CKA_KEY_TYPE, CKA_LABEL, CKA_SENSITIVE,
    CKA_TOKEN, CKA_VALUE, CKA_VALUE_LEN, CKF_RW_SESSION, CKF_SERIAL_SESSION, CKK_GENERIC_SECRET, CKO_PRIVATE_KEY,
    CKO_PUBLIC_KEY, CKO_SECRET_KEY, ECDH1_DERIVE_Mechanism, Mechanism, PyKCS11Error, PyKCS11Lib)

EDWARDS_KEY, EDWARDS_PAIR = 0x40, 0x1055
X25519 = bytes.fromhex("06032b656e")  # OID 1.3.101.110
DONE, REFUSED, FAILED = b"\0", b"\1", b"\2"
LABEL = "scp1-x25519"


def key_pair(session):
    found = session.findObjects([(CKA_CLASS, CKO_PUBLIC_KEY), (CKA_LABEL, LABEL)])
    if found:
        return found[0], session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_LABEL, LABEL)])[0]
    both = [(CKA_KEY_TYPE, EDWARDS_KEY), (CKA_TOKEN, True), (CKA_LABEL, LABEL)]
    return session.generateKeyPair(
        [(CKA_CLASS, CKO_PUBLIC_KEY), (CKA_EC_PARAMS, X25519)] + both,
        [(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_DERIVE, True), (CKA_SENSITIVE, True), (CKA_EXTRACTABLE, False)] + both,
        mecha=Mechanism(EDWARDS_PAIR, None))


def derive(session, private, peer):
    template = [
        (CKA_CLASS, CKO_SECRET_KEY), (CKA_KEY_TYPE, CKK_GENERIC_SECRET), (CKA_VALUE_LEN, 32),
        (CKA_SENSITIVE, False), (CKA_EXTRACTABLE, True), (CKA_TOKEN, False)]
    secret = session.deriveKey(private, template, ECDH1_DERIVE_Mechanism(peer))
    try:
        return bytes(session.getAttributeValue(secret, [CKA_VALUE])[0])
    finally:
        session.destroyObject(secret)


def read(stream, count):
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        if not part:
            return None
        data += part
    return data


def serve(stream, session, public, private):
    while head := read(stream, 2):
        if head == b"\1\0":
            stream.sendall(DONE + public)
        elif head == b"\1\1" and (keys := read(stream, 64)):
            if keys[:32] != public:
                stream.sendall(REFUSED)
                continue
            try:
                stream.sendall(DONE + derive(session, private, keys[32:]))
            except PyKCS11Error as error:
                print("the token says", error, file=sys.stderr)
                stream.sendall(FAILED)
        else:
            return


def main():
    module, label, pin, path = sys.argv[1:]
    library = PyKCS11Lib()
    library.load(module)
    slots = library.getSlotList(tokenPresent=True)
    slot = next(s for s in slots if str(library.getTokenInfo(s).label).strip(" \0") == label)
    session = library.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
    session.login(pin)
    public_object, private = key_pair(session)
    # An octet string around the point.
    public = bytes(session.getAttributeValue(public_object, [CKA_EC_POINT])[0])[-32:]
    listener = socket.socket(socket.AF_UNIX)
    os.umask(0o177)
    listener.bind(path)
    listener.listen()
    print("holding", public.hex(), flush=True)
    while True:
        stream, _ = listener.accept()
        with stream:
            stream.settimeout(60)
            try:
                serve(stream, session, public, private)
            except OSError as error:
                print(error, file=sys.stderr)


if __name__ == "__main__":
    main()
