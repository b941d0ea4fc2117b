/// Bytes that are not what the specification says they must be: what is wrong with them, and where.
public struct WireError: Error, Equatable, Sendable {
    /// What is wrong. The raw value is a short English phrase for people.
    public enum Kind: String, Equatable, Sendable, CaseIterable {
        case truncated = "ends early"
        case trailingBytes = "bytes left over"

        // Frame header.
        case unsupportedVersion = "unsupported version"
        case unknownType = "unknown frame type"
        case frameTooLarge = "payload length above the limit"
        case frameTooShort = "payload length below the 16 bytes of a tag"

        // Handshake payload.
        case invalidKind = "kind not allowed in this frame type"
        case invalidHello = "hello not allowed in this frame type"
        case invalidTotal = "message size out of bounds"
        case invalidPiece = "piece index, count or counter not as the message size gives it"
        case notOnStreams = "retry or progress on a stream"

        // Handshake messages and items.
        case unsupportedSuite = "unsupported suite"
        case wrongNoiseSize = "Noise message of the wrong size"
        case unknownOddItem = "unknown item with an odd id"
        case duplicateItem = "item given twice"
        case missingItem = "required item missing"
        case misplacedItem = "item not allowed in this message"
        case itemSize = "item value too short or too long"
        case itemOutOfBounds = "item value out of bounds"

        // Records of DATA.
        case emptyData = "DATA without a record"
        case unknownRecord = "unknown record type"
        case oddExtension = "unknown extension record with an odd type"
        case modeMismatch = "record does not fit the channel's delivery mode"
        case channelOutOfRange = "channel number too large"
        case emptyPiece = "piece without bytes that is not the last"
        case offsetOverflow = "offset and length above 2^62-1"

        // ACK.
        case reservedFlags = "reserved flag set"
        case tooManyRanges = "more than 63 further ranges"
        case rangeUnderflow = "range below zero"
        case streamRanges = "delay or ranges in an ACK on a stream"

        // Rotation.
        case invalidRotationMode = "unknown rotation mode"

        // CLOSE.
        case reasonTooLong = "reason longer than 256 bytes"
        case invalidText = "reason is not UTF-8"
        case invalidCloseKey = "unknown key octet in CLOSE"
        case unexpectedList = "list with a code that has none"
    }

    public let kind: Kind

    /// Offset in the parsed span of the first byte of the field that is wrong; where the bytes end when one is missing.
    public let position: Int

    public init(_ kind: Kind, at position: Int) {
        self.kind = kind
        self.position = position
    }

    /// The code this ends a stream with; on datagrams what is unauthenticated is dropped instead.
    public var code: ErrorCode {
        switch kind {
        case .unsupportedVersion: .unsupportedVersion
        case .frameTooLarge: .frameTooLarge
        case .unsupportedSuite: .unsupportedSuite
        case .notOnStreams, .oddExtension: .unexpectedMessage
        case .channelOutOfRange: .limitExceeded
        default: .malformedFrame
        }
    }
}

extension WireError: CustomStringConvertible {
    public var description: String { "\(code): \(kind.rawValue), at byte \(position)" }
}
