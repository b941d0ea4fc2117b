import SCP

/// A frame somewhere in a buffer: filler, plaintext or ciphertext, tag, filler.
struct Frame: Equatable {
    static let tagSize = 16
    static let filler: UInt8 = 0xa5

    var buffer: [UInt8]
    let range: Range<Int>

    init(_ plaintext: [UInt8], offset: Int = 0, margin: Int = 0) {
        buffer = [UInt8](repeating: Frame.filler, count: offset) + plaintext
        buffer += [UInt8](repeating: 0, count: Frame.tagSize) + [UInt8](repeating: Frame.filler, count: margin)
        range = offset..<offset + plaintext.count
    }

    var text: [UInt8] { Array(buffer[range]) }
    var tag: [UInt8] { Array(buffer[range.upperBound..<range.upperBound + Frame.tagSize]) }
    var sealed: [UInt8] { text + tag }
    var isFillerIntact: Bool {
        let end = range.upperBound + Frame.tagSize
        return buffer[..<range.lowerBound].allSatisfy { $0 == Frame.filler }
            && buffer[end...].allSatisfy { $0 == Frame.filler }
    }

    mutating func seal<Cipher: RecordCipher>(
        with cipher: Cipher, _ nonce: Nonce, _ header: [UInt8], range: Range<Int>? = nil
    ) throws(CryptoError) {
        let range = range ?? self.range
        var bytes = buffer.mutableSpan
        try cipher.seal(&bytes, range, nonce: nonce, authenticating: header.span)
    }

    mutating func open<Cipher: RecordCipher>(
        with cipher: Cipher, _ nonce: Nonce, _ header: [UInt8], range: Range<Int>? = nil
    ) throws(CryptoError) {
        let range = range ?? self.range
        var bytes = buffer.mutableSpan
        try cipher.open(&bytes, range, nonce: nonce, authenticating: header.span)
    }
}
