internal import NIOCore
internal import SCP

/// Datagrams of one size to one address in one buffer, which the kernel takes with a single call and cuts up itself
/// (UDP_SEGMENT of Linux): the last may be shorter.
struct DatagramBatch {
    /// What a buffer holds, and how many datagrams the kernel takes in it.
    static let capacity = 65_000
    static let maximumCount = 64

    private(set) var buffer: ByteBuffer
    let address: SCP.Address
    let segmentSize: Int
    private let maximum: Int
    private(set) var count = 0
    /// Nothing can follow a shorter one.
    private var isFull = false

    /// Begins a batch.
    ///
    /// - Parameters:
    ///   - buffer: an empty one.
    ///   - maximum: datagrams that it may get.
    init(_ datagram: ByteBuffer, to address: SCP.Address, in buffer: ByteBuffer, maximum: Int) {
        self.maximum = maximum
        self.buffer = buffer
        self.address = address
        segmentSize = datagram.readableBytes
        _ = append(datagram, to: address)
    }

    /// Takes a datagram; false when it does not fit the others.
    mutating func append(_ datagram: ByteBuffer, to address: SCP.Address) -> Bool {
        let size = datagram.readableBytes
        guard !isFull, count < max(1, maximum), address == self.address, size <= segmentSize,
            count == 0 || buffer.readableBytes + size <= DatagramBatch.capacity
        else { return false }
        isFull = size < segmentSize
        count += 1
        buffer.writeImmutableBuffer(datagram)
        return true
    }
}
