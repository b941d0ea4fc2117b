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
    mutating func append(capacity: Int, _ body: (inout OutputSpan<UInt8>) -> Void) {
        unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { bytes in
            let elements = unsafe bytes.bindMemory(to: UInt8.self)
            var output = unsafe OutputSpan<UInt8>(buffer: elements, initializedCount: 0)
            body(&output)
            return unsafe output.finalize(for: elements)
        }
    }

    /// Appends a copy of `bytes`.
    mutating func write(_ bytes: Span<UInt8>) {
        unsafe writeBytes(bytes.bytes)
    }
}

// Beyond a port and text, NIO gives away addresses as the system's own bytes only. The parts that are read here stand
// at the same places everywhere.

extension SCP.Address {
    /// Nil for what is more than an IP address and a port.
    init?(_ socket: SocketAddress) {
        guard let port = socket.port.flatMap({ UInt16(exactly: $0) }) else { return nil }
        var address: SCP.Address?
        unsafe socket.withSockAddr { start, count in
            let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
            if case .v4 = socket, bytes.count >= 8 {
                let number = unsafe bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
                address = SCP.Address(ipv4: UInt32(bigEndian: number), port: port)
            } else if case .v6 = socket, bytes.count >= 28 {
                let high = unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                let low = unsafe bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
                let scope = unsafe bytes.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
                guard scope == 0 else { return }
                address = SCP.Address(ipv6: UInt64(bigEndian: high), UInt64(bigEndian: low), port: port)
            }
        }
        guard let address else { return nil }
        self = address
    }
}

extension SocketAddress {
    /// The system's form, whole: what NIO compares of a Unix-domain socket's address ends at the first zero, with which
    /// Linux's names that are no files begin.
    var bytes: [UInt8] {
        unsafe withSockAddr { start, count in
            unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
        }
    }
}
