/// A number of the error-code registry. The number is the contract; an unknown one is kept as it came.
/// [SCP-ERR-1] [SCP-ERR-4]
public struct ErrorCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let noError = ErrorCode(rawValue: 0x00)
    public static let internalError = ErrorCode(rawValue: 0x01)
    public static let unsupportedVersion = ErrorCode(rawValue: 0x02)
    public static let unsupportedSuite = ErrorCode(rawValue: 0x03)
    public static let malformedFrame = ErrorCode(rawValue: 0x04)
    public static let frameTooLarge = ErrorCode(rawValue: 0x05)
    public static let unexpectedMessage = ErrorCode(rawValue: 0x06)
    public static let authenticationFailed = ErrorCode(rawValue: 0x07)
    public static let sequenceViolation = ErrorCode(rawValue: 0x08)
    public static let handshakeTimeout = ErrorCode(rawValue: 0x09)
    public static let idleTimeout = ErrorCode(rawValue: 0x0a)
    public static let identityRejected = ErrorCode(rawValue: 0x0b)
    public static let credentialInvalid = ErrorCode(rawValue: 0x0c)
    public static let rateLimited = ErrorCode(rawValue: 0x0d)
    public static let flowControlViolation = ErrorCode(rawValue: 0x0e)
    public static let messageTooLarge = ErrorCode(rawValue: 0x0f)
    public static let keyLimitReached = ErrorCode(rawValue: 0x10)
    public static let rotationFailed = ErrorCode(rawValue: 0x11)
    public static let downgradeDetected = ErrorCode(rawValue: 0x12)
    public static let noApplicationProtocol = ErrorCode(rawValue: 0x13)
    public static let shuttingDown = ErrorCode(rawValue: 0x14)
    public static let limitExceeded = ErrorCode(rawValue: 0x15)
    public static let decisionTimeout = ErrorCode(rawValue: 0x16)

    // Local only, never on the wire.
    public static let truncated = ErrorCode(rawValue: 0x80)
    public static let transportFailed = ErrorCode(rawValue: 0x81)
    public static let replaced = ErrorCode(rawValue: 0x82)
    public static let closeUnconfirmed = ErrorCode(rawValue: 0x83)
    public static let handshakeUnconfirmed = ErrorCode(rawValue: 0x84)
    public static let keyUnavailable = ErrorCode(rawValue: 0x85)

    /// The first of the codes that belong to applications.
    public static let firstApplicationCode: UInt64 = 0x1000

    /// Whether the code belongs to an application.
    public var isApplication: Bool { rawValue >= ErrorCode.firstApplicationCode }

    /// Whether the code may stand in a CLOSE of epoch 1 and later.
    /// [SCP-ERR-2]
    public var maySend: Bool { rawValue < 0x80 || isApplication && rawValue <= Varint.maximum }

    /// Whether the code may stand in a CLOSE of epoch 0.
    /// [SCP-ERR-3]
    public var maySendInHandshake: Bool {
        switch rawValue {
        case 0x00...0x07, 0x09, 0x0b...0x0d, 0x12...0x14, 0x16: true
        default: false
        }
    }

    /// Whether trying again later can be expected to help (after 0x02 and 0x03 with a listed version or suite).
    public var isWorthRetrying: Bool {
        switch rawValue {
        case 0x02, 0x03, 0x09, 0x0a, 0x0d, 0x10, 0x14, 0x16, 0x81, 0x83, 0x84, 0x85: true
        default: false
        }
    }

    /// The registry's name, such as `AUTHENTICATION_FAILED`; nil for a number that is not registered.
    public var name: String? {
        guard rawValue < 0x100 else { return nil }
        return ErrorCode.names.first { $0.code == rawValue }?.name
    }

    private static let names: [(code: UInt64, name: String)] = [
        (0x00, "NO_ERROR"), (0x01, "INTERNAL_ERROR"), (0x02, "UNSUPPORTED_VERSION"), (0x03, "UNSUPPORTED_SUITE"),
        (0x04, "MALFORMED_FRAME"), (0x05, "FRAME_TOO_LARGE"), (0x06, "UNEXPECTED_MESSAGE"),
        (0x07, "AUTHENTICATION_FAILED"), (0x08, "SEQUENCE_VIOLATION"), (0x09, "HANDSHAKE_TIMEOUT"),
        (0x0a, "IDLE_TIMEOUT"), (0x0b, "IDENTITY_REJECTED"), (0x0c, "CREDENTIAL_INVALID"), (0x0d, "RATE_LIMITED"),
        (0x0e, "FLOW_CONTROL_VIOLATION"), (0x0f, "MESSAGE_TOO_LARGE"), (0x10, "KEY_LIMIT_REACHED"),
        (0x11, "ROTATION_FAILED"), (0x12, "DOWNGRADE_DETECTED"), (0x13, "NO_APPLICATION_PROTOCOL"),
        (0x14, "SHUTTING_DOWN"), (0x15, "LIMIT_EXCEEDED"), (0x16, "DECISION_TIMEOUT"), (0x80, "TRUNCATED"),
        (0x81, "TRANSPORT_FAILED"), (0x82, "REPLACED"), (0x83, "CLOSE_UNCONFIRMED"), (0x84, "HANDSHAKE_UNCONFIRMED"),
        (0x85, "KEY_UNAVAILABLE"),
    ]
}

extension ErrorCode: CustomStringConvertible {
    public var description: String { name ?? "0x" + String(rawValue, radix: 16) }
}
