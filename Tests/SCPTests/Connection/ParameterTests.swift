import SCPGcrypt
import SCPMisbehaviours
import Testing

@testable import SCP

/// The parameters of both sides, as they stand in M1 and in M2.
@Suite struct ParameterTests {
    private static func item(_ id: UInt64, _ value: UInt64) -> [UInt8] { itemBytes(id, varintBytes(value)) }

    /// What every list means, in M1 and in M2 alike.
    static let lists: [([UInt8], ErrorCode?)] = [
        ([], nil),
        // [SCP-ITEM-12]
        (item(1, 2_048), nil), (item(1, 2_047), .malformedFrame), (item(1, 1 << 20), nil),
        (item(1, 1 << 20 + 1), .malformedFrame), (item(1, 0), .malformedFrame),
        // [SCP-ITEM-13]
        (item(2, 0), nil), (item(2, 262_112), nil), (item(2, 262_113), .malformedFrame),
        (item(2, 1 << 48) + item(3, 1 << 49) + item(4, 1 << 49), nil),
        (item(2, 1 << 48 + 1) + item(3, 1 << 49) + item(4, 1 << 49), .malformedFrame),
        // [SCP-ITEM-14] [SCP-ITEM-10]
        (item(3, 0), nil), (item(3, 1), .malformedFrame), (item(3, 131_103), .malformedFrame), (item(3, 131_104), nil),
        (item(3, 132) + item(2, 100), nil), (item(3, 131) + item(2, 100), .malformedFrame),
        (item(3, Varint.maximum), nil),
        // [SCP-ITEM-15]
        (item(4, 0), .malformedFrame), (item(4, 131_103), .malformedFrame), (item(4, 131_104), nil),
        // [SCP-ITEM-16]
        (item(5, 0), .malformedFrame), (item(5, 1), nil), (item(5, 65_536), nil), (item(5, 65_537), .malformedFrame),
        // [SCP-ITEM-17]
        (item(6, 0), nil), (item(6, Varint.maximum), nil), (itemBytes(6, []), .malformedFrame),
        // [SCP-ITEM-18]
        (item(7, 1_199), .malformedFrame), (item(7, 1_200), nil), (item(7, 65_528), .malformedFrame),
        // [SCP-ITEM-19]
        (itemBytes(8, []), nil), (itemBytes(8, [0]), .malformedFrame),
        // [SCP-ITEM-6] Any form of varint, and any order.
        (varintBytes(1, size: 8) + varintBytes(2, size: 4) + varintBytes(4_096, size: 2), nil),
        (item(6, 5) + item(1, 4_096), nil), (itemBytes(1, varintBytes(4_096) + [0]), .malformedFrame),
        (itemBytes(1, [0x80, 0]), .malformedFrame),
        // [SCP-ITEM-7]
        (item(1, 4_096) + item(1, 4_096), .malformedFrame),
        (item(1, 4_096) + varintBytes(1, size: 2) + [1, 0], .malformedFrame),
        (itemBytes(0x40, [1]) + itemBytes(0x40, [1]), .malformedFrame),
        (itemBytes(0, []) + itemBytes(0, []), .malformedFrame),
        // [SCP-ITEM-8] [SCP-ITEM-11]
        (itemBytes(0x40, [1, 2, 3]), nil), (itemBytes(0x41, []), .malformedFrame),
        (itemBytes(Varint.maximum - 1, []), nil), (itemBytes(Varint.maximum, []), .malformedFrame),
        (itemBytes(0, [UInt8](repeating: 7, count: 300)), nil),
        // Lengths that reach past the end.
        ([1, 5, 0, 0], .malformedFrame), ([1], .malformedFrame), ([0x40], .malformedFrame),
        ([1] + varintBytes(Varint.maximum), .malformedFrame),
    ]

    /// [SCP-ITEM-9]
    @Test(arguments: lists)
    func parametersOfMessage1(list: [UInt8], code: ErrorCode?) throws {
        var duel = try Duel(.responder, Fixture()) { $0.parameters = list }
        let error = duel.feed(try duel.peer.initFrame())
        duel.poll()
        #expect(error?.code == code)
        #expect(duel.takeFrames().map(\.kind) == [code == nil ? "response/0" : "close/0"])
    }

    @Test(arguments: lists)
    func itemsOfMessage2(list: [UInt8], code: ErrorCode?) throws {
        var duel = try Duel.at(.waiting, .initiator, Fixture()) { $0.items += list }
        try duel.peer.readInit(Frames.split(duel.written).frames[0])
        let error = duel.feed(try duel.peer.responseFrame())
        duel.poll()
        #expect(error?.code == code)
        #expect(duel.takeFrames().map(\.kind) == [code == nil ? "ack/0" : "close/0"])
    }

