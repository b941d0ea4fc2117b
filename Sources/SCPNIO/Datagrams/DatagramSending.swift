internal import NIOCore
internal import NIOPosix
internal import SCP

/// What a socket's handler holds for sending.
struct DatagramSending {
    /// Room for one datagram of the usual size.
    private static let datagramCapacity = 2_048

    var spares = SpareBuffers()
    /// The datagram that was polled last.
    var datagram = ByteBuffer()
    var capacity = datagramCapacity
    /// Whether the kernel cuts buffers up; not once it has refused to.
    var usesSegments = System.supportsUDPSegmentationOffload
    /// On a listening Unix-domain socket.
    var unix: UnixDatagramSender?
    private var isBusy = false

    mutating func didSend() { isBusy = true }

    /// A socket that sent nothing since the last timer holds no buffers.
    mutating func releaseIdleBuffers() {
        if !isBusy {
            spares.release()
            datagram = ByteBuffer()
        }
        isBusy = false
    }
}

extension DatagramHandler {
    /// Asks the engine for datagrams while the socket takes them, and gives them to it.
    func transmit(_ context: ChannelHandlerContext) {
        var batch: DatagramBatch?
        var hasWritten = false
        polling: while context.channel.isWritable {
            sending.datagram.clear()
            switch pollTransmit(into: &sending.datagram, capacity: sending.capacity) {
            case .nothing:
                break polling
            case .outputFull(let needed):
                sending.capacity = max(sending.capacity + 1, needed)
            case .datagram(let address):
                hasWritten = true
                if batch?.append(sending.datagram, to: address) == true { continue }
                if let full = batch { write(full, context) }
                batch = begin(address, context)
            }
        }
        if let batch { write(batch, context) }
        if hasWritten { context.flush() }
    }

    private func begin(_ address: SCP.Address, _ context: ChannelHandlerContext) -> DatagramBatch {
        let canCut = sending.usesSegments && address.family != .other
        let capacity = canCut ? DatagramBatch.capacity : sending.datagram.readableBytes
        let buffer = sending.spares.take(capacity: capacity) ?? context.channel.allocator.buffer(capacity: capacity)
        return DatagramBatch(
            sending.datagram, to: address, in: buffer, maximum: canCut ? DatagramBatch.maximumCount : 1)
    }

    private func write(_ batch: DatagramBatch, _ context: ChannelHandlerContext) {
        guard let socket = book.socket(of: batch.address) else { return }
        sending.didSend()
        sending.spares.keep(batch.buffer)
        if let unix = sending.unix { return unix.send(batch.buffer, to: socket) }
        var metadata: AddressedEnvelope<ByteBuffer>.Metadata?
        if batch.count > 1 {
            metadata = .init(ecnState: .transportNotCapable, packetInfo: nil, segmentSize: batch.segmentSize)
        }
        let envelope = AddressedEnvelope(remoteAddress: socket, data: batch.buffer, metadata: metadata)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenFailure { self.writeFailed($0, batch) }
        context.write(wrapOutboundOut(envelope), promise: promise)
    }

    /// A hint: what was lost is found out by its absence.
    /// [SCP-DGRAM-37]
    private func writeFailed(_ error: any Error, _ batch: DatagramBatch) {
        guard let error = error as? IOError else { return }
        switch error.errnoCode {
        case SystemCode.messageTooLong:
            transmitFailed(.tooLarge(size: batch.segmentSize), to: batch.address)
        case SystemCode.ioError, SystemCode.invalidArgument:
            // A network device that cannot be left the cutting to.
            if batch.count > 1 { sending.usesSegments = false }
        case SystemCode.refused, SystemCode.hostUnreachable, SystemCode.networkUnreachable:
            transmitFailed(.unreachable, to: batch.address)
        default:
            break
        }
    }
}
