import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Two initiators on a stream that meet.
@Suite("Symmetric open on streams")
struct SymmetricStreamTests {
    private func fixture() throws -> Fixture {
        var fixture = try Fixture()
        fixture.responder.identityPolicy = .pinned(fixture.initiatorPublic)
        fixture.responder.responderKey = fixture.initiatorPublic
        fixture.initiator.isSymmetric = true
        fixture.responder.isSymmetric = true
        return fixture
    }

    /// The headers of everything that an end has written, taken as it leaves.
    private func headers(_ bytes: [UInt8]) -> [FrameHeader] {
        var result: [FrameHeader] = []
        var offset = 0
        while let header = try? FrameHeader.parse(bytes.span, at: offset, limit: 1 << 20) {
            result.append(header)
            offset += header.frameSize
        }
        return result
    }

    /// SHA-256 of the message 1 that a stream begins with, without the fields around it.
    private func message1(_ written: [UInt8]?) throws -> Digest {
        let bytes = try #require(written)
        let header = try FrameHeader.parse(bytes.span, at: 0, limit: 1 << 20)
        let message = bytes[(FrameHeader.size + 15 + 32)..<(FrameHeader.size + header.length)]
        return try GcryptProvider().hash(Array(message).span, Span())
    }

    /// Scenario 26. [SCP-HS-36]
    @Test("one session, opposite roles, gapless counters, however the bytes are cut", arguments: [1, 7, 64, .max])
    func meets(segment: Int) throws {
        var roles: Set<Role> = []
        // Which of two random digests is larger is a coin's fall.
        for _ in 0..<12 {
            let fixture = try fixture()
            var pipe = try Pipe(meeting: fixture.initiator, fixture.responder)
            _ = try pipe.initiator.send("from the first", at: pipe.now)
            _ = try pipe.responder.send("from the second", at: pipe.now)
            var written: [Pipe<GcryptProvider>.End: [UInt8]] = [.initiator: [], .responder: []]
            for _ in 0..<40 {
                for end in Pipe<GcryptProvider>.End.allCases {
                    let before = pipe.inFlight(from: end).count
                    pipe.collect(from: end)
                    written[end, default: []] += pipe.inFlight(from: end).dropFirst(before)
                }
                for end in Pipe<GcryptProvider>.End.allCases {
                    while try pipe.deliver(to: end, upTo: segment) > 0 {}
                }
            }
            #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
            #expect(pipe.initiator.role == pipe.responder.role.peer)
            let openings = try [message1(written[.initiator]), message1(written[.responder])]
            #expect(pipe.initiator.role == (openings[0].order(openings[1]) == .larger ? .initiator : .responder))
            roles.insert(pipe.initiator.role)
            let sessions = [pipe.initiator.sessionIdentifier, pipe.responder.sessionIdentifier]
            #expect(sessions[0]?.order(try #require(sessions[1])) == .same)
            #expect(pipe.responder.readText(at: pipe.now) == "from the first")
            #expect(pipe.initiator.readText(at: pipe.now) == "from the second")
            for end in Pipe<GcryptProvider>.End.allCases {
                let counters = headers(written[end] ?? []).filter { $0.sequence.epoch == 1 }.map(\.sequence.counter)
                #expect(counters == Array(0..<UInt64(counters.count)) && counters.count > 1)
            }
        }
        #expect(roles.count == 2)
    }

    /// [SCP-HS-36] "off by default" [SCP-STATE-2]
    @Test("an initiator that is not symmetric refuses an INIT")
    func off() throws {
        var fixture = try fixture()
        fixture.initiator.isSymmetric = false
        var pipe = try Pipe(meeting: fixture.initiator, fixture.responder)
        pipe.collect(from: .responder)
        #expect {
            try pipe.deliver(to: .initiator)
        } throws: {
            ($0 as? ConnectionError)?.code == .unexpectedMessage
        }
    }

    /// [SCP-HS-36] "An INIT of the own attempt, or with the own M1, is answered with UNEXPECTED_MESSAGE."
    @Test("the own INIT comes back: refused")
    func reflected() throws {
        var fixture = try fixture()
        fixture.initiator.responderKey = nil
        fixture.initiator.identityPolicy = .anyone
        fixture.initiator.allowsSelfConnection = true
        var pipe = try Pipe(meeting: fixture.initiator, fixture.responder)
        pipe.collect(from: .initiator)
        pipe.replaceInFlight(from: .responder, with: pipe.inFlight(from: .initiator))
        #expect {
            try pipe.deliver(to: .initiator)
        } throws: {
            ($0 as? ConnectionError)?.code == .unexpectedMessage
        }
    }

    /// [SCP-HS-36]
    @Test("a damaged INIT is no reason to give way")
    func damaged() throws {
        let fixture = try fixture()
        var pipe = try Pipe(meeting: fixture.initiator, fixture.responder)
        pipe.collect(from: .responder)
        var bytes = pipe.inFlight(from: .responder)
        bytes[bytes.count - 1] ^= 1
        pipe.replaceInFlight(from: .responder, with: bytes)
        #expect {
            try pipe.deliver(to: .initiator)
        } throws: {
            ($0 as? ConnectionError)?.code == .authenticationFailed
        }
    }

    /// [SCP-HS-36]
    @Test("a symmetric initiator and one that only answers")
    func oneSided() throws {
        let fixture = try fixture()
        var pipe = try fixture.pipe()
        pipe.settle()
        #expect(pipe.initiator.role == .initiator && pipe.responder.role == .responder)
        #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
    }

    /// [SCP-HS-36] [SCP-FLOW-12]
    @Test("the one that gives way asks about its peer as a responder does")
    func asks() throws {
        for _ in 0..<8 {
            var fixture = try fixture()
            fixture.initiator.identityPolicy = .ask
            fixture.responder.identityPolicy = .ask
            var pipe = try Pipe(meeting: fixture.initiator, fixture.responder)
            _ = try pipe.initiator.send("waits", at: pipe.now)
            pipe.settle()
            pipe.initiator.resolveIdentity(.accept, at: pipe.now)
            pipe.settle()
            pipe.responder.resolveIdentity(.accept, at: pipe.now)
            pipe.settle()
            pipe.initiator.resolveIdentity(.accept, at: pipe.now)
            pipe.settle()
            #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
            #expect(pipe.responder.readText(at: pipe.now) == "waits")
        }
    }
}
