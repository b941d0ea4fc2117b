/// Whole frames that wait to be written before any other: those of the handshake, and the last one.
struct Flight {
    private var bytes: [UInt8] = []

    var isEmpty: Bool { bytes.isEmpty }
    var count: Int { bytes.count }
    var memory: Int { bytes.count }

    mutating func append(_ frame: consuming [UInt8]) {
        if bytes.isEmpty { bytes = frame } else { bytes += frame }
    }

    /// Moves everything to `output` if it fits.
    mutating func write(to output: inout OutputSpan<UInt8>) -> Bool {
        guard output.freeCapacity >= bytes.count else { return false }
        output.append(bytes.span, in: 0..<bytes.count)
        bytes = []
        return true
    }

    mutating func discard() { bytes = [] }
}
