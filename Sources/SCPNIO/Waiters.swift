internal import NIOCore
internal import SCP

/// Tasks that wait in line, each with a ticket by which it can leave.
package struct WaitingLine<Entry> {
    // Most lines are empty for as long as their connection lives.
    private var entries = CircularBuffer<(ticket: UInt64, entry: Entry)>(initialCapacity: 1)

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }
    package var first: Entry? { entries.first?.entry }

    package mutating func append(_ entry: Entry, ticket: UInt64) { entries.append((ticket, entry)) }

    package mutating func removeFirst() -> Entry? { entries.popFirst()?.entry }

    package mutating func remove(_ ticket: UInt64) -> Entry? {
        guard let index = entries.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return entries.remove(at: index).entry
    }

    /// The first entry that `isWanted` picks.
    package mutating func removeFirst(where isWanted: (Entry) -> Bool) -> Entry? {
        guard let index = entries.firstIndex(where: { isWanted($0.entry) }) else { return nil }
        return entries.remove(at: index).entry
    }
}

/// A task whose message waits for room in the send buffer.
struct WaitingSender {
    let bytes: ByteBuffer
    let channel: SCP.Channel
    let continuation: CheckedContinuation<MessageID, any Error>
}

/// A task that waits for a message: of one channel, or of any.
struct WaitingReceiver {
    let channel: SCP.Channel?
    let continuation: CheckedContinuation<Message?, any Error>
}

/// What is to be told to tasks once the lock is released: a continuation may run anything.
struct Resumptions {
    private enum Resumption {
        case sender(WaitingSender, Result<MessageID, any Error>)
        case receiver(WaitingReceiver, Result<Message?, any Error>)
        case established(CheckedContinuation<Peer, any Error>, Result<Peer, any Error>)
        case closed(CheckedContinuation<Closure, any Error>, Result<Closure, any Error>)
    }

    private var all: [Resumption] = []

    mutating func add(_ sender: WaitingSender, _ result: Result<MessageID, any Error>) {
        all.append(.sender(sender, result))
    }
    mutating func add(_ receiver: WaitingReceiver, _ result: Result<Message?, any Error>) {
        all.append(.receiver(receiver, result))
    }
    mutating func add(_ continuation: CheckedContinuation<Peer, any Error>, _ result: Result<Peer, any Error>) {
        all.append(.established(continuation, result))
    }
    mutating func add(_ continuation: CheckedContinuation<Closure, any Error>, _ result: Result<Closure, any Error>) {
        all.append(.closed(continuation, result))
    }

    func run() {
        for resumption in all {
            switch resumption {
            case .sender(let sender, let result): sender.continuation.resume(with: result)
            case .receiver(let receiver, let result): receiver.continuation.resume(with: result)
            case .established(let continuation, let result): continuation.resume(with: result)
            case .closed(let continuation, let result): continuation.resume(with: result)
            }
        }
    }
}
