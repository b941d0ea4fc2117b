/// The sums of charges that both ends keep of each direction: for simulations, which see both and compare.
package struct FlowSums {
    /// Of what we send: charges taken from the credit, and the credit.
    package let reserved: UInt64
    package let credit: UInt64
    /// Of what the peer sends: charges counted, and the credit that was announced.
    package let charged: UInt64
    package let granted: UInt64
}

extension Connection {
    package var flowSums: FlowSums {
        FlowSums(
            reserved: outbox.connection.reserved, credit: outbox.connection.credit, charged: inbox.connection.charged,
            granted: inbox.connection.granted)
    }
}
