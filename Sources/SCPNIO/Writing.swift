internal import NIOCore
internal import SCP

/// What the handler holds for the transport.
struct Writing {
    /// Room for one frame of the usual limit.
    static let bufferSize = 65_536 + 64

    /// Bytes given to the channel that the transport has not taken.
    var unwritten = 0
    /// The engine was not asked for all it has to say, because the transport is behind.
    var isHeldBack = false
    /// The engine is to be asked again soon.
    var mustLookAgain = false
    /// The write side is to be shut down once everything is written.
    var endsOutput = false
    /// The connection is over, and the last frames are still on their way into the transport.
    var isLingering = false
    /// A buffer that waits for the next, so that the last one carries the promise.
    var held: ByteBuffer?
    /// Bytes written since the last flush.
    var batch = 0
    var spares = SpareBuffers()
}

/// Buffers that the transport was given, kept for the next round; they go when it falls quiet.
struct SpareBuffers {
    private static let maximum = 4

    private var buffers: [ByteBuffer] = []

    /// An empty buffer that the transport is done with, if there is one.
    mutating func take(capacity: Int) -> ByteBuffer? {
        for index in buffers.indices where buffers[index].capacity >= capacity {
            let isFree: Void? = buffers[index].modifyIfUniquelyOwned { $0.clear() }
            if isFree != nil {
                buffers.swapAt(index, buffers.count - 1)
                return buffers.removeLast()
            }
        }
        return nil
    }

    /// Keeps a second reference to a buffer that is being written, or an unused one.
    mutating func keep(_ buffer: ByteBuffer) {
        if buffers.count < SpareBuffers.maximum { buffers.append(buffer) }
    }

    mutating func release() { buffers = [] }
}

extension SecureChannelHandler {
    /// Asks the engine for frames and gives them to the channel.
    func transmit(_ context: ChannelHandlerContext) {
        // Without a buffer the engine only says whether it wants one: most that a timer calls for have nothing to say.
        var capacity = 0
        while true {
            var buffer =
                writing.spares.take(capacity: max(capacity, Writing.bufferSize))
                ?? context.channel.allocator.buffer(capacity: capacity)
            let (result, mustLookAgain) = session.transmit(
                into: &buffer, capacity: capacity, unwritten: writing.unwritten)
            let count = buffer.readableBytes
            if buffer.capacity > 0 { writing.spares.keep(buffer) }
            writing.mustLookAgain = mustLookAgain
            if count > 0 { write(buffer, context) }
            switch result {
            case .outputFull(let needed):
                capacity = max(Writing.bufferSize, needed)
            case .endOfStream:
                writing.endsOutput = true
            case .nothing, .wrote:
                writing.isHeldBack = writing.unwritten > session.writeHighWater
                return
            }
        }
    }

    private func write(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        writing.unwritten += buffer.readableBytes
        writing.batch += buffer.readableBytes
        if let held = writing.held { context.write(wrapOutboundOut(held), promise: nil) }
        writing.held = buffer
    }

    /// One flush for everything that this round wrote, and one promise that tells when the transport has taken it.
    func flushWrites(_ context: ChannelHandlerContext) {
        if let last = writing.held {
            writing.held = nil
            let count = writing.batch
            writing.batch = 0
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenComplete { _ in self.didWrite(count) }
            context.writeAndFlush(wrapOutboundOut(last), promise: promise)
        } else if writing.endsOutput, writing.unwritten == 0 {
            endOutput()
        }
    }

    private func didWrite(_ count: Int) {
        writing.unwritten -= count
        if writing.isHeldBack { schedulePump() }
        guard writing.unwritten == 0 else { return }
        if writing.isLingering { return closeTransport() }
        if writing.endsOutput { endOutput() }
    }

    private func endOutput() {
        writing.endsOutput = false
        context?.close(mode: .output, promise: nil)
    }

    /// The connection is over: the transport follows, once it has taken the last frames.
    func finishTransport(_ context: ChannelHandlerContext) {
        if writing.unwritten > 0, context.channel.isActive {
            linger(context)
        } else {
            closeTransport()
        }
    }
}
