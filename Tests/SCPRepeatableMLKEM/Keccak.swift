/// SHA-3 and SHAKE (FIPS 202), as short as they can be written: for tests, not for speed.
struct Keccak {
    private var lanes = [UInt64](repeating: 0, count: 25)
    private let rate: Int
    /// Bytes of the current block that have been given out.
    private var given = 0

    static func sha3(_ size: Int, _ input: [UInt8]) -> [UInt8] {
        var sponge = Keccak(rate: 200 - 2 * size, suffix: 0x06, input)
        return sponge.squeeze(size)
    }

    /// The stream that SHAKE128 or SHAKE256 makes of an input.
    static func shake(_ strength: Int, _ input: [UInt8]) -> Keccak {
        Keccak(rate: 200 - strength / 4, suffix: 0x1f, input)
    }

    private init(rate: Int, suffix: UInt8, _ input: [UInt8]) {
        self.rate = rate
        var padded = input + [suffix]
        padded += [UInt8](repeating: 0, count: (rate - padded.count % rate) % rate)
        padded[padded.count - 1] |= 0x80
        for start in stride(from: 0, to: padded.count, by: rate) {
            for index in 0..<rate { lanes[index / 8] ^= UInt64(padded[start + index]) << UInt64(8 * (index % 8)) }
            permute()
        }
    }

    mutating func squeeze(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in
            if given == rate {
                permute()
                given = 0
            }
            defer { given += 1 }
            return UInt8(truncatingIfNeeded: lanes[given / 8] >> UInt64(8 * (given % 8)))
        }
    }

    private static func rotate(_ lane: UInt64, _ count: Int) -> UInt64 {
        count == 0 ? lane : lane << UInt64(count) | lane >> UInt64(64 - count)
    }

    /// The round constants, from the shift register that FIPS 202 3.2.5 defines.
    private static let constants: [UInt64] = {
        var register: UInt8 = 1
        return (0..<24).map { _ in
            var constant: UInt64 = 0
            for power in 0..<7 {
                if register & 1 != 0 { constant |= 1 << ((UInt64(1) << UInt64(power)) - 1) }
                register = register << 1 ^ (register >> 7 == 0 ? 0 : 0x71)
            }
            return constant
        }
    }()

    private mutating func permute() {
        for constant in Keccak.constants {
            var columns = [UInt64](repeating: 0, count: 5)
            for index in 0..<25 { columns[index % 5] ^= lanes[index] }
            for index in 0..<25 {
                lanes[index] ^= columns[(index + 4) % 5] ^ Keccak.rotate(columns[(index + 1) % 5], 1)
            }
            var (x, y, moved) = (1, 0, lanes[1])
            for step in 0..<24 {
                (x, y) = (y, (2 * x + 3 * y) % 5)
                let lane = lanes[x + 5 * y]
                lanes[x + 5 * y] = Keccak.rotate(moved, (step + 1) * (step + 2) / 2 % 64)
                moved = lane
            }
            for row in stride(from: 0, to: 25, by: 5) {
                let old = Array(lanes[row..<row + 5])
                for index in 0..<5 { lanes[row + index] = old[index] ^ (~old[(index + 1) % 5] & old[(index + 2) % 5]) }
            }
            lanes[0] ^= constant
        }
    }
}
