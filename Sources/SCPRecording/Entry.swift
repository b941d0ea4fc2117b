/// The parts of a recording. `RecordingReader` describes the file.
struct Entry: Equatable {
    enum Kind: UInt8, CaseIterable {
        // What the engine is given.
        case start = 0x01
        case receive = 0x10
        case receiveEnd
        case advance
        case send
        case read
        case cancel
        case refuse
        case ping
        case finish
        case rotateKeys
        case close
        case abort
        case resolveIdentity
        case resolveAgreement
        case pollTransmit
        case pollEvent
        case receiveDatagram
        case pollDatagram
        case transmitFailed
        // What its provider answered meanwhile.
        case randomness = 0x40
        case publicKey
        case sharedSecret
        case encapsulationKey
        case encapsulatedSecret
        case decapsulatedSecret
        case signature
        // What it gave back.
        case outcome = 0x60
        case end = 0x7f

        var isAnswer: Bool {
            switch self {
            case .randomness, .publicKey, .sharedSecret: true
            case .encapsulationKey, .encapsulatedSecret, .decapsulatedSecret, .signature: true
            default: false
            }
        }
    }

    /// More than any buffer or message that is reasonable, and what a reader holds at once.
    static let maximumSize = 1 << 24
    static let magic: [UInt8] = [0x89] + Array("SCPREC\n".utf8)
    static let version: UInt8 = 1

    let kind: Kind
    var body: [UInt8]
}

/// Turns entries into bytes, each with a checksum of everything before it.
struct EntryWriter {
    private var checksum = Checksum()

    /// What a file begins with.
    mutating func header() -> [UInt8] {
        let bytes = Entry.magic + [Entry.version]
        checksum.add(bytes)
        return bytes
    }

    mutating func bytes(of entry: Entry) -> [UInt8] {
        var encoder = BodyEncoder()
        encoder.append(entry.kind.rawValue)
        encoder.append(entry.body)
        checksum.add(encoder.bytes)
        let value = checksum.value
        encoder.append(value)
        checksum.add(encoder.bytes.suffix(4))
        return encoder.bytes
    }
}
