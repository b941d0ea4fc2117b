internal import NIOCore
internal import SCP

// The one file of this module that touches memory through pointers: NIO has no safe accessor yet that gives a
// `MutableSpan<UInt8>` of what is readable, or an `OutputSpan<UInt8>` over what is writable. Neither span can leave the
// closure it is given to.

extension ByteBuffer {
    /// Shows the readable bytes for work in place, to an owner that shares them with nobody: otherwise they are copied.
    mutating func withReadableSpan<Failure: Error>(
        _ body: (inout MutableSpan<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        try unsafe withUnsafeMutableReadableBytes { bytes throws(Failure) in
            var span = unsafe MutableSpan(_unsafeElements: bytes.bindMemory(to: UInt8.self))
            try body(&span)
        }
    }

    /// Appends what `body` puts into an output over all writable bytes, at least `capacity`.
    mutating func append(capacity: Int, _ body: (inout OutputSpan<UInt8>) -> Transmit) -> Transmit {
        var result = Transmit.nothing
        unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { bytes in
            let elements = unsafe bytes.bindMemory(to: UInt8.self)
            var output = unsafe OutputSpan<UInt8>(buffer: elements, initializedCount: 0)
            result = body(&output)
            return unsafe output.finalize(for: elements)
        }
        return result
    }

    /// Appends a copy of `bytes`.
    mutating func write(_ bytes: Span<UInt8>) {
        unsafe writeBytes(bytes.bytes)
    }
}
