import CBenchmarkSupport

/// What one slice of a measurement gave. A subject reads the clock itself, so that what is not its own is left out.
public struct Slice: Sendable {
    /// Processor time.
    public var nanoseconds: UInt64 = 0
    /// Time of the wall, where what is measured waits for other threads or for the kernel; else 0.
    public var wall: UInt64 = 0
    public var operations: Int = 0
    public var allocations: UInt64 = 0

    public init() {}

    public var nanosecondsPerOperation: Double { Double(nanoseconds) / Double(max(operations, 1)) }
    public var wallPerOperation: Double { Double(wall) / Double(max(operations, 1)) }
    public var allocationsPerOperation: Double { Double(allocations) / Double(max(operations, 1)) }

    /// Adds the processor time and the allocations of `body` on this thread.
    @inline(__always)
    public mutating func measure<Result>(operations count: Int, _ body: () throws -> Result) rethrows -> Result {
        let allocated = cbs_thread_allocations()
        let begun = cbs_thread_time()
        let result = try body()
        nanoseconds &+= cbs_thread_time() &- begun
        allocations &+= cbs_thread_allocations() &- allocated
        operations += count
        return result
    }
}

/// Something that is measured, a slice of about a millisecond at a time.
public protocol Subject: AnyObject {
    func slice() throws -> Slice
}

/// A measurement that went wrong: its figures would be of something else.
public struct Failed: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
