/// Flow control counts unique charged bytes of reliable messages: each message is charged 32 bytes for its
/// bookkeeping and its highest offset, once. Credit is monotone.
/// [SCP-FLOW-1]
enum FlowControl {
    /// Bytes that every message is charged besides its own.
    static let messageCharge = TransportParameters.messageCharge

    /// What a message of `size` bytes is charged; saturating.
    static func charge(_ size: UInt64) -> UInt64 {
        let (sum, overflow) = size.addingReportingOverflow(messageCharge)
        return overflow ? .max : sum
    }
}

/// What a receiver has granted, counted and given back, for the connection or for one channel.
/// [SCP-FLOW-4]
struct ReceiveWindow {
    /// Charges that may be outstanding at once.
    let window: UInt64
    /// The credit last announced: the sum of charges the peer may reach.
    private(set) var granted: UInt64
    /// Charges counted so far.
    private(set) var charged: UInt64 = 0
    /// Charges of messages that were read, cancelled or refused.
    private(set) var consumed: UInt64 = 0

    init(window: UInt64, granted: UInt64) {
        self.window = window
        self.granted = granted
    }

    func allows(_ charge: UInt64) -> Bool {
        let (sum, overflow) = charged.addingReportingOverflow(charge)
        return !overflow && sum <= granted
    }

    /// Counts a charge that ``allows(_:)`` has allowed.
    mutating func add(_ charge: UInt64) { charged &+= charge }

    mutating func consume(_ charge: UInt64) { consumed = min(charged, consumed &+ charge) }

    /// The credit that could be announced now; it never passes what a varint holds.
    /// [SCP-FLOW-7]
    var available: UInt64 {
        let (sum, overflow) = consumed.addingReportingOverflow(window)
        return max(granted, overflow ? Varint.maximum : min(Varint.maximum, sum))
    }

    /// Whether the window has opened far enough to say so: half of it, or any opening when a message of `threshold`
    /// charges would not have fitted into what is left.
    /// [SCP-FLOW-8]
    func isWorthAnnouncing(threshold: UInt64) -> Bool {
        let opening = available - granted
        if opening == 0 { return false }
        return opening >= window / 2 || granted - min(granted, charged) < threshold
    }

    /// Takes note that `credit` is being announced.
    mutating func announce(_ credit: UInt64) { granted = max(granted, credit) }
}

/// What a sender may charge and has reserved, for the connection or for one channel.
///
/// A message is started only if all started ones and it can finish inside the credit (the admission rule): reserving
/// the whole charge at the start says the same. [SCP-FLOW-6]
struct SendWindow {
    private(set) var credit: UInt64
    private(set) var reserved: UInt64 = 0

    init(credit: UInt64) { self.credit = credit }

    // [SCP-FLOW-2]
    func admits(_ charge: UInt64) -> Bool {
        let (sum, overflow) = reserved.addingReportingOverflow(charge)
        return !overflow && sum <= credit
    }

    mutating func reserve(_ charge: UInt64) { reserved &+= charge }

    /// Gives back the part of a cancelled message's reservation that was never sent.
    mutating func release(_ charge: UInt64) { reserved -= min(reserved, charge) }

    /// Takes a credit value; a smaller one is late and ignored. Says whether it grew.
    /// [SCP-FLOW-5]
    mutating func raise(to newCredit: UInt64) -> Bool {
        guard newCredit > credit else { return false }
        credit = newCredit
        return true
    }
}
