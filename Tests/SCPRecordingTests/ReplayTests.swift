import SCP
import SCPGcrypt
import Testing

@testable import SCPRecording

/// A recorded session is done again bit for bit; and when it is not, the step that made the difference is found.
struct ReplayTests {
    private let provider: GcryptProvider

    init() throws { provider = try GcryptProvider() }

    /// What the replayed end says, put together as the test put it together while it was recorded.
    private func replay(_ recording: [UInt8]) throws -> (said: RecordedPair.Said, steps: Int) {
        var replay = try Replay(try RecordingReader(recording), provider)
        var said = RecordedPair.Said()
        var steps = 0
        while let step = try replay.step() {
            steps += 1
            #expect(step.number == steps)
            switch step.outcome {
            case .transmitted(_, let bytes): said.bytes += bytes
            case .event(let event?): said.events.append(event)
            case .message(_, let bytes): said.messages.append(bytes)
            default: break
            }
        }
        return (said, steps)
    }

    /// With two rotations, one asked for by each end; in suite 0x82 ML-KEM takes part in all of it.
    @Test(arguments: 0..<2, [false, true])
    func aWholeSession(side: Int, isHybrid: Bool) throws {
        let session = try RecordedSession.whole(isHybrid: isHybrid)
        let (said, steps) = try replay(session.recordings[side])
        #expect(said == session.said[side])
        #expect(steps > 100)
        // It was a session worth recording.
        #expect(said.messages.count >= 8)
        #expect(said.events.contains(.rotated(epoch: 3)))
        #expect(said.events.contains { if case .closed(let closure) = $0 { closure.isOrderly } else { false } })
        // A key pair for each exchange that this end began, which was then decapsulated, and a secret for each other.
        let kinds = try Parts(session.recordings[side]).entries.map(\.kind)
        let count = { kind in kinds.count { $0 == kind } }
        let begun = isHybrid ? (side == 0 ? 2 : 1) : 0
        #expect(count(.encapsulationKey) == begun && count(.decapsulatedSecret) == begun)
        #expect(count(.encapsulatedSecret) == (isHybrid ? 3 - begun : 0))
        if side == 1 {
            #expect(said.events.contains { if case .agreementNeeded = $0 { true } else { false } })
            #expect(said.events.contains { if case .identityPending = $0 { true } else { false } })
        }
    }

    /// Credentials of both ends, accepted and rejected: their signatures are in the recordings, and no key is.
    @Test(arguments: [true, false])
    func credentials(isAccepted: Bool) throws {
        let session = try RecordedSession.withCredentials(isAccepted: isAccepted)
        for side in 0..<2 {
            #expect(try replay(session.recordings[side]).said == session.said[side])
            let kinds = try Parts(session.recordings[side]).entries.map(\.kind)
            #expect(kinds.count { $0 == .signature } == 1)
        }
        let end = session.said[1].events.last { if case .closed = $0 { true } else { false } }
        let isInvalid = if case .closed(.failed(let error)) = end { error.code == .credentialInvalid } else { false }
        #expect(isInvalid != isAccepted)
    }

    /// A signature is asked for over something else than was recorded.
    @Test func signatureOfSomethingElse() throws {
        let session = try RecordedSession.withCredentials(isAccepted: true)
        var parts = try Parts(session.recordings[0])
        let place = try #require(parts.entries.firstIndex { $0.kind == .signature })
        parts.entries[place].body[10] ^= 1
        let error = #expect(throws: ReplayError.self) { _ = try replay(parts.bytes) }
        guard case .diverged(let divergence) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(divergence.difference == .signature)
    }

    @Test func aSessionThatFails() throws {
        let session = try RecordedSession.failing()
        for side in 0..<2 {
            #expect(try replay(session.recordings[side]).said == session.said[side])
        }
        let isAuthentication = session.said[0].events.contains { event in
            if case .closed(.failed(let error)) = event { error.code == .authenticationFailed } else { false }
        }
        #expect(isAuthentication)
    }

