import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What engines said and reported for one input, as a number: an optimized build must come to the same as one that is
/// not. Printed after each input where the environment has `SCP_FUZZ_TRACE`.
enum Trace {
    private static let state = Mutex<UInt64>(0)
    private static let isWanted = getenv("SCP_FUZZ_TRACE") != nil

    static func begin() { state.withLock { $0 = 0xcbf2_9ce4_8422_2325 } }

    static func note(_ bytes: some Sequence<UInt8>) {
        guard isWanted else { return }
        state.withLock { state in for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 } }
    }

    static func note(_ number: UInt64) {
        guard isWanted else { return }
        state.withLock { $0 = ($0 ^ number) &* 0x100_0000_01b3 }
    }

    static func note(_ text: @autoclosure () -> String) {
        guard isWanted else { return }
        note(text().utf8)
    }

    static func end() {
        guard isWanted else { return }
        print("trace \(String(state.withLock { $0 }, radix: 16))")
    }
}

/// Takes note of what a parser says, be it an error.
public func note<Result, Failure: Error>(_ body: () throws(Failure) -> Result) {
    do throws(Failure) {
        let result = try body()
        Trace.note("\(result)")
    } catch {
        Trace.note("\(error)")
    }
}
