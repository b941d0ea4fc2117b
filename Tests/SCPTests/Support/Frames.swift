@testable import SCP

/// A frame as a test sees it leave an engine.
struct SeenFrame: Equatable {
    let type: FrameType
    let epoch: UInt16
    let counter: UInt64
    /// Of epoch 0 the payload, later the plaintext.
    let content: [UInt8]
    let raw: [UInt8]

    /// Such as `close/0` or `data/1`.
    var kind: String {
        let name =
            switch type {
            case .handshakeInit: "init"
            case .handshakeResponse: "response"
            case .data: "data"
            case .ack: "ack"
            case .close: "close"
            }
        return "\(name)/\(epoch)"
    }

    /// The code of a CLOSE.
    var closeCode: ErrorCode? {
        guard type == .close else { return nil }
        if epoch == 0 { return try? HandshakeClose.parse(content.span, in: 0..<content.count).code }
        return try? CloseFrame.parse(content.span, in: 0..<content.count).code
    }

    /// The versions or suites that a CLOSE of epoch 0 lists.
    var closeList: [UInt8] {
        guard type == .close, epoch == 0,
            let close = try? HandshakeClose.parse(content.span, in: 0..<content.count)
        else { return [] }
        return Array(content[close.list])
    }

    /// The records of a DATA frame.
    var records: [Record] {
        var result: [Record] = []
        guard type == .data, epoch > 0 else { return [] }
        var reader = RecordReader(content.span)
        while let record = try? reader.nextRecord() { result.append(record) }
        return result
    }

    var acknowledgement: Acknowledgement? {
        guard type == .ack, epoch > 0 else { return nil }
        return try? Acknowledgement.parse(content.span, in: 0..<content.count, isStream: true)
    }
}

enum Frames {
    /// Cuts a stream into frames by their headers; what is left over at the end comes as `rest`.
    static func split(_ bytes: [UInt8]) -> (frames: [[UInt8]], rest: [UInt8]) {
        var frames: [[UInt8]] = []
        var start = 0
        while bytes.count - start >= 14,
            let header = try? FrameHeader.parse(bytes.span, at: start, limit: 1 << 20),
            header.frameSize <= bytes.count - start
        {
            frames.append(Array(bytes[start..<start + header.frameSize]))
            start += header.frameSize
        }
        return (frames, Array(bytes[start...]))
    }

    static func header(_ frame: [UInt8]) throws -> FrameHeader { try FrameHeader.parse(frame.span, limit: 1 << 20) }
}

/// The plaintexts of DATA frames, record by record, legal or not.
enum Plain {
    static let ping: [UInt8] = [0x01]
    static func credit(_ value: UInt64) -> [UInt8] { [0x02] + varintBytes(value) }

    static func piece(
        on channel: Channel = .default, _ message: UInt64, offset: UInt64? = nil, _ bytes: [UInt8], isLast: Bool = true,
        hasLength: Bool = true
    ) -> [UInt8] {
        let type: UInt8 = 0x20 | (isLast ? 1 : 0) | (offset != nil ? 2 : 0) | (hasLength ? 4 : 0)
        return [type] + varintBytes(channel.encoded) + varintBytes(message) + (offset.map { varintBytes($0) } ?? [])
            + (hasLength ? varintBytes(UInt64(bytes.count)) : []) + bytes
    }

    static func unreliable(_ channel: Channel, _ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        [0x34] + varintBytes(channel.encoded) + varintBytes(number) + varintBytes(UInt64(bytes.count)) + bytes
    }

    static func cancel(
        on channel: Channel = .default, _ message: UInt64, charge: UInt64, code: UInt64 = 0
    ) -> [UInt8] {
        [0x06] + varintBytes(channel.encoded) + varintBytes(message) + varintBytes(charge) + varintBytes(code)
    }

    static func refuse(on channel: Channel = .default, _ message: UInt64, code: UInt64 = 0) -> [UInt8] {
        [0x07] + varintBytes(channel.encoded) + varintBytes(message) + varintBytes(code)
    }

    static func finish(_ sum: UInt64) -> [UInt8] { [0x08] + varintBytes(sum) }

    static func acknowledgement(_ largest: UInt64, credit: UInt64 = 0) -> [UInt8] {
        [0] + varintBytes(largest) + [0, 0, 0] + varintBytes(credit)
    }

    static func close(_ code: UInt64, reason: [UInt8] = []) -> [UInt8] {
        varintBytes(code) + varintBytes(UInt64(reason.count)) + reason
    }
}
