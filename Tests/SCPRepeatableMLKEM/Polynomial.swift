/// A polynomial of ML-KEM: 256 coefficients below 3,329 (FIPS 203, section 4).
struct Polynomial {
    static let modulus = 3_329
    private(set) var coefficients = [Int](repeating: 0, count: 256)

    // MARK: Sampling

    /// Algorithm 7: uniform, from a stream.
    init(uniform seed: [UInt8]) {
        var stream = Keccak.shake(128, seed)
        var count = 0
        while count < 256 {
            let bytes = stream.squeeze(3).map(Int.init)
            for candidate in [bytes[0] + 256 * (bytes[1] % 16), bytes[1] / 16 + 16 * bytes[2]]
            where candidate < Polynomial.modulus && count < 256 {
                coefficients[count] = candidate
                count += 1
            }
        }
    }

    /// Algorithm 8 with eta = 2: small coefficients.
    init(small seed: [UInt8], _ number: Int) {
        var stream = Keccak.shake(256, seed + [UInt8(number)])
        let bits = Polynomial.bits(stream.squeeze(128), 1)
        for index in 0..<256 {
            let at = 4 * index
            coefficients[index] = Polynomial.reduced(bits[at] + bits[at + 1] - bits[at + 2] - bits[at + 3])
        }
    }

    private init() {}

    // MARK: Bytes

    /// Algorithms 3 and 6: numbers of `size` bits.
    private static func bits(_ bytes: [UInt8], _ size: Int) -> [Int] {
        (0..<8 * bytes.count / size).map { number in
            (0..<size).reduce(0) { value, bit in
                let at = number * size + bit
                return value | Int(bytes[at / 8] >> UInt8(at % 8) & 1) << bit
            }
        }
    }

    init(decoding bytes: [UInt8], _ size: Int) {
        coefficients = Polynomial.bits(bytes, size)
        guard size < 12 else { return }
        for index in 0..<256 {
            coefficients[index] = (coefficients[index] * Polynomial.modulus + (1 << (size - 1))) >> size
        }
    }

    /// Algorithm 5, after compression to `size` bits where that is less than 12.
    func encoded(_ size: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32 * size)
        for (number, coefficient) in coefficients.enumerated() {
            let half = Polynomial.modulus / 2
            let scaled = ((coefficient << size) + half) / Polynomial.modulus
            let value = size == 12 ? coefficient : scaled % (1 << size)
            for bit in 0..<size where value >> bit & 1 != 0 {
                bytes[(number * size + bit) / 8] |= 1 << UInt8((number * size + bit) % 8)
            }
        }
        return bytes
    }

    // MARK: Arithmetic

    private static func reduced(_ value: Int) -> Int { (value % modulus + modulus) % modulus }

    static func + (left: Polynomial, right: Polynomial) -> Polynomial {
        var result = Polynomial()
        for index in 0..<256 {
            result.coefficients[index] = reduced(left.coefficients[index] + right.coefficients[index])
        }
        return result
    }

    static func - (left: Polynomial, right: Polynomial) -> Polynomial {
        var result = Polynomial()
        for index in 0..<256 {
            result.coefficients[index] = reduced(left.coefficients[index] - right.coefficients[index])
        }
        return result
    }

    /// 17 to the power of each number of 7 bits, reversed.
    private static let roots: [Int] = (0..<128).map { number in
        let reversed = (0..<7).reduce(0) { $0 | (number >> $1 & 1) << (6 - $1) }
        return (0..<reversed).reduce(1) { power, _ in power * 17 % modulus }
    }

    /// Algorithm 9.
    var transformed: Polynomial {
        var result = self
        var root = 1
        for size in [128, 64, 32, 16, 8, 4, 2] {
            for start in stride(from: 0, to: 256, by: 2 * size) {
                for index in start..<start + size {
                    let (low, high) = (result.coefficients[index], result.coefficients[index + size])
                    let product = Polynomial.roots[root] * high
                    result.coefficients[index] = Polynomial.reduced(low + product)
                    result.coefficients[index + size] = Polynomial.reduced(low - product)
                }
                root += 1
            }
        }
        return result
    }

    /// Algorithm 10.
    var restored: Polynomial {
        var result = self
        var root = 127
        for size in [2, 4, 8, 16, 32, 64, 128] {
            for start in stride(from: 0, to: 256, by: 2 * size) {
                for index in start..<start + size {
                    let (low, high) = (result.coefficients[index], result.coefficients[index + size])
                    result.coefficients[index] = Polynomial.reduced(low + high)
                    result.coefficients[index + size] = Polynomial.reduced(Polynomial.roots[root] * (high - low))
                }
                root -= 1
            }
        }
        for index in 0..<256 { result.coefficients[index] = Polynomial.reduced(result.coefficients[index] * 3_303) }
        return result
    }

    /// Algorithm 11, of two transformed ones.
    static func * (left: Polynomial, right: Polynomial) -> Polynomial {
        var result = Polynomial()
        for index in 0..<128 {
            let (a, b) = (left.coefficients[2 * index], left.coefficients[2 * index + 1])
            let (c, d) = (right.coefficients[2 * index], right.coefficients[2 * index + 1])
            let root = roots[index] * roots[index] * 17 % modulus
            result.coefficients[2 * index] = reduced(a * c + b * d % modulus * root)
            result.coefficients[2 * index + 1] = reduced(a * d + b * c)
        }
        return result
    }
}
