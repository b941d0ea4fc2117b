public import SCP

/// Random questions to two providers, which must give the same answers; refusals and errors are answers too.
///
/// The questions depend on the seed alone, so a difference can be asked again.
public struct Differential<First: CryptoProvider, Second: CryptoProvider> {
    /// What was asked, and every question with different answers.
    public struct Report: Equatable, Sendable {
        public var asked: [Question: Int] = [:]
        public var different: [String] = []
    }

    let first: First
    let second: Second

    public init(_ first: First, _ second: Second) {
        self.first = first
        self.second = second
    }

    /// Asks `count` questions, the kinds in turn.
    public func run(_ count: Int, seed: UInt64) -> Report {
        var report = Report()
        for number in 0..<max(0, count) {
            let kind = Question.allCases[number % Question.allCases.count]
            let draw = Draw(seed: seed &+ UInt64(number) &* 0x9e37_79b9_7f4a_7c15)
            report.asked[kind, default: 0] += 1
            if kind.answer(of: first, draw) != kind.answer(of: second, draw) {
                report.different.append("\(kind.rawValue) number \(number) of seed \(seed)")
            }
        }
        return report
    }
}

/// A kind of question.
public enum Question: String, CaseIterable, Sendable {
    case frame, authentication, derivation, agreement, hash

    /// Everything that the provider gives, errors included, as bytes to compare.
    fileprivate func answer<Provider: CryptoProvider>(of provider: Provider, _ draw: Draw) -> [UInt8] {
        var draw = draw
        do throws(CryptoError) {
            switch self {
            case .frame: return try frame(provider, &draw)
            case .authentication: return try authentication(provider, &draw)
            case .derivation: return try derivation(provider, &draw)
            case .agreement: return try agreement(provider, &draw)
            case .hash: return try array(provider.hash(draw.bytes(upTo: 300).span, draw.bytes(upTo: 300).span).span)
            }
        } catch {
            return Array("\(error)".utf8)
        }
    }

    /// Sealed, opened, and opened again with a bit of frame, header or nonce turned.
    private func frame<Provider: CryptoProvider>(
        _ provider: Provider, _ draw: inout Draw
    ) throws(CryptoError) -> [UInt8] {
        let cipher = try provider.cipher(secret(draw.bytes(32)))
        let number = draw.bytes(12)
        let nonce = Nonce { number[$0] }
        var header = draw.bytes(upTo: 40)
        let text = draw.bytes(upTo: draw.next() % 16 == 0 ? 20_000 : 400)
        var frame = Frame(text, offset: Int(draw.next() % 20), margin: 2)
        try frame.seal(with: cipher, nonce, header)
        var answer = frame.buffer
        var forged = frame
        try frame.open(with: cipher, nonce, header)
        answer += frame.buffer

        var other = number
        let bit = UInt8(1) << UInt8(draw.next() % 8)
        switch draw.next() % 3 {
        case 0: forged.buffer[draw.index(of: forged.range.lowerBound..<forged.range.upperBound + 16)] ^= bit
        case 1: other[draw.index(of: 0..<12)] ^= bit
        default: header.append(bit)
        }
        do throws(CryptoError) {
            try forged.open(with: cipher, Nonce { other[$0] }, header)
            answer.append(1)
        } catch {
            answer += Array("\(error)".utf8)
        }
        return answer + forged.buffer
    }

    /// The code of a message, and whether it, and it with a bit turned, is accepted.
    private func authentication<Provider: CryptoProvider>(
        _ provider: Provider, _ draw: inout Draw
    ) throws(CryptoError) -> [UInt8] {
        let authenticator = try provider.authenticator(secret(draw.bytes(upTo: 140)))
        let message = draw.bytes(upTo: draw.next() % 16 == 0 ? 20_000 : 400)
        var code = try array(authenticator.authenticate(message.span).span)
        var answer = code
        answer.append(try authenticator.verify(code.span, of: message.span) ? 1 : 0)
        code[draw.index(of: 0..<32)] ^= 1 << UInt8(draw.next() % 8)
        answer.append(try authenticator.verify(code.span, of: message.span) ? 1 : 0)
        return answer
    }

    /// HKDF, now and then of a length that it refuses.
    private func derivation<Provider: CryptoProvider>(
        _ provider: Provider, _ draw: inout Draw
    ) throws(CryptoError) -> [UInt8] {
        let key = Secret(count: 32)
        try provider.extract(
            salt: draw.bytes(upTo: 140).span, inputKeyMaterial: draw.bytes(upTo: 200).span, into: key)
        let output = Secret(count: Int(draw.next() % (draw.next() % 64 == 0 ? 8_300 : 200)))
        try provider.expand(key.bytes, info: draw.bytes(upTo: 100).span, into: output)
        return array(key.bytes) + array(output.bytes)
    }

    /// Any 32 bytes as scalar and as point, non-canonical ones and those of low order included.
    private func agreement<Provider: CryptoProvider>(
        _ provider: Provider, _ draw: inout Draw
    ) throws(CryptoError) -> [UInt8] {
        let key = try provider.privateKey(secret(draw.bytes(32)))
        var point = draw.bytes(32)
        switch draw.next() % 16 {
        case 0: point = lowOrderEncodings[draw.index(of: lowOrderEncodings.indices)]
        case 1: point = [UInt8(truncatingIfNeeded: draw.next())] + [UInt8](repeating: 0xff, count: 31)
        default: break
        }
        let own = try array(provider.publicKey(of: key).bytes.span)
        do throws(CryptoError) {
            let shared = try provider.sharedSecret(key, with: PublicKey([32 of UInt8] { point[$0] }))
            return own + array(shared.bytes)
        } catch {
            return own + Array("\(error)".utf8)
        }
    }
}

/// Numbers that look random and can be had again (SplitMix64).
private struct Draw {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func index(of range: Range<Int>) -> Int { range.lowerBound + Int(next() % UInt64(range.count)) }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

    /// 0 to `limit` of them.
    mutating func bytes(upTo limit: Int) -> [UInt8] { bytes(Int(next() % UInt64(limit + 1))) }
}