    /// A byte of what an engine was given, asked its provider for, or gave back, is another: the replay says where.
    @Test(arguments: 0..<2, [false, true])
    func aChangedByte(side: Int, isHybrid: Bool) throws {
        let parts = try Parts(try RecordedSession.short(isHybrid: isHybrid).recordings[side])
        var tried = 0
        for index in parts.entries.indices {
            let entry = parts.entries[index]
            // Not the random bytes of a private key, which are used nowhere but in what was recorded, nor our own
            // public key where it is only compared.
            let kinds: [Entry.Kind] = [
                .receive, .sharedSecret, .outcome, .encapsulationKey, .encapsulatedSecret, .decapsulatedSecret,
            ]
            guard kinds.contains(entry.kind) else { continue }
            tried += 1
            var changed = parts
            changed.entries[index].body[entry.body.count - 1] ^= 1
            let step = parts.step(of: index)
            guard let found = ending(of: changed.bytes, provider) else {
                Issue.record("\(entry.kind) of step \(step)")
                continue
            }
            switch found {
            case .diverged(let divergence):
                #expect(divergence.step >= step)
                if entry.kind == .outcome { #expect(divergence.step == step) }
            case .recording(.malformed, let last): #expect(last == max(0, step - 1))
            default: Issue.record("\(entry.kind) of step \(step): \(found)")
            }
        }
        #expect(tried > 20)
    }

    /// A whole frame with a wrong byte is refused at once, so the step is exactly that of the frame.
    @Test func theStepIsExact() throws {
        var parts = try Parts(try RecordedSession.failing().recordings[1])
        let index = try #require(parts.entries.firstIndex { $0.kind == .receive })
        parts.entries[index].body[30] ^= 1
        let step = parts.step(of: index)
        guard case .diverged(let divergence) = ending(of: parts.bytes, provider) else {
            Issue.record("no divergence")
            return
        }
        #expect(divergence.step == step)
    }

    /// As a program does that ends while its connections wait for their last timers: they are in the middle of a step.
    @Test func finishedInTheMiddleOfAStep() throws {
        let memory = Memory()
        let recorder = memory.recorder
        var pair = try RecordedPair((Memory().recorder, recorder))
        pair.settle()
        _ = try pair.initiator.send([1, 2, 3].span, at: pair.now)
        pair.whileReading = { recorder.finish() }
        pair.settle()
        #expect(pair.said[1].messages == [[1, 2, 3]])
        let (said, steps) = try replay(memory.bytes)
        // Everything before the read that was under way.
        #expect(steps > 10 && said.messages.isEmpty)
        #expect(said.events.contains { if case .established = $0 { true } else { false } })
        #expect(pair.said[1].bytes.starts(with: said.bytes))
        // The recording itself has the input, and no outcome for it.
        #expect(try Parts(memory.bytes).entries.last?.kind == .read)
    }

    @Test func whatIsMissingOrTooMuchIsFound() throws {
        let parts = try Parts(try RecordedSession.short().recordings[0])
        let events = parts.entries.indices.dropLast().filter { parts.entries[$0].kind == .pollEvent }
        let event = try #require(events.first { parts.entries[$0 + 1] != Outcome.event(nil).entry })
        var without = parts
        without.entries.removeSubrange(event...event + 1)
        guard case .diverged = ending(of: without.bytes, provider) else {
            Issue.record("no divergence")
            return
        }

        // An answer that nobody asks for.
        var more = parts
        more.entries.insert(Answer.randomness(.success([1])).entry, at: event + 1)
        let expected = Divergence(step: parts.step(of: event), difference: .unusedAnswers(1))
        #expect(ending(of: more.bytes, provider) == .diverged(expected))

        // One that is missing.
        let place = try #require(parts.entries.firstIndex { $0.kind == .randomness })
        let count = try #require(randomCount(parts.entries[place]))
        var fewer = parts
        fewer.entries.remove(at: place)
        guard case .diverged(let divergence) = ending(of: fewer.bytes, provider) else {
            Issue.record("no divergence")
            return
        }
        #expect(divergence.step == parts.step(of: place) && divergence.difference == .randomness(count))
    }

    private func randomCount(_ entry: Entry) -> Int? {
        if case .randomness(.success(let bytes)) = Answer(entry) { bytes.count } else { nil }
    }

    /// A changed suite, key or ciphertext asks ML-KEM for something else than was recorded.
    @Test func anotherEncapsulation() throws {
        let recordings = try RecordedSession.short(isHybrid: true).recordings
        for (side, kind, place) in [
            (0, Entry.Kind.encapsulationKey, 600), (0, .decapsulatedSecret, 600), (1, .encapsulatedSecret, 600),
        ] {
            var parts = try Parts(recordings[side])
            let index = try #require(parts.entries.firstIndex { $0.kind == kind })
            parts.entries.remove(at: index)
            guard case .diverged(let missing) = ending(of: parts.bytes, provider) else {
                Issue.record("no divergence without \(kind)")
                continue
            }
            #expect(missing.step == parts.step(of: index) && missing.difference == .encapsulation)
            guard kind != .encapsulationKey else { continue }
            parts = try Parts(recordings[side])
            parts.entries[index].body[place] ^= 1
            guard case .diverged(let other) = ending(of: parts.bytes, provider) else {
                Issue.record("no divergence with another \(kind)")
                continue
            }
            #expect(other.step == parts.step(of: index) && other.difference == .encapsulation)
        }
    }

    /// A configuration that wants ML-KEM of a provider without it is refused again.
    @Test func aSuiteThatCannotBe() throws {
        let memory = [Memory(), Memory()]
        #expect(throws: ConfigurationError.suites) {
            _ = try RecordedPair((memory[0].recorder, memory[1].recorder)) { first, _ in first.use(.require) }
        }
        #expect(ending(of: memory[0].bytes, provider) == .notStarted(.suites))
    }

