/// Base64 (RFC 4648 section 4), one spelling for each value: padded, no line breaks, unused bits zero.
///
/// Private keys go through it, so no branch and no table index depends on the bytes: an alphabet range is chosen with
/// masks.
enum Base64 {
    /// Characters that `count` bytes take with padding.
    static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    /// Gives each character of the encoding to `emit`.
    static func encode(_ bytes: Span<UInt8>, padded: Bool = true, _ emit: (UInt8) -> Void) {
        var index = 0
        while index < bytes.count {
            let present = min(3, bytes.count - index)
            var group: Int32 = 0
            for offset in 0..<3 {
                group = group << 8 | (offset < present ? Int32(bytes[index + offset]) : 0)
            }
            for position in 0..<4 {
                if position <= present {
                    emit(character(group >> (18 - 6 * Int32(position)) & 63))
                } else if padded {
                    emit(padding)
                }
            }
            index += 3
        }
    }

    static func encode(_ bytes: Span<UInt8>, padded: Bool = true) -> String {
        var characters: [UInt8] = []
        characters.reserveCapacity(encodedCount(bytes.count))
        encode(bytes, padded: padded) { characters.append($0) }
        return String(decoding: characters, as: UTF8.self)
    }

    /// Decodes exactly as many bytes as `output` has; false, with `output` in no particular state, when `text` is not
    /// the one encoding of that many bytes.
    static func decode(_ text: Span<UInt8>, into output: inout MutableSpan<UInt8>) -> Bool {
        guard text.count == encodedCount(output.count) else { return false }
        var invalid: Int32 = 0
        var index = 0
        var written = 0
        while index < text.count {
            let present = min(3, output.count - written)
            var group: Int32 = 0
            for position in 0..<4 {
                let character = text[index + position]
                guard position <= present else {
                    invalid |= character == padding ? 0 : -1
                    group <<= 6
                    continue
                }
                let value = sextet(Int32(character))
                invalid |= value >> 8
                group = group << 6 | value & 63
            }
            for offset in 0..<3 {
                let byte = UInt8(truncatingIfNeeded: group >> (16 - 8 * Int32(offset)))
                if offset < present { output[written + offset] = byte } else { invalid |= Int32(byte) }
            }
            written += present
            index += 4
        }
        return invalid == 0
    }

    private static let padding = UInt8(ascii: "=")

    /// All ones when `low <= value <= high`, else 0; for values 0...255.
    private static func mask(_ value: Int32, _ low: Int32, _ high: Int32) -> Int32 {
        ((low - 1 - value) & (value - high - 1)) >> 8
    }

    private static func character(_ sextet: Int32) -> UInt8 {
        let upper = mask(sextet, 0, 25) & (sextet + 65)
        let lower = mask(sextet, 26, 51) & (sextet + 71)
        let digit = mask(sextet, 52, 61) & (sextet - 4)
        let plus = mask(sextet, 62, 62) & 43
        let slash = mask(sextet, 63, 63) & 47
        return UInt8(truncatingIfNeeded: upper | lower | digit | plus | slash)
    }

    /// 0...63, or -1 for a character outside the alphabet.
    private static func sextet(_ character: Int32) -> Int32 {
        let upper = mask(character, 65, 90) & (character - 64)
        let lower = mask(character, 97, 122) & (character - 70)
        let digit = mask(character, 48, 57) & (character + 5)
        let plus = mask(character, 43, 43) & 63
        let slash = mask(character, 47, 47) & 64
        return (upper | lower | digit | plus | slash) - 1
    }
}
