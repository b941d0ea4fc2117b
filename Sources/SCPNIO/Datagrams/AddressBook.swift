internal import NIOCore
internal import SCP

/// Addresses of sockets as the engine has them, numbers, and back: paths of Unix-domain sockets and IPv6 addresses with
/// a scope are more than numbers, so all that were met are kept for a while.
struct AddressBook {
    /// Strangers that are remembered, until their answers have been sent at the latest.
    private static let maximumStrangers = 1_024

    private var sockets: [SCP.Address: SocketAddress] = [:]
    /// Numbers of addresses that are not numbers themselves.
    private var numbers: [[UInt8]: UInt64] = [:]
    private var lastNumber: UInt64 = 0
    private var limit = maximumStrangers
    /// Datagrams mostly come from where the last one came from.
    private var last: (socket: SocketAddress, address: SCP.Address)?

    /// The engine's form; nil for an address that nothing can be sent to.
    mutating func address(of socket: SocketAddress) -> SCP.Address? {
        if let last, last.address.family != .other, last.socket == socket { return last.address }
        guard let address = number(socket) else { return nil }
        sockets[address] = socket
        last = (socket, address)
        return address
    }

    func socket(of address: SCP.Address) -> SocketAddress? {
        if let last, last.address == address { return last.socket }
        return sockets[address]
    }

    /// Forgets those that nobody needs, once they are many. Not between a datagram and the answer to it.
    mutating func tidy(_ isUsed: (SCP.Address) -> Bool) {
        guard sockets.count > limit else { return }
        sockets = sockets.filter { isUsed($0.key) }
        numbers = numbers.filter { sockets[SCP.Address(other: $0.value)] != nil }
        last = nil
        limit = 2 * sockets.count + AddressBook.maximumStrangers
    }

    private mutating func number(_ socket: SocketAddress) -> SCP.Address? {
        if let address = SCP.Address(socket) { return address }
        let bytes = socket.bytes
        // A Unix-domain socket without a name: nothing behind the family.
        guard bytes.dropFirst(2).contains(where: { $0 != 0 }) else { return nil }
        if let number = numbers[bytes] { return SCP.Address(other: number) }
        lastNumber += 1
        numbers[bytes] = lastNumber
        return SCP.Address(other: lastNumber)
    }
}
