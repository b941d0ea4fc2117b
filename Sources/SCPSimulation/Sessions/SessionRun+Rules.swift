internal import SCP

/// The rules that hold after every step.
extension SessionRun {
    private static var memoryCeiling: Int { 1 << 20 }

    func look() throws(BrokenInvariant) {
        for side in 0..<2 {
            answer(side)
            world.collect(side)
            let frames = witness.sentFrames[side]
            world.collect(side)
            if witness.sentFrames[side] > frames {
                throw BrokenInvariant("S8", "side \(side) had more to say, with nothing in between")
            }
            try hear(side)
        }
        try lookAtTime()
        try lookAtEngines()
        try lookAtKeys()
        if let broken = witness.broken { throw broken }
    }

    private func lookAtTime() throws(BrokenInvariant) {
        stepsAtOnce = world.now == lastInstant ? stepsAtOnce + 1 : 0
        lastInstant = world.now
        if stepsAtOnce > 10_000 { throw BrokenInvariant("T3", "time stands still") }
        for side in 0..<2 {
            let engine = world.engines[side]
            if engine.connection.state == .closed, let deadline = engine.connection.deadline {
                throw BrokenInvariant("T3", "a closed connection waits for \(deadline)")
            }
        }
    }

    private func lookAtEngines() throws(BrokenInvariant) {
        for side in 0..<2 where world.engines[side].connection.memory > Self.memoryCeiling {
            throw BrokenInvariant("S7", "side \(side) holds \(world.engines[side].connection.memory) bytes")
        }
        let states = world.engines.map { $0.connection.state }
        if states == [.established, .established], abs(Int(epochs[0]) - Int(epochs[1])) > 1 {
            throw BrokenInvariant("S6", "epochs \(epochs)")
        }
        let sessions = world.engines.map { $0.connection.sessionIdentifier }
        if let first = sessions[0], let second = sessions[1], first.indices.contains(where: { first[$0] != second[$0] })
        {
            throw BrokenInvariant("S12", "the two sides have different sessions")
        }
        if world.engines[0].connection.role == world.engines[1].connection.role {
            throw BrokenInvariant("S12", "both sides have one role")
        }
        if plan.transport == .datagrams, [.awaitingInit, .halfOpen].contains(states[1]),
            witness.sentBytes[1] > 3 * witness.receivedBytes[1]
        {
            throw BrokenInvariant("S9", "\(witness.sentBytes[1]) bytes sent for \(witness.receivedBytes[1])")
        }
    }

    /// [S5] [S6] [T5]
    private func lookAtKeys() throws(BrokenInvariant) {
        let prints = world.engines.map { $0.connection.keyFingerprints() }
        for side in 0..<2 {
            let (own, other) = (prints[side], prints[1 - side])
            if own.sending.count > 2 || own.receiving.count > 2 {
                throw BrokenInvariant("S6", "side \(side) has keys of \(own.sending.keys) and \(own.receiving.keys)")
            }
            for (epoch, print) in own.sending {
                guard let theirs = other.receiving[epoch] else { continue }
                guard print.order(theirs) == .same else {
                    throw BrokenInvariant("S5", "the sides have different keys for epoch \(epoch)")
                }
            }
            if world.engines[side].connection.state == .closed, !own.sending.isEmpty || !own.receiving.isEmpty {
                throw BrokenInvariant("T5", "a closed connection has keys")
            }
        }
        let bindings = world.engines.compactMap { engine in
            engine.connection.channelBinding.map { secret in
                let bytes = secret.bytes
                return bytes.indices.map { bytes[$0] }
            }
        }
        if bindings.count == 2, bindings[0] != bindings[1] {
            throw BrokenInvariant("S5", "the sides export different keys")
        }
    }

    /// On a network that is good again, with readers that read.
    /// [T2] [T7]
    func lookAtProgress(missing: Int) throws(BrokenInvariant) {
        if missing < lastArrival.missing { lastArrival = (missing, world.now) }
        let quiet = world.now.since(lastArrival.at)
        // The longest wait for an answer to a probe, ten times over, and one interval of a probe that is as long as
        // probes may be. [SCP-DGRAM-32] [SCP-FLOW-10]
        let timeout = world.engines.compactMap { $0.connection.probeTimeout }.max() ?? .zero
        guard quiet > timeout * 10 + .seconds(5), !world.isCutOff else { return }
        if missing > 0 { throw BrokenInvariant("T7", "\(missing) messages, and nothing has arrived for \(quiet)") }
        let states = world.engines.map { $0.connection.state }
        throw BrokenInvariant("T2", "for \(quiet) epochs \(epochs), states \(states)")
    }
}
