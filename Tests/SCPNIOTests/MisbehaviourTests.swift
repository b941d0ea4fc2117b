import Foundation
import NIOCore
import SCP
import SCPGcrypt
import SCPNIO
import Testing

/// The misbehaviours of `Spec/Vectors/negative.json`, said to a real listener over TCP by a peer that has the right
/// keys. With the randomness of the vectors the listener can open what was recorded; one listener meets hundreds of
/// these peers, one after the other, and still serves an honest one.
@Suite("Peers with valid keys that misbehave", .timeLimit(.minutes(10)))
struct MisbehaviourTests {
    struct Party: Decodable, Hashable {
        struct Item: Decodable, Hashable {
            let id: UInt64
            let value: String
        }
        let `static`: String
        let ephemeral: String
        let list: [Item]
    }

    struct Case: Decodable {
        struct Session: Decodable {
            let suite: Int
            let attempt: String
            let accessKey: String
            let responder: Party
        }
        /// A step; one without `receive` is of the receiver's own doing.
        struct Step: Decodable { let receive: String? }
        /// What the receiver is told besides the session.
        struct Options: Decodable {}

        let name: String
        let session: Session
        let receiver: String
        let state: String
        let options: Options?
        let before: [Step]
        let input: String
        let code: UInt64
        /// The epoch of the CLOSE that answers.
        let close: Int?

        /// Whether bytes alone bring a listener there, one that accepts everybody.
        var isForListeners: Bool {
            receiver == "responder" && options == nil && session.suite == 1 && session.accessKey.isEmpty
                && state != "HOLD" && before.allSatisfy { $0.receive != nil }
                && session.responder.list.allSatisfy { [2, 3, 4, 5, 12, 13].contains($0.id) }
        }

        var bytes: [UInt8] { before.flatMap { hexBytes($0.receive ?? "") } + hexBytes(input) }
    }

    private struct File: Decodable { let cases: [Case] }

    private static func cases() throws -> [Case] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let url = tests.deletingLastPathComponent().appending(path: "Spec/Vectors/negative.json")
        return try JSONDecoder().decode(File.self, from: Data(contentsOf: url)).cases.filter(\.isForListeners)
    }

    @Test func everyCaseOfTheVectors() async throws {
        let groups = Dictionary(grouping: try Self.cases()) { $0.session.responder }
        #expect(groups.values.map(\.count).reduce(0, +) >= 250)
        for (party, cases) in groups { try await meet(cases, as: party) }
    }

    private func meet(_ cases: [Case], as party: Party) async throws {
        let recorder = LogRecorder()
        let configuration = try Self.configuration(party)
        var options = ServerOptions()
        options.transport.logger = recorder.logger
        try await SecureServer.withServer(on: loopback, configuration, options: options, handler: idle) { server in
            for peer in cases { try await say(peer, to: server.address, recorder) }
            // An honest client is still served.
            let key = try configuration.identity.publicKey(configuration.provider)
            let ends = try Ends()
            let honest = Configuration(
                provider: ends.provider, identity: ends.client.identity, identityPolicy: .pinned(key))
            let channel = try await SecureChannel.connect(to: server.address, honest, options: .quiet)
            channel.abort()
        }
    }

    private func say(_ peer: Case, to address: Endpoint, _ recorder: LogRecorder) async throws {
        func ends() -> [LogRecorder.Line] {
            recorder.lines.filter { ["handshake failed", "channel closed"].contains($0.message) }
        }
        let before = ends().count
        let client = try await PlainClient(to: address)
        try await client.write(peer.bytes)
        try await client.waitForEnd()
        try await eventually { ends().count > before }
        #expect(ends().last?.metadata["code"] == "\(ErrorCode(rawValue: peer.code))", "\(peer.name)")
        let closes = Self.frames(client.received.value).filter { $0[1] == 5 }
        #expect(closes.count == (peer.close == nil ? 0 : 1), "\(peer.name): number of CLOSE frames")
        if let epoch = peer.close, let frame = closes.first {
            #expect(min(Int(frame[2]) << 8 | Int(frame[3]), 1) == epoch, "\(peer.name): epoch of CLOSE")
        }
    }

    /// Frames one behind the other; a cut one at the end is left out.
    private static func frames(_ bytes: [UInt8]) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var rest = bytes[...]
        while rest.count >= 46 {
            let length = rest.dropFirst(10).prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 46 + length else { break }
            frames.append(Array(rest.prefix(46 + length)))
            rest = rest.dropFirst(46 + length)
        }
        return frames
    }

    private static func configuration(_ party: Party) throws -> Configuration<FixedProvider> {
        let provider = FixedProvider(base: try GcryptProvider(), scalar: hexBytes(party.ephemeral))
        let identity = try provider.privateKey(Secret(copying: hexBytes(party.static).span))
        var configuration = Configuration(provider: provider, identity: identity, identityPolicy: .anyone)
        for item in party.list {
            let value = varint(hexBytes(item.value))
            switch item.id {
            case 2: configuration.limits.messageLimit = value
            case 3: configuration.limits.connectionCredit = value
            case 4: configuration.limits.channelCredit = value
            case 5: configuration.limits.channels = value
            default: break
            }
        }
        return configuration
    }

    private static func varint(_ bytes: [UInt8]) -> Int {
        guard let first = bytes.first else { return 0 }
        return bytes.dropFirst().reduce(Int(first & 0x3f)) { $0 << 8 | Int($1) }
    }
}

private func hexBytes(_ text: String) -> [UInt8] {
    let digits = Array(text)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16) ?? 0 }
}

/// libgcrypt with an ephemeral key that is always the same, as the vectors have it.
private struct FixedProvider: CryptoProvider {
    let base: GcryptProvider
    let scalar: [UInt8]

    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        guard bytes.count == scalar.count else { return try base.fillRandom(&bytes) }
        for index in bytes.indices { bytes[index] = scalar[index] }
    }

    func privateKey(_ scalar: Secret) throws(CryptoError) -> GcryptPrivateKey { try base.privateKey(scalar) }
    func publicKey(of key: GcryptPrivateKey) throws(CryptoError) -> PublicKey { try base.publicKey(of: key) }
    func sharedSecret(_ key: GcryptPrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        try base.sharedSecret(key, with: peer)
    }
    func cipher(_ key: Secret) throws(CryptoError) -> GcryptCipher { try base.cipher(key) }
    func authenticator(_ key: Secret) throws(CryptoError) -> GcryptAuthenticator { try base.authenticator(key) }
    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        try base.hash(first, second)
    }
    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
    }
    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.expand(pseudorandomKey, info: info, into: output)
    }
}
