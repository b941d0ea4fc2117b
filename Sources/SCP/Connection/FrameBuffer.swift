/// The bytes of the one frame that has arrived in part.
struct FrameBuffer {
    private var storage: [UInt8] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var memory: Int { storage.count }

    /// Copies up to `wanted - count` bytes from `input`; returns how many were taken.
    mutating func take(_ input: Span<UInt8>, from offset: Int, upTo wanted: Int) -> Int {
        let taken = min(wanted - count, input.count - offset)
        guard taken > 0 else { return 0 }
        // [SCP-LIMIT-2] "A receiver MUST NOT allocate for a frame or message what a length only claims"
        // Grown by doubling with what arrives, never to what a header merely claims.
        if storage.count < count + taken {
            var larger = [UInt8](repeating: 0, count: min(wanted, max(count + taken, 2 * storage.count, 64)))
            var destination = larger.mutableSpan
            Bytes.copy(storage.span, 0..<count, to: &destination, at: 0)
            storage = larger
        }
        let end = count
        var destination = storage.mutableSpan
        Bytes.copy(input, offset..<offset + taken, to: &destination, at: end)
        count += taken
        return taken
    }

    /// The header of the frame, once its 14 bytes are there.
    func header(limit: Int) throws(WireError) -> FrameHeader? {
        guard count >= FrameHeader.size else { return nil }
        return try FrameHeader.parse(storage.span, limit: limit)
    }

    /// Takes the storage out, to be opened in place, leaving the buffer empty; `giveBack` returns it.
    mutating func takeStorage() -> [UInt8] {
        let taken = storage
        storage = []
        count = 0
        return taken
    }

    mutating func giveBack(_ taken: consuming [UInt8]) { storage = taken }

    mutating func trim() { if isEmpty { storage = [] } }
}
