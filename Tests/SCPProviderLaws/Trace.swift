import CGcryptTestSupport
public import SCP

/// Looks for a secret in this process's whole writable memory, freed memory included, through the kernel. Linux only.
///
/// Quarters of it, each complemented so that the question is no answer, and each in both byte orders, because
/// big integers are stored either way. Clamping leaves these alone.
public struct Trace: Sendable {
    private var masked: [[UInt8]] = []

    /// - Parameter starts: where the quarters begin.
    public init(_ secret: Secret, at starts: [Int] = [8, 16]) {
        for start in starts {
            var quarter = [UInt8](repeating: 0, count: 8)
            unsafe secret.bytes.withUnsafeBufferPointer { bytes in
                unsafe quarter.withUnsafeMutableBufferPointer { quarter in
                    guard let source = bytes.baseAddress else { return }
                    unsafe cgt_mask(quarter.baseAddress, source + start, 8)
                }
            }
            masked += [quarter, quarter.reversed()]
        }
    }

    /// How often the quarter that is found most often is found.
    public var occurrences: Int {
        masked.map { unsafe $0.withUnsafeBufferPointer { Int(unsafe cgt_occurrences($0.baseAddress, $0.count)) } }
            .max() ?? 0
    }

    /// Overwrites what functions that have returned left on this thread's stack.
    public static func clearStack() { cgt_clear_stack() }
}
