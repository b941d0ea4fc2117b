/// How far a transfer is: bytes, rate and time left on one line of a terminal, rewritten in place.
struct Progress {
    /// People read no faster, and a terminal costs time.
    static let interval = Duration.milliseconds(200)

    private let total: UInt64?
    private let start: ContinuousClock.Instant
    private var lastShown: ContinuousClock.Instant?
    private let show: (String) -> Void

    /// - Parameters:
    ///   - total: Bytes to come in all, when that is known.
    ///   - show: Gets each line, without a line end.
    init(total: UInt64?, start: ContinuousClock.Instant, show: @escaping (String) -> Void) {
        self.total = total
        self.start = start
        self.show = show
    }

    /// Shows the state unless the last line is younger than ``interval``.
    mutating func update(_ bytes: UInt64, at now: ContinuousClock.Instant) {
        if let lastShown, now - lastShown < Progress.interval { return }
        lastShown = now
        show(Progress.line(bytes, of: total, after: now - start))
    }

    /// Shows the last state in any case.
    mutating func finish(_ bytes: UInt64, at now: ContinuousClock.Instant) {
        lastShown = now
        show(Progress.line(bytes, of: total, after: now - start))
    }

    /// `12.0 MiB of 64.0 MiB  19%  48.0 MiB/s  1 s left`.
    static func line(_ bytes: UInt64, of total: UInt64?, after elapsed: Duration) -> String {
        let seconds = elapsed.inSeconds
        let rate = seconds > 0 ? Double(bytes) / seconds : 0
        let speed = size(rate) + "/s"
        guard let total else { return "\(size(Double(bytes)))  \(speed)" }
        let percent = total == 0 ? 100 : Int(min(1, Double(bytes) / Double(total)) * 100)
        let done = "\(size(Double(bytes))) of \(size(Double(total)))  \(percent)%  \(speed)"
        guard bytes < total, rate > 0 else { return done }
        return done + "  \(time(Double(total - bytes) / rate)) left"
    }

    /// Bytes with a binary prefix: `512 B`, `1.5 KiB`.
    static func size(_ bytes: Double) -> String {
        var value = bytes
        var prefix = 0
        let prefixes = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        // 1023.95 and more would be shown as 1024.0.
        while value >= 1023.95, prefix + 1 < prefixes.count {
            value /= 1024
            prefix += 1
        }
        if prefix == 0 { return "\(Int(value)) B" }
        return "\(decimal(value)) \(prefixes[prefix])"
    }

    /// A number that is not negative, with one digit after the point: `1.5`.
    static func decimal(_ value: Double) -> String {
        let tenths = Int((min(value, 1e15) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// Seconds as `42 s`, `3 min 20 s` or `5 h 01 min`, rounded up; "a long time" beyond 99 hours.
    static func time(_ seconds: Double) -> String {
        guard seconds < 99 * 3600 else { return "a long time" }
        let whole = Int(seconds.rounded(.up))
        func pad(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(pad(whole % 60)) s" }
        return "\(whole / 3600) h \(pad(whole / 60 % 60)) min"
    }
}

extension Duration {
    /// With the precision of a Double: for rates that people read.
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
