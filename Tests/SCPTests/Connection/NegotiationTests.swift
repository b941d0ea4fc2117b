import SCPGcrypt
import SCPMisbehaviours
import SCPSimulation
import Testing

@testable import SCP

/// Suites, pre-shared keys and application protocols.
@Suite struct NegotiationTests {
    // MARK: Suites

    /// [SCP-ITEM-4] [SCP-CLOSE-10] Every other suite octet is refused with the list of ours, whatever else is in M1.
    @Test(arguments: [0x00, 0x02, 0x03, 0x7f, 0x80, 0x81, 0x82, 0x83, 0xff] as [UInt8], [0, 32, 48, 1_216])
    func unsupportedSuites(suite: UInt8, noiseSize: Int) throws {
        let fixture = try Fixture()
        var duel = try Duel(.responder, fixture) { peer in try peer.introduce(peer.attempt) }
        let message = [suite, 0, 0] + [UInt8](repeating: 9, count: noiseSize)
        let error = duel.feed(try duel.peer.handshakeFrame(.handshakeInit, message))
        duel.poll()
        #expect(error?.code == .unsupportedSuite)
        let frames = duel.takeFrames()
        #expect(frames.map(\.closeCode) == [.unsupportedSuite])
        #expect(frames[0].closeList == [0x01])
    }

    /// The initiator is told which suites there are.
    @Test func suitesAreListed() throws {
        var fixture = try Fixture()
        fixture.responder.usePresharedKeys(.common(try fixture.provider.randomSecret(count: 32)))
        var pipe = try fixture.pipe()
        pipe.settle()
        let told = pipe.events[.initiator]?.last?.failure
        #expect(told?.code == .unsupportedSuite && told?.alternatives == [0x81])
        #expect(told?.origin == .peer(isAuthenticated: false))
    }

    /// [SCP-ITEM-28] [SCP-ITEM-23] [SCP-ITEM-24] Lists in M2: a better suite that was possible after all, a list
    /// without the one in use, no list, an empty one; suites and versions that nobody here wants do no harm.
    @Test(
        arguments: [
            (itemBytes(0x0c, [1]) + itemBytes(0x0d, [1]), nil),
            (itemBytes(0x0c, [1, 2, 9]) + itemBytes(0x0d, [1, 2, 0x81, 0xff]), nil),
            (itemBytes(0x0d, [1]) + itemBytes(0x0c, [1]), nil),
            (itemBytes(0x0c, [1]) + itemBytes(0x0d, [2]), .malformedFrame),
            (itemBytes(0x0c, [2]) + itemBytes(0x0d, [1]), .malformedFrame),
            (itemBytes(0x0c, [1]), .malformedFrame), (itemBytes(0x0d, [1]), .malformedFrame), ([], .malformedFrame),
            (itemBytes(0x0c, []) + itemBytes(0x0d, [1]), .malformedFrame),
            (itemBytes(0x0c, [1]) + itemBytes(0x0d, []), .malformedFrame),
        ] as [([UInt8], ErrorCode?)])
    func listsInMessage2(items: [UInt8], code: ErrorCode?) throws {
        let error = try errorOf(items: items)
        #expect(error?.code == code)
    }

    /// What an initiator says to a RESPONSE with these items; nil when it goes on.
    private func errorOf(
        items: [UInt8], _ change: (inout Configuration<GcryptProvider>) throws -> Void = { _ in }
    ) throws -> ConnectionError? {
        var fixture = try Fixture()
        try change(&fixture.initiator)
        var duel = try Duel.at(.waiting, .initiator, fixture) { $0.items = items }
        try duel.peer.readInit(Frames.split(duel.written).frames[0])
        let error = duel.feed(try duel.peer.responseFrame())
        duel.poll()
        let frames = duel.takeFrames()
        // [SCP-HS-24] No message 3 unless everything is right.
        #expect(frames.map(\.kind) == (error == nil ? ["ack/0"] : ["close/0"]))
        #expect(frames[0].closeCode == error?.code)
        return error
    }

    /// [SCP-ITEM-28] An initiator that would rather have had a hybrid suite, and came down to the classic one.
    @Test(
        arguments: [
            ([1], nil), ([2, 1], .downgradeDetected), ([1, 0x82, 2], .downgradeDetected),
        ] as [([UInt8], ErrorCode?)])
    func downgradeIsDetected(list: [UInt8], code: ErrorCode?) throws {
        var fixture = try Fixture()
        var (handshake, message) = try InitiatorHandshake.begin(fixture.initiator)
        let frame = try HandshakeFrame.message(
            message, type: .handshakeInit, attempt: handshake.attempt, hello: handshake.hello.hello,
            key: handshake.hello.initiatorToResponder)
        var peer = HostilePeer(.responder, fixture)
        peer.items = itemBytes(0x0c, [1]) + itemBytes(0x0d, list)
        try peer.readInit(frame)
        let response = try peer.responseFrame()
        fixture.initiator.suites = [.hybrid, .classic]
        var seen: ErrorCode?
        do throws(Violation) {
            _ = try handshake.read(response.span, header: try header(response), fixture.initiator)
        } catch {
            seen = error.code
        }
        #expect(seen == code)
    }

    private func header(_ frame: [UInt8]) throws(Violation) -> FrameHeader {
        do throws(WireError) {
            return try FrameHeader.parse(frame.span, limit: 16_384)
        } catch {
            throw Violation(error)
        }
    }

