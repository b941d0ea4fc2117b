/// Where the peer is, what may be sent there, and the address that it may have moved to.
struct DatagramPath {
    /// A challenge is repeated this often before the new address is given up.
    static let maximumChallenges = 4

    private(set) var remote: Address
    var limit = AmplificationLimit()
    /// What stands before frames that we send: the peer chose it. Empty: no prefix.
    var peerConnectionID: [UInt8] = []
    /// What the peer puts before frames for us. Empty: it cannot be found at another address.
    let ownConnectionID: [UInt8]
    private(set) var move: Move?
    /// Bytes of the datagram that is being worked on, and where it came from.
    private var lastSize = 0
    private var lastAddress: Address?
    /// The latest challenge, to be answered where it came from: the answer is smaller than three challenges.
    private(set) var answer: Answer?

    struct Answer {
        let address: Address
        let token: UInt64
    }

    /// An address that an authentic frame came from, and that has not been proved.
    struct Move {
        let address: Address
        let token: UInt64
        var limit = AmplificationLimit()
        var isOwed = true
        var waits = 0
        var repeatAt: Instant?
    }

    init(remote: Address, ownConnectionID: [UInt8]) {
        self.remote = remote
        self.ownConnectionID = ownConnectionID
    }

    /// Whether datagrams from an address may be looked at.
    func accepts(from address: Address) -> Bool { address == remote || !ownConnectionID.isEmpty }

    /// The newest authentic frame came from another address: it is asked to prove itself.
    /// [SCP-DGRAM-36]
    mutating func propose(_ address: Address, token: UInt64, until: Instant) {
        guard address != remote, move?.address != address else { return }
        move = Move(address: address, token: token, repeatAt: until)
        move?.limit.didReceive(lastSize)
    }

    mutating func didReceive(_ size: Int, from address: Address) {
        lastSize = size
        lastAddress = address
        if address == remote {
            limit.didReceive(size)
        } else if move?.address == address {
            move?.limit.didReceive(size)
        }
    }

    /// The peer asks whether we are where our frames seem to come from.
    mutating func owesAnswer(_ token: UInt64) { answer = Answer(address: lastAddress ?? remote, token: token) }

    mutating func takeAnswer() -> Answer? {
        defer { answer = nil }
        return answer
    }

    mutating func didSendAnswer(to address: Address, size: Int) {
        if address == remote {
            limit.didSend(size)
        } else if move?.address == address {
            move?.limit.didSend(size)
        }
    }

    /// The challenge that is due, if the new address has sent enough for it.
    func dueChallenge(size: Int) -> Move? {
        guard let move, move.isOwed, move.limit.allows(size) else { return nil }
        return move
    }

    mutating func didSendChallenge(size: Int, repeatAt: Instant) {
        move?.isOwed = false
        move?.limit.didSend(size)
        move?.repeatAt = repeatAt
    }

    /// Asks again, or gives the new address up.
    mutating func challengeExpired(next: Instant) {
        guard let waits = move?.waits else { return }
        if waits >= DatagramPath.maximumChallenges {
            move = nil
        } else {
            move?.waits = waits + 1
            move?.isOwed = true
            move?.repeatAt = next
        }
    }

    /// Takes a path response; true when the peer has moved.
    mutating func confirm(_ token: UInt64) -> Bool {
        guard let move, move.token == token else { return false }
        remote = move.address
        limit = move.limit
        limit.validate()
        self.move = nil
        return true
    }
}
