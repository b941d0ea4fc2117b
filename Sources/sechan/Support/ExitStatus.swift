/// How the command ends: the numbers of sysexits.h, with what each means here.
enum ExitStatus: Int32, CaseIterable, Sendable {
    case done = 0
    case usage = 64
    case badData = 65
    case noInput = 66
    case noHost = 68
    case unavailable = 69
    case internalError = 70
    case cannotCreate = 73
    case ioError = 74
    case timedOut = 75
    case protocolError = 76
    case identityRejected = 77
    case configuration = 78
    /// Above the last number of sysexits.h, so that scripts can tell a changed key from every other failure.
    case identityChanged = 79
    case interrupted = 130

    /// What a reader of the help needs to know.
    var meaning: String {
        switch self {
        case .done: "done"
        case .usage: "the command line is wrong"
        case .badData: "bad data from the peer, or in a recording"
        case .noInput: "a key or an input is missing or cannot be read"
        case .noHost: "the host is unknown"
        case .unavailable: "nobody answers at the address"
        case .internalError: "a defect or a refusal inside the program or its crypto library"
        case .cannotCreate: "a file or a listener cannot be created"
        case .ioError: "reading or writing failed"
        case .timedOut: "timed out"
        case .protocolError: "the peer broke the protocol"
        case .identityRejected: "the peer's identity, or ours, was rejected"
        case .configuration: "a key file, a trust store or the machine is not fit for use"
        case .identityChanged: "the peer's key is not the one that is known for its address"
        case .interrupted: "interrupted"
        }
    }

    /// The name in `--json` output.
    var name: String {
        switch self {
        case .done: "done"
        case .usage: "usage"
        case .badData: "bad-data"
        case .noInput: "no-input"
        case .noHost: "no-host"
        case .unavailable: "unavailable"
        case .internalError: "internal-error"
        case .cannotCreate: "cannot-create"
        case .ioError: "io-error"
        case .timedOut: "timed-out"
        case .protocolError: "protocol-error"
        case .identityRejected: "identity-rejected"
        case .configuration: "configuration"
        case .identityChanged: "identity-changed"
        case .interrupted: "interrupted"
        }
    }

    /// The table for the help screen.
    static var table: String {
        allCases.map { status in
            let number = String(status.rawValue)
            return "  " + String(repeating: " ", count: max(0, 3 - number.count)) + number + "  " + status.meaning
        }.joined(separator: "\n")
    }
}
