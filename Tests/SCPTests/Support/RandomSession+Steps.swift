import SCPGcrypt
import Testing

@testable import SCP

/// What may happen next.
extension RandomSession {
    mutating func step() {
        let end = Int.random(in: 0..<2, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: deliver(to: end)
        case 30..<45: send(from: end)
        case 45..<60: read(end)
        case 60..<72: poll(end, all: false)
        case 72..<80: pass(.milliseconds(Int.random(in: 0..<60, using: &random)))
        case 80: pass(.milliseconds(Int.random(in: 0..<9_000, using: &random)))
        case 81..<87: cancel(end)
        default: call(end)
        }
        // An adapter polls after every input.
        poll(end)
        check(0)
        check(1)
    }

    /// Delivers some of the bytes that are on their way.
    mutating func deliver(to end: Int, all: Bool = false) {
        let count = wires[end].count
        if count > 0 {
            let sizes = [1, 14, 63, 500, 5_000, count, count, count]
            let part = all ? count : min(count, sizes.randomElement(using: &random) ?? 1)
            var bytes = Array(wires[end][..<part])
            wires[end].removeFirst(part)
            trace += bytes
            let instant = now
            with(end) { engine in
                var span = bytes.mutableSpan
                try? engine.receive(&span, at: instant)
            }
        } else if let how = ends[end], !hasToldEnd[end] {
            hasToldEnd[end] = true
            let instant = now
            with(end) { $0.receiveEnd(how, at: instant) }
        }
        poll(end)
        check(end)
    }

    private mutating func send(from end: Int) {
        let channel = Self.channels(Int.random(in: 0..<5, using: &random))
        let size = [0, 1, 40, 1_500, limits.messageLimit, limits.messageLimit + 1].randomElement(using: &random) ?? 0
        let (bytes, instant) = (random.bytes(size), now)
        let result = with(end) { engine in
            do throws(SendError) {
                return Swift.Result<MessageID, SendError>.success(try engine.send(bytes.span, on: channel, at: instant))
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let id):
            let isEstablished = with(end) { $0.state == .established }
            #expect(size <= limits.messageLimit || !isEstablished)
            sides[end].sent[Sent(channel: channel, id: id.rawValue)] = bytes
        case .failure(.tooLarge(let limit)): #expect(size > limit)
        case .failure(.full), .failure(.finished): break
        case .failure(.closed):
            let state = with(end) { $0.state }
            #expect([.closing, .draining, .closed].contains(state) || isClosing[end])
        case .failure(.invalidChannel): Issue.record("channel \(channel) refused")
        }
    }

    mutating func read(_ end: Int) {
        let (instant, any) = (now, Bool.random(using: &random))
        let channel = any ? nil : Self.channels(Int.random(in: 0..<5, using: &random))
        let seen = with(end) { engine in
            engine.read(from: channel, at: instant) { message, bytes in (message, bytes.indices.map { bytes[$0] }) }
        }
        guard let (message, bytes) = seen else { return }
        let key = Sent(channel: message.channel, id: message.id.rawValue)
        // S2, S3: what was sent, once.
        #expect(sides[1 - end].sent[key] == bytes)
        #expect(sides[end].read.updateValue(bytes, forKey: key) == nil)
        let last = sides[end].order[message.channel]?.last
        if [.reliableOrdered, .unreliableSequenced].contains(message.channel.mode), let last {
            #expect(message.id.rawValue > last)
        }
        sides[end].order[message.channel, default: []].append(message.id.rawValue)
    }

    private mutating func cancel(_ end: Int) {
        guard let message = sides[end].sent.keys.sorted(by: { $0.id < $1.id }).randomElement(using: &random)
        else { return }
        let instant = now
        let isCancelled = with(end) {
            $0.cancel(MessageID(rawValue: message.id), on: message.channel, at: instant)
        }
        if isCancelled { sides[end].cancelled.insert(message) }
    }

    private mutating func call(_ end: Int) {
        let instant = now
        let (accepts, after) = (Int.random(in: 0..<8, using: &random) > 0, Bool.random(using: &random))
        switch Int.random(in: 0..<80, using: &random) {
        case 0..<20: with(end) { $0.ping(at: instant) }
        case 20..<30: with(end) { $0.refuse(MessageID(rawValue: 1), at: instant) }
        case 30..<45: with(end) { $0.rotateKeys(at: instant) }
        case 45..<68: with(end) { $0.resolveIdentity(accepts ? .accept : .reject, at: instant) }
        case 68..<71: with(end) { $0.finish(at: instant) }
        case 71..<74:
            with(end) { $0.close(reason: "done", afterPeerFinished: after, at: instant) }
            isClosing[end] = true
        case 74:
            with(end) { $0.abort(ErrorCode(rawValue: 0x1001), at: instant) }
            isClosing[end] = true
        default: pass(.zero)
        }
    }

