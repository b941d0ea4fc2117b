internal import SCP
internal import Synchronization

/// Every secret that a provider has made, to find out whether one is ever said.
final class SecretLedger: Sendable {
    private struct State {
        /// Eight bytes from every eighth on: a run of fifteen bytes of a secret holds one of them.
        var windows: Set<UInt64> = []
        /// Whether some window begins with these two bytes.
        var beginnings = [Bool](repeating: false, count: 1 << 16)
    }

    private let state = Mutex(State())

    /// How many windows there are to look for.
    var count: Int { state.withLock { $0.windows.count } }

    func note(_ secret: Span<UInt8>) {
        let windows = stride(from: 0, through: secret.count - 8, by: 8).map { start in
            (start..<start + 8).reduce(0) { $0 << 8 | UInt64(secret[$1]) }
        }
        state.withLock { state in
            for window in windows {
                state.windows.insert(window)
                state.beginnings[Int(window >> 48)] = true
            }
        }
    }

    /// Where a part of a secret begins; nil when there is none.
    func find(in bytes: [UInt8]) -> Int? {
        guard bytes.count >= 8 else { return nil }
        return state.withLock { state in
            var window = bytes[..<7].reduce(0) { $0 << 8 | UInt64($1) }
            for end in 7..<bytes.count {
                window = window << 8 | UInt64(bytes[end])
                if state.beginnings[Int(window >> 48)], state.windows.contains(window) { return end - 7 }
            }
            return nil
        }
    }

    /// The same in a text, as bytes or as hexadecimal digits.
    func isSaid(in text: String) -> Bool {
        if find(in: Array(text.utf8)) != nil { return true }
        let runs = text.split { !$0.isHexDigit }.filter { $0.count >= 16 }.map(Array.init)
        return runs.contains { run in
            (0..<2).contains { skipped in
                let digits = run.dropFirst(skipped)
                let pairs = stride(from: digits.startIndex, to: digits.endIndex - 1, by: 2)
                return find(in: pairs.compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }) != nil
            }
        }
    }
}
