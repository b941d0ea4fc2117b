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