    /// Time passes for both; sometimes a clock goes back.
    mutating func pass(_ duration: Duration) {
        now = now.advanced(by: duration)
        for end in [0, 1] {
            let instant = now
            if Int.random(in: 0..<10, using: &random) == 0 {
                let early = Instant(nanoseconds: now.nanoseconds / 2)
                with(end) { $0.advance(to: early) }
                poll(end)
            }
            with(end) { $0.advance(to: instant) }
            poll(end)
            checkDeadline(end)
            check(end)
        }
    }

    /// Something that no transport should do.
    mutating func damage(_ fault: Fault) {
        let end = Int.random(in: 0..<2, using: &random)
        let count = wires[end].count
        switch fault {
        case .none: return
        case .endOfStream, .reset:
            // The stream to this end is over; what is on its way may still come, or not.
            if Bool.random(using: &random) { wires[end] = [] }
            ends[end] = fault == .reset ? .failed : .endOfStream
            return
        case .injectedBytes:
            let bytes = random.plausibleBytes(Int.random(in: 1..<80, using: &random))
            wires[end].insert(contentsOf: bytes, at: Int.random(in: 0...count, using: &random))
            return
        case .reflectedBytes:
            wires[end] += wires[1 - end]
            return
        default: break
        }
        guard count > 0 else { return }
        let start = Int.random(in: 0..<count, using: &random)
        let range = start..<min(count, start + Int.random(in: 1..<200, using: &random))
        switch fault {
        case .changedByte: wires[end][start] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case .removedBytes: wires[end].removeSubrange(range)
        default: wires[end].insert(contentsOf: wires[end][range], at: range.upperBound)
        }
    }

    /// Goes through the handshake, as far as nobody has to be asked.
    mutating func shakeHands() {
        for _ in 0..<6 {
            poll(0)
            deliver(to: 1, all: true)
            deliver(to: 0, all: true)
        }
    }

    // MARK: The end

    /// Delivers everything and lets time pass until both are closed, then reads what is left.
    mutating func finish() {
        for end in [0, 1] {
            let instant = now
            with(end) { $0.close(at: instant) }
            isClosing[end] = true
            poll(end)
        }
        for _ in 0..<400 {
            for end in [0, 1] {
                deliver(to: end, all: true)
                for _ in 0..<20 { read(end) }
                poll(end)
            }
            pass(.milliseconds(100))
            if with(0, { $0.state == .closed }), with(1, { $0.state == .closed }) { break }
        }
        pass(.seconds(100))
        for end in [0, 1] {
            var before = -1
            while before != sides[end].read.count {
                before = sides[end].read.count
                for _ in 0..<30 { read(end) }
            }
        }
    }

    /// What must be true once it is over, whatever happened.
    mutating func checkEnd(_ fault: Fault) {
        for end in [0, 1] {
            let (state, deadline) = with(end) { ($0.state, $0.deadline) }
            #expect(state == .closed && deadline == nil)
            let ends = sides[end].events.filter { if case .closed = $0 { true } else { false } }
            #expect(ends.count == 1)
            let (mine, theirs) = (sides[end], sides[1 - end])
            // S11: what was reported as delivered was.
            for (message, _) in mine.sent where message.channel.mode.isReliable && !mine.cancelled.contains(message) {
                let isReported =
                    message.id <= mine.watermarks[message.channel] ?? 0
                    && mine.watermarks[message.channel] != nil
                if isReported || mine.closure == .clean, with(1 - end, { $0.peer != nil }) {
                    #expect(theirs.read[message] != nil, "\(message) of \(end) is lost")
                }
            }
            guard fault == .none else { continue }
            if case .failed(let error) = mine.closure {
                let allowed: [ErrorCode] = [
                    .identityRejected, .handshakeTimeout, .decisionTimeout, .idleTimeout, .handshakeUnconfirmed,
                    .transportFailed, .truncated, .noError,
                ]
                #expect(allowed.contains(error.code), "\(error)")
            }
        }
    }
}
