public import NIOCore
public import SCP

/// A message that arrived whole.
public struct Message: Sendable {
    /// The channel it came on.
    public let channel: SCP.Channel
    /// Its number on that channel, from 0.
    public let id: MessageID
    /// Its bytes; there may be none.
    public let bytes: ByteBuffer

    init(_ received: ReceivedMessage, _ content: Span<UInt8>, allocator: ByteBufferAllocator) {
        channel = received.channel
        id = received.id
        var buffer = allocator.buffer(capacity: content.count)
        buffer.write(content)
        bytes = buffer
    }

    /// The bytes read as UTF-8; what is not UTF-8 becomes U+FFFD.
    public var text: String { String(buffer: bytes) }
}

/// A message on its way out, as ``SecureChannelHandler`` takes it from the handlers after it.
public struct OutgoingMessage: Sendable {
    public var channel: SCP.Channel
    public var bytes: ByteBuffer

    public init(_ bytes: ByteBuffer, on channel: SCP.Channel = .default) {
        self.bytes = bytes
        self.channel = channel
    }
}
