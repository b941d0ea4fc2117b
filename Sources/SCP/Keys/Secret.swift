/// A buffer of secret bytes with one owner: it is never copied by the language and is overwritten when its last
/// reference goes away.
///
/// This is the only file of the engine that touches memory through pointers. Arrays would copy on write and be freed
/// unwiped; a noncopyable struct's moves would leave copies behind.
@safe
public final class Secret: @unchecked Sendable {
    // Sendable: the bytes are written only through `withMutableBytes`, by the creator, before the value is shared.
    private let storage: UnsafeMutableBufferPointer<UInt8>

    /// A buffer of `count` zero bytes.
    public init(count: Int) {
        unsafe storage = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(0, count))
        unsafe storage.initialize(repeating: 0)
    }

    /// A copy of `bytes`. The caller wipes the original.
    public convenience init(copying bytes: Span<UInt8>) {
        self.init(count: bytes.count)
        for index in bytes.indices { unsafe storage[index] = bytes[index] }
    }

    deinit {
        unsafe Secret.wipe(storage)
        unsafe storage.deallocate()
    }

    public var count: Int { unsafe storage.count }

    /// The bytes, for reading.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get { unsafe _overrideLifetime(Span(_unsafeElements: UnsafeBufferPointer(storage)), borrowing: self) }
    }

    /// Fills the buffer. Only its creator does so, before anybody else holds a reference.
    public func withMutableBytes<Result: ~Copyable, Failure: Error>(
        _ body: (inout MutableSpan<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var span = unsafe MutableSpan(_unsafeElements: storage)
        return try body(&span)
    }

    /// Whether every byte is zero, in time that depends on the length alone.
    public var isZero: Bool {
        var accumulator: UInt8 = 0
        for index in 0..<count { unsafe accumulator |= storage[index] }
        return accumulator == 0
    }

    /// Overwrites now, before the last reference is gone.
    public func wipe() { unsafe Secret.wipe(storage) }

    /// Never inlined, never optimised (`optnone` in LLVM, so no later pass may infer that the writes are dead).
    @inline(never)
    @_optimize(none)
    private static func wipe(_ storage: UnsafeMutableBufferPointer<UInt8>) {
        var index = 0
        while index < storage.count {
            unsafe storage[index] = 0
            index += 1
        }
    }
}

extension Secret: CustomStringConvertible {
    /// Never the bytes.
    public var description: String { "Secret(redacted)" }
}
