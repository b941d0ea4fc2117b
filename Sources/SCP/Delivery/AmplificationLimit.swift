/// What may be sent to an address that nobody has proved to hold: three times what came from it.
/// [SCP-DGRAM-18]
struct AmplificationLimit {
    static let factor: UInt64 = 3

    private(set) var received: UInt64 = 0
    private(set) var sent: UInt64 = 0
    private(set) var isValidated = false

    mutating func didReceive(_ size: Int) { received = received.addingClamped(size) }
    mutating func didSend(_ size: Int) { sent = sent.addingClamped(size) }
    mutating func validate() { isValidated = true }

    /// Whether a datagram of `size` bytes may leave.
    func allows(_ size: Int) -> Bool {
        if isValidated { return true }
        let (bound, overflow) = received.multipliedReportingOverflow(by: AmplificationLimit.factor)
        return overflow || sent.addingClamped(size) <= bound
    }
}

extension UInt64 {
    fileprivate func addingClamped(_ count: Int) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(UInt64(clamping: count))
        return overflow ? .max : sum
    }
}