    /// Another engine - here one whose hash is another - is not the one that was recorded.
    @Test func anotherEngineDiverges() throws {
        let recording = try RecordedSession.short().recordings[0]
        do throws(ReplayError) {
            var replay = try Replay(try! RecordingReader(recording), OtherHash(base: provider))
            _ = try replay.run()
            Issue.record("the same")
        } catch {
            guard case .diverged = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    /// A connection that never was: its recording says so, and so does the replay.
    @Test func aConfigurationThatCannotBe() throws {
        let memory = [Memory(), Memory()]
        #expect(throws: ConfigurationError.accessKey) {
            _ = try RecordedPair((memory[0].recorder, memory[1].recorder)) { first, _ in
                first.accessKey = Secret(count: 31)
            }
        }
        #expect(ending(of: memory[0].bytes, provider) == .notStarted(.accessKey))
    }

    /// Every setting is in the recording: what is read gives the same bytes again.
    @Test func settingsAreKept() throws {
        let key = try provider.publicKey(of: provider.privateKey(provider.randomSecret(count: 32)))
        let secret = try provider.randomSecret(count: 32)
        let policies: [IdentityPolicy] = [
            .pinned(key), .allowed([]), .allowed([key, key]), .trustOnFirstUse(known: nil),
            .trustOnFirstUse(known: key), .ask, .anyone,
        ]
        for (number, policy) in policies.enumerated() {
            var settings = Configuration(provider: provider, identity: .external(key), identityPolicy: policy)
            // What is not recorded is the provider and the private key; whatever is added to a configuration must be.
            #expect(Mirror(reflecting: settings).children.count == 19)
            #expect(Mirror(reflecting: settings.limits).children.count == 8)
            #expect(Mirror(reflecting: settings.timers).children.count == 6)
            #expect(Mirror(reflecting: settings.rotation).children.count == 4)
            settings.usePresharedKeys(number % 2 == 0 ? .common(secret) : .perPeer([(key, secret), (key, secret)]))
            settings.responderKey = number % 3 == 0 ? key : nil
            settings.accessKey = secret
            settings.requiresHello = [.accessKey, .staticKey]
            settings.applicationProtocols = ["one", "another"]
            settings.suites = [.hybridPSK, .classicPSK]
            settings.offeredSuite = number % 2 == 0 ? .classicPSK : nil
            settings.limits.frameLimit = 2_048
            settings.limits.messageLimit = 1_001
            settings.limits.connectionCredit = 1_002
            settings.limits.channelCredit = 1_003
            settings.limits.channels = 4
            settings.limits.sendBuffer = 1_005
            settings.limits.writeHighWater = 1_006
            settings.limits.datagramSize = 1_300
            settings.timers.handshake = .milliseconds(7)
            settings.timers.decision = .seconds(8)
            settings.timers.idle = .seconds(9)
            settings.timers.flush = .seconds(10)
            settings.timers.closeWait = .seconds(11)
            settings.timers.keepAlive = true
            settings.rotation.bytes = 12
            settings.rotation.frames = 13
            settings.rotation.age = .nanoseconds(14)
            settings.rotation.mode = .authenticated
            settings.acknowledgesEveryMessage = true
            settings.isSilent = number % 2 == 0
            settings.allowsSelfConnection = true
            settings.isSymmetric = true
            settings.credential = Credential(scheme: .ed25519, chain: [[1, 2], [3]]) { $0 }
            settings.credentialPolicy = [.refused, .optional, .required][number % 3]
            let entry = Settings.entry(.responder, settings, at: Instant(nanoseconds: 15))
            let key = try provider.privateKey(provider.randomSecret(count: 32))
            let sign: Start<GcryptProvider>.Signer = { $0 }
            let parsed = Start<GcryptProvider>(entry, key: key, sign: sign) { isHybrid in
                #expect(!isHybrid)
                return provider
            }
            let start = try #require(parsed)
            #expect(start.role == .responder && start.now == Instant(nanoseconds: 15))
            #expect(Settings.entry(.responder, start.configuration, at: start.now) == entry)
            #expect(start.configuration.limits == settings.limits && start.configuration.timers == settings.timers)
            #expect(start.configuration.rotation == settings.rotation && start.path == nil)
        }
    }
}

/// Gcrypt, but for one bit of every hash.
private struct OtherHash: RecordProtection {
    let base: GcryptProvider

    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        var digest = try base.hash(first, second)
        digest[0] ^= 1
        return digest
    }
    func cipher(_ key: Secret) throws(CryptoError) -> GcryptCipher { try base.cipher(key) }
    func authenticator(_ key: Secret) throws(CryptoError) -> GcryptAuthenticator { try base.authenticator(key) }
    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
    }
    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.expand(pseudorandomKey, info: info, into: output)
    }
    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) { try base.fillRandom(&bytes) }
}
