/// The engine's only byte copying, so that its bounds are checked in one place.
enum Bytes {
    static func array(_ source: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        [UInt8](capacity: range.count) { output in output.append(source, in: range) }
    }

    /// Copies `source[range]` over `destination` from `offset` on. What does not fit is not copied: the callers size
    /// both sides first, and a wrong size must not trap.
    static func copy(
        _ source: Span<UInt8>, _ range: Range<Int>, to destination: inout MutableSpan<UInt8>, at offset: Int
    ) {
        guard offset >= 0, offset <= destination.count, range.lowerBound >= 0, range.upperBound <= source.count
        else { return }
        let count = min(range.count, destination.count - offset)
        let start = range.lowerBound
        for index in 0..<count { destination[offset &+ index] = source[start &+ index] }
    }

    /// The first `count` bytes of an array, in one of that size.
    static func prefix(_ source: [UInt8], _ count: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        var destination = result.mutableSpan
        copy(source.span, 0..<min(count, source.count), to: &destination, at: 0)
        return result
    }
}
