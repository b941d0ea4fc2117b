import CMemcheck
import SCP
import SCPGcrypt
import SCPSimulation

/// `secretflow`: a whole session, all of whose secrets are marked. `secretflow control`: what must be reported.
@main
struct SecretFlow {
    static func main() throws {
        guard marks_are_watched() != 0 else {
            print("secretflow runs under valgrind: Tests/SecretFlow/run")
            return
        }
        let provider = MarkingProvider(base: try GcryptProvider())
        if CommandLine.arguments.dropFirst().first == "control" {
            try control(provider)
        } else {
            try session(provider, isShared: false)
            try session(provider, isShared: true)
        }
    }

    /// Handshake, messages, rotation in both modes, exports, refused frames, close, and every description.
    static func session(_ provider: MarkingProvider, isShared: Bool) throws {
        let alice = try provider.privateKey(provider.randomSecret(count: 32))
        let bob = try provider.privateKey(provider.randomSecret(count: 32))
        var first = Configuration(
            provider: provider, identity: alice, identityPolicy: .pinned(try provider.publicKey(of: bob)))
        var second = Configuration(
            provider: provider, identity: bob, identityPolicy: .allowed([try provider.publicKey(of: alice)]))
        if isShared {
            let secret = try provider.randomSecret(count: 32)
            first.usePresharedKeys(.common(secret))
            second.usePresharedKeys(.common(secret))
            first.accessKey = secret
            second.accessKey = secret
            first.rotation.mode = .authenticated
        }
        var pipe = try Pipe(initiator: first, responder: second)
        pipe.settle()
        for size in [0, 1, 1_000, 100_000] {
            _ = try pipe.initiator.send([UInt8](repeating: 7, count: size).span, at: pipe.now)
            _ = try pipe.responder.send([UInt8](repeating: 8, count: size).span, at: pipe.now)
            pipe.settle()
        }
        pipe.initiator.rotateKeys(at: pipe.now)
        pipe.settle()
        precondition(pipe.initiator.statistics.epoch == 2, "no rotation")
        let exported = try pipe.initiator.exportKey(label: "test", context: Span(), length: 64)
        describe(exported, first, second, alice)
        // A damaged frame ends it: the way of every refusal.
        _ = try pipe.initiator.send([9, 9].span, at: pipe.now)
        pipe.collect(from: .initiator)
        var bytes = pipe.inFlight(from: .initiator)
        bytes[20] ^= 1
        pipe.replaceInFlight(from: .initiator, with: bytes)
        pipe.settle()
        precondition(pipe.responder.state != .established, "the damage went unseen")
    }

    /// A description that had a byte of a secret in it would branch on it.
    static func describe(_ values: Any...) {
        var length = 0
        for value in values {
            var text = ""
            dump(value, to: &text)
            length += "\(value)".count + String(reflecting: value).count + text.count
        }
        print("descriptions of \(length) characters")
    }

    /// The negative control: `==` of arrays stops at the first difference.
    static func control(_ provider: MarkingProvider) throws {
        let secret = try provider.randomSecret(count: 32)
        let copy = secret.bytes.indices.map { secret.bytes[$0] }
        print(copy == [UInt8](repeating: 7, count: 32) ? "equal" : "different")
    }
}
