import SCP
import SCPNIO

extension Failure {
    /// What went wrong with a channel, in one sentence and one exit status.
    init(channel error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case is CancellationError: self.init(.interrupted, "interrupted")
        case let error as SecureChannelError: self.init(error)
        case let error as ConfigurationError: self.init(.configuration, "the options contradict each other: \(error)")
        default: self.init(.internalError, "\(error)")
        }
    }

    private init(_ error: SecureChannelError) {
        self.init(Failure.status(of: error), error.description, remedy: Failure.remedy(for: error))
    }

    private static func status(of error: SecureChannelError) -> ExitStatus {
        switch error.kind {
        case .unknownHost: .noHost
        case .unreachable: .unavailable
        case .cannotListen, .addressInUse: .cannotCreate
        case .configuration: .configuration
        case .keyChanged: .identityChanged
        case .failed(let failed): status(of: failed)
        case .closedByPeer(.noError, _): .badData
        case .closedByPeer(let code, _): status(of: code, isPeers: true)
        case .closeUnconfirmed, .closed: .ioError
        case .notSent(.tooLarge), .notSent(.invalidChannel): .usage
        case .notSent: .ioError
        }
    }

    private static func status(of error: ConnectionError) -> ExitStatus {
        switch error.origin {
        // Not one byte came: as good as nobody there.
        case .transport where error.position == 0: .unavailable
        case .transport: error.code == .truncated ? .badData : .ioError
        case .local: status(of: error.code, isPeers: false)
        case .peer: status(of: error.code, isPeers: true)
        }
    }

    private static func status(of code: ErrorCode, isPeers: Bool) -> ExitStatus {
        switch code {
        case .identityRejected, .credentialInvalid: .identityRejected
        case .handshakeTimeout, .idleTimeout, .handshakeUnconfirmed, .decisionTimeout: .timedOut
        case .keyUnavailable: .noInput
        case .shuttingDown, .rateLimited: .unavailable
        case .truncated: .badData
        case .transportFailed, .closeUnconfirmed: .ioError
        case .internalError where !isPeers: .internalError
        case TransferCode.cannotWrite, TransferCode.cannotRead: .ioError
        case TransferCode.interrupted: .badData
        default: .protocolError
        }
    }

    private static func remedy(for error: SecureChannelError) -> String? {
        switch (error.kind, error.code) {
        case (.addressInUse, _): "Choose another address, or end whoever listens there."
        case (_, .noApplicationProtocol):
            "Both sides must say the same: `pipe` with `pipe`, `bench` with `bench --serve`, `connect` with `listen`."
        case (_, .unsupportedSuite):
            "Either both sides are given --psk, or neither is; --hybrid require needs a peer that has ML-KEM-768."
        case (_, .identityRejected) where error.origin == .local:
            "A key does not talk to itself: if both sides have the same identity, make another with `sechan keygen`."
        case (_, .identityRejected):
            "Give the owner of the listener your public key (`sechan pubkey`), for `sechan trust add`."
        #if Certificates
        case (_, .credentialInvalid) where error.origin != .local:
            "The peer takes only certificates of its own authority, or none: --cert names the one that we show."
        #endif
        default: nil
        }
    }
}

/// Codes of the application, in CLOSE, by which the two ends of `sechan pipe` say why they gave up.
enum TransferCode {
    static let cannotWrite = ErrorCode(rawValue: ErrorCode.firstApplicationCode)
    static let cannotRead = ErrorCode(rawValue: ErrorCode.firstApplicationCode + 1)
    static let interrupted = ErrorCode(rawValue: ErrorCode.firstApplicationCode + 2)
}
