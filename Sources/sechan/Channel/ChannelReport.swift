import NIOCore
import SCP
import SCPNIO

/// What there is to say about a channel that is open, or has ended.
struct ChannelReport {
    let channel: SecureChannel
    let fingerprint: String
    /// The comment beside the peer's key, or the names in its certificate.
    let name: String?

    init(_ channel: SecureChannel, _ provider: Provider, name: String? = nil) throws(Failure) {
        self.channel = channel
        let names = channel.peerNames.joined(separator: ", ")
        self.name = name ?? (names.isEmpty ? nil : names)
        fingerprint = try channel.peer.publicKey.fingerprint(provider)
    }

    /// `SHA256:... (alice)`.
    var who: String { name.map { "\(fingerprint) (\($0))" } ?? fingerprint }

    /// Who it is, for records.
    var identity: [(String, JSONValue)] {
        [
            ("fingerprint", .string(fingerprint)),
            ("publicKey", .string(PublicKeyText.pasteable(channel.peer.publicKey.canonical))),
            ("name", .optional(name)), ("remote", .optional(channel.endpoint?.description)),
            ("suite", .optional(channel.suite?.protocolName)),
        ]
    }

    /// What passed, for records.
    var traffic: [(String, JSONValue)] {
        let counts = channel.statistics
        return [
            ("handshakeMicroseconds", counts.handshakeTime.map { .integer(Int($0.inSeconds * 1e6)) } ?? .null),
            ("framesSent", .integer(Int(clamping: counts.framesSent))),
            ("framesReceived", .integer(Int(clamping: counts.framesReceived))),
            ("bytesSent", .integer(Int(clamping: counts.bytesSent))),
            ("bytesReceived", .integer(Int(clamping: counts.bytesReceived))),
            ("messagesSent", .integer(Int(clamping: counts.messagesSent))),
            ("messagesReceived", .integer(Int(clamping: counts.messagesReceived))),
            ("epoch", .integer(Int(counts.epoch))), ("rotations", .integer(Int(clamping: counts.rotations))),
            ("drops", .object(Self.nonzero(counts.drops).map { ("\($0)", .integer(Int(clamping: $1))) })),
        ]
    }

    /// What passed, for people who asked with `-v`.
    var details: String {
        let counts = channel.statistics
        let suite = channel.suite.map { "\($0.protocolName), " } ?? ""
        let handshake = counts.handshakeTime.map { "handshake \(Progress.decimal($0.inSeconds * 1e3)) ms, " } ?? ""
        return """
            \(suite)\(handshake)sent \(counts.messagesSent) messages in \(counts.framesSent) frames, \
            \(counts.bytesSent) \
            bytes; received \(counts.messagesReceived) in \(counts.framesReceived), \(counts.bytesReceived) bytes; \
            epoch \(counts.epoch), keys replaced \(counts.rotations) times\(Self.dropped(counts.drops))
            """
    }

    /// `; dropped 3 (repeatedMessage 2, unexpected 1)`; nothing when nothing was.
    static func dropped(_ drops: DropCounts) -> String {
        guard drops.total > 0 else { return "" }
        let reasons = nonzero(drops).map { "\($0) \($1)" }
        return "; dropped \(drops.total) (\(reasons.joined(separator: ", ")))"
    }

    private static func nonzero(_ drops: DropCounts) -> [(DropReason, UInt64)] {
        DropReason.allCases.map { ($0, drops[$0]) }.filter { $0.1 > 0 }
    }
}

extension Message {
    /// The message as a record; its bytes as text when they are text, otherwise in Base64.
    func record(_ more: [(String, JSONValue)]) -> JSONRecord {
        let content = Array(bytes.readableBytesView)
        let text = String(validating: content, as: UTF8.self)
        return JSONRecord(
            "message",
            more + [
                ("channel", .integer(channel.number)), ("id", .integer(Int(clamping: id.rawValue))),
                ("size", .integer(content.count)),
                text.map { ("text", .string($0)) } ?? ("base64", .string(Base64.encode(content.span))),
            ])
    }
}

extension SecureChannel {
    /// Waits until the last frame has gone or cannot go, also in a task that was cancelled.
    func waitForEnd() async {
        await Task.detached { _ = try? await self.waitUntilClosed() }.value
    }
}
