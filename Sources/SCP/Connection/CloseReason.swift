extension CloseFrame {
    /// The plaintext of a CLOSE.
    static func encoded(_ code: ErrorCode, reason: [UInt8]) -> [UInt8] {
        [UInt8](capacity: encodedSize(code: code, reasonSize: reason.count)) { output in
            write(code: code, reason: reason.span, to: &output)
        }
    }

    /// As many whole characters of a reason as a CLOSE holds.
    static func fitting(_ reason: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for scalar in reason.unicodeScalars {
            let encoded = Array(String(scalar).utf8)
            guard bytes.count + encoded.count <= maximumReason else { break }
            bytes += encoded
        }
        return bytes
    }
}

extension HandshakeItems {
    /// The list as the payload of a Noise message.
    var encoded: [UInt8] { [UInt8](capacity: encodedSize) { output in write(to: &output) } }
}