    /// [SCP-ITEM-22] A credential that nobody asked for.
    @Test func credentialsAreRefused() throws {
        let lists = itemBytes(0x0c, [1]) + itemBytes(0x0d, [1])
        #expect(try errorOf(items: lists + itemBytes(0x0b, [1, 2, 3]))?.code == .credentialInvalid)
        #expect(try errorOf(items: itemBytes(0x0b, [1]) + lists + itemBytes(0x0b, [1]))?.code == .malformedFrame)
        #expect(try codeOf(message3: itemBytes(0x0b, [])) == .credentialInvalid)
    }

    /// What a responder says to an ACK with these items; nil when the session stands.
    private func codeOf(
        message3 items: [UInt8], _ change: (inout Configuration<GcryptProvider>) -> Void = { _ in }
    ) throws -> ErrorCode? {
        var fixture = try Fixture()
        change(&fixture.responder)
        var duel = try Duel.at(.halfOpen, .responder, fixture) { $0.items = items }
        let error = duel.feed(try duel.peer.ackFrame())
        duel.poll()
        // [SCP-HS-29] A message 3 with bad items has failed: the connection ends in epoch 0. What a good one shows, and
        // nobody wants, is refused as its peer is, in epoch 1. [SCP-ID-11]
        let refusal = error?.code == .credentialInvalid ? "close/1" : "close/0"
        #expect(duel.takeFrames().map(\.kind) == (error == nil ? ["data/1"] : [refusal]))
        return error?.code
    }

    // MARK: Application protocols

    private static let lists: [[ApplicationProtocol]] = [[], ["a"], ["b"], ["a", "b"], ["b", "a"], ["c", "b"]]

    /// [SCP-ITEM-29] [SCP-ITEM-30] Every combination: the initiator's first that the responder has, none when nobody
    /// wants one, and otherwise no session.
    @Test(arguments: lists, lists)
    func protocols(wanted: [ApplicationProtocol], offered: [ApplicationProtocol]) throws {
        var fixture = try Fixture()
        fixture.initiator.applicationProtocols = wanted
        fixture.responder.applicationProtocols = offered
        var pipe = try fixture.pipe()
        pipe.settle()
        let common = wanted.first { offered.contains($0) }
        if wanted.isEmpty && offered.isEmpty || common != nil {
            let (first, second) = (pipe.initiator.peer, pipe.responder.peer)
            #expect(first?.applicationProtocol == common && second?.applicationProtocol == common)
            #expect(first != nil && second != nil)
        } else {
            #expect(pipe.events[.initiator]?.last?.failure?.code == .noApplicationProtocol)
            #expect(pipe.events[.responder]?.last?.failure?.code == .noApplicationProtocol)
            #expect(pipe.initiator.peer == nil && pipe.responder.peer == nil)
        }
    }

    /// [SCP-ITEM-31] [SCP-ITEM-21] Choices in M3 that an initiator may not make.
    @Test(
        arguments: [
            (["a"], itemBytes(0x0a, [1, 0x61]), nil), (["a"], itemBytes(0x0a, [1, 0x62]), .noApplicationProtocol),
            (["a"], [], .malformedFrame), ([], itemBytes(0x0a, [1, 0x61]), .malformedFrame),
            (["a", "b"], itemBytes(0x0a, [1, 0x61, 1, 0x62]), .malformedFrame),
            (["a"], itemBytes(0x0a, []), .malformedFrame), (["a"], itemBytes(0x0a, [0]), .malformedFrame),
            (["a"], itemBytes(0x0a, [2, 0x61]), .malformedFrame),
            (["a"], itemBytes(0x0a, [1, 0x61, 0]), .malformedFrame),
            (["a"], itemBytes(0x0a, [2, 0x61, 0x61]), .noApplicationProtocol),
            ([], itemBytes(0x0c, [1]), .malformedFrame), ([], itemBytes(0x01, varintBytes(4_096)), .malformedFrame),
            ([], itemBytes(0x10, [1]), nil), ([], itemBytes(0x11, [1]), .malformedFrame),
            ([], itemBytes(0x00, [1, 2, 3]), nil),
        ] as [([ApplicationProtocol], [UInt8], ErrorCode?)])
    func choices(offered: [ApplicationProtocol], items: [UInt8], code: ErrorCode?) throws {
        #expect(try codeOf(message3: items) { $0.applicationProtocols = offered } == code)
    }

    /// Only names of 1 to 255 bytes, 4,096 in all, are taken from the embedder.
    @Test func protocolBounds() throws {
        var fixture = try Fixture()
        for names in [
            [ApplicationProtocol([])], [ApplicationProtocol([UInt8](repeating: 1, count: 256))],
            [ApplicationProtocol](repeating: ApplicationProtocol([UInt8](repeating: 1, count: 255)), count: 17),
        ] {
            fixture.initiator.applicationProtocols = names
            #expect(throws: ConfigurationError.applicationProtocol) {
                _ = try Connection(.initiator, fixture.initiator, at: .zero)
            }
        }
        let largest = (0..<16).map { ApplicationProtocol([UInt8](repeating: $0, count: 255)) }
        fixture.initiator.applicationProtocols = [largest[15]]
        fixture.responder.applicationProtocols = largest
        let pipe = try fixture.established()
        #expect(pipe.initiator.peer?.applicationProtocol == largest[15])
    }
}