    /// [SCP-ITEM-9] Items that do not belong into M1, and those of M2 in their bounds.
    @Test(
        arguments: [
            (0x09, [1], true), (0x09, [], false), (0x09, [UInt8](repeating: 1, count: 20), true),
            (0x09, [UInt8](repeating: 1, count: 21), false), (0x0e, [UInt8](repeating: 1, count: 16), true),
            (0x0e, [1], false),
        ] as [(UInt64, [UInt8], Bool)])
    func itemsOfMessage2Only(id: UInt64, value: [UInt8], isFine: Bool) throws {
        var first = try Duel(.responder, Fixture()) { $0.parameters = itemBytes(id, value) }
        #expect(first.feed(try first.peer.initFrame())?.code == .malformedFrame)
        try itemsOfMessage2(list: itemBytes(id, value), code: isFine ? nil : .malformedFrame)
    }

    /// [SCP-ITEM-1] [SCP-ITEM-3] Shapes of M1.
    @Test(
        arguments: [
            ([1], ErrorCode.malformedFrame), ([1, 0], .malformedFrame), ([1, 0, 1], .malformedFrame),
            ([1, 0, 0], .malformedFrame), ([1, 0xff, 0xff] + [UInt8](repeating: 9, count: 32), .malformedFrame),
            ([1, 0, 0] + [UInt8](repeating: 9, count: 31), .malformedFrame),
            ([1, 0, 0] + [UInt8](repeating: 9, count: 33), .malformedFrame),
            ([1, 0, 1] + [UInt8](repeating: 9, count: 32), .malformedFrame),
        ] as [([UInt8], ErrorCode)])
    func shapes(message: [UInt8], code: ErrorCode) throws {
        var duel = try Duel(.responder, Fixture()) { peer in try peer.introduce(peer.attempt) }
        let error = duel.feed(try duel.peer.handshakeFrame(.handshakeInit, message))
        duel.poll()
        #expect(error?.code == code)
        #expect(duel.takeFrames().map(\.closeCode) == [code])
    }

    /// [SCP-KEY-11] The 14 encodings of points of low order, as the ephemeral of either side.
    @Test(arguments: 0..<7, [UInt8(0), 0x80])
    func lowOrderEphemerals(index: Int, topBit: UInt8) throws {
        let top: [UInt8] = [UInt8](repeating: 0xff, count: 30)
        let points: [[UInt8]] = [
            [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31),
            [
                0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
                0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
            ],
            [
                0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
                0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
            ],
            [0xec] + top + [0x7f], [0xed] + top + [0x7f], [0xee] + top + [0x7f],
        ]
        var point = points[index]
        point[31] |= topBit

        var responder = try Duel(.responder, Fixture()) { peer in try peer.introduce(peer.attempt) }
        let error = responder.feed(try responder.peer.handshakeFrame(.handshakeInit, [1, 0, 0] + point))
        responder.poll()
        #expect(error?.code == .authenticationFailed)
        #expect(responder.takeFrames().map(\.closeCode) == [.authenticationFailed])

        var initiator = try Duel.at(.waiting, .initiator, Fixture())
        try initiator.peer.readInit(Frames.split(initiator.written).frames[0])
        let message = try point + initiator.peer.message2().dropFirst(32)
        let other = initiator.feed(try initiator.peer.handshakeFrame(.handshakeResponse, message))
        initiator.poll()
        #expect(other?.code == .authenticationFailed)
        #expect(initiator.takeFrames().map(\.closeCode) == [.authenticationFailed])
    }

    /// [SCP-ITEM-26] What the peer says is what we keep to: its message limit, channels, idle time.
    @Test func peersLimitsHold() throws {
        var duel = try Duel.at(.established, .responder, Fixture()) {
            $0.parameters = Self.item(2, 100) + Self.item(5, 2) + Self.item(6, 7_000) + Self.item(1, 2_048)
        }
        let large = [UInt8](repeating: 1, count: 101)
        #expect(throws: SendError.tooLarge(limit: 100)) { try sendOn(&duel, large, .default) }
        #expect(throws: SendError.invalidChannel(limit: 2)) { try sendOn(&duel, [1], Channel(2)) }
        try sendOn(&duel, Array(large.dropLast()), Channel(1))
        duel.poll()
        #expect(duel.takeFrames().flatMap(\.records).filter(\.isMessage).count == 1)
        duel.advance(by: .seconds(7))
        #expect(duel.closure?.error?.code == .idleTimeout)
    }

    private func sendOn(_ duel: inout Duel, _ bytes: [UInt8], _ channel: Channel) throws {
        _ = try duel.engine.send(bytes.span, on: channel, at: duel.now)
    }
}
