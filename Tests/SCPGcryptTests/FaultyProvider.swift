import SCP
import SCPGcrypt
import SCPProviderLaws

/// A mistake that a provider could make, with the law that must notice it.
enum Fault: String, CaseIterable, Sendable {
    case negatedPublicKey, asymmetricAgreement, unclampedScalar, acceptedLowOrder, refusedNonCanonical
    case anyScalarLength, sharedScalar
    case alignmentMatters, overrunByOne, ignoredHeader, plaintextLeft, brokenByFailure, clampedRange, paddedTag
    case changedByARest, macChangedByARest, countedNonces, shortCipherKeys, sharedCipherKey, wrongBulk
    case acceptedPrefix, acceptedFlippedBit, truncatedKey, rememberedMessage, sharedMACKey, wrongLongMAC
    case forgottenSecondPiece, extractWithoutSalt, counterFromZero, anyOutputLength, constantRandom

    var law: Law {
        switch self {
        case .negatedPublicKey: .publicKeyIsMultipleOfBasePoint
        case .asymmetricAgreement: .agreementIsSymmetric
        case .unclampedScalar: .scalarIsClamped
        case .acceptedLowOrder: .lowOrderPointsAreRefused
        case .refusedNonCanonical: .everySpellingOfAPointIsAccepted
        case .anyScalarLength: .privateKeyHas32Bytes
        case .sharedScalar: .privateKeyIsACopy
        case .alignmentMatters: .framesOpenAtEveryOffset
        case .overrunByOne: .bytesAroundTheFrameStay
        case .ignoredHeader: .everyBitIsAuthenticated
        case .plaintextLeft: .failedOpenLeavesZeroes
        case .brokenByFailure: .cipherSurvivesFailure
        case .clampedRange: .rangesAreChecked
        case .paddedTag: .tagIsNeverShortened
        case .changedByARest: .cipherIsTheSameAfterARest
        case .macChangedByARest: .authenticatorIsTheSameAfterARest
        case .countedNonces: .cipherHasNoMemory
        case .shortCipherKeys: .cipherKeyHas32Bytes
        case .sharedCipherKey: .cipherKeyIsACopy
        case .wrongBulk: .longFramesAgreeWithOpenSSL
        case .acceptedPrefix: .shorterAndLongerMACsAreFalse
        case .acceptedFlippedBit: .everyBitOfMACAndMessageCounts
        case .truncatedKey: .keysOfEveryLength
        case .rememberedMessage: .authenticatorHasNoMemory
        case .sharedMACKey: .authenticatorKeyIsACopy
        case .wrongLongMAC: .longMessagesAgreeWithPython
        case .forgottenSecondPiece: .hashJoinsItsPieces
        case .extractWithoutSalt: .extractIsHMAC
        case .counterFromZero: .expandIsAChainOfHMACs
        case .anyOutputLength: .derivationLengthsAreChecked
        case .constantRandom: .randomFillsEverything
        }
    }
}

/// libgcrypt with one mistake added.
struct FaultyProvider: CryptoProvider {
    let fault: Fault
    let real: GcryptProvider

    init(fault: Fault) throws(GcryptError) {
        self.fault = fault
        real = try GcryptProvider()
    }

    /// The scalar as given, so that the mistakes can look at it.
    final class PrivateKey: Sendable {
        let scalar: Secret
        let key: GcryptPrivateKey
        init(_ scalar: Secret, _ key: GcryptPrivateKey) {
            self.scalar = scalar
            self.key = key
        }
    }

    func privateKey(_ scalar: Secret) throws(CryptoError) -> PrivateKey {
        if fault == .anyScalarLength, scalar.count != 32 {
            return try PrivateKey(scalar, real.privateKey(real.randomSecret(count: 32)))
        }
        if fault == .unclampedScalar {
            // As if the low bits counted.
            let bytes = scalar.bytes
            guard bytes.count == 32 else { throw .invalidLength }
            let changed = Secret(count: 32)
            changed.withMutableBytes { span in
                for index in 0..<32 { span[index] = bytes[index] ^ (index == 1 ? bytes[0] & 7 : 0) }
            }
            return try PrivateKey(changed, real.privateKey(changed))
        }
        return try PrivateKey(scalar, real.privateKey(scalar))
    }

    func publicKey(of key: PrivateKey) throws(CryptoError) -> PublicKey {
        var bytes = try real.publicKey(of: key.key).bytes
        if fault == .negatedPublicKey { bytes[0] ^= 1 }
        return PublicKey(bytes)
    }

    func sharedSecret(_ key: PrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        switch fault {
        case .acceptedLowOrder where peer.isLowOrder: return Secret(count: 32)
        case .refusedNonCanonical where peer != peer.canonical: throw .invalidPublicKey
        case .sharedScalar: return try real.sharedSecret(real.privateKey(key.scalar), with: peer)
        case .asymmetricAgreement:
            // As if the own public key were mixed in.
            let secret = try real.sharedSecret(key.key, with: peer)
            let own = try real.publicKey(of: key.key)
            secret.withMutableBytes { $0[0] ^= own.bytes[0] }
            return secret
        default: return try real.sharedSecret(key.key, with: peer)
        }
    }

    func cipher(_ key: Secret) throws(CryptoError) -> FaultyCipher {
        if fault == .shortCipherKeys, key.count == 16 {
            return try FaultyCipher(fault, real, real.randomSecret(count: 32))
        }
        return try FaultyCipher(fault, real, key)
    }

    func authenticator(_ key: Secret) throws(CryptoError) -> FaultyAuthenticator {
        if fault == .truncatedKey, key.count > 64 {
            return try FaultyAuthenticator(fault, real, Secret(copying: key.bytes.extracting(0..<64)))
        }
        return try FaultyAuthenticator(fault, real, key)
    }

    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        let none: [UInt8] = []
        return try real.hash(first, fault == .forgottenSecondPiece ? none.span : second)
    }

    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        let none: [UInt8] = []
        try real.extract(
            salt: fault == .extractWithoutSalt ? none.span : salt, inputKeyMaterial: inputKeyMaterial, into: output)
    }

    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        if fault == .anyOutputLength, output.count > 8160 { return }
        try real.expand(pseudorandomKey, info: info, into: output)
        if fault == .counterFromZero, output.count > 32 { output.withMutableBytes { $0[32] ^= 1 } }
    }

    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        try real.fillRandom(&bytes)
        // As if the last byte were left out.
        if fault == .constantRandom, bytes.count > 0 { bytes[bytes.count - 1] = 0 }
    }
}

final class FaultyCipher: RecordCipher {
    private let fault: Fault
    private let real: GcryptProvider
    private let key: Secret
    private var cipher: GcryptCipher
    private var uses: UInt8 = 0
    private var hasFailed = false

    init(_ fault: Fault, _ real: GcryptProvider, _ key: Secret) throws(CryptoError) {
        self.fault = fault
        self.real = real
        self.key = key
        cipher = try real.cipher(key)
    }

    private var hasRested = false

    func rest() { hasRested = true }

    private func adjusted(_ nonce: Nonce, _ range: Range<Int>) throws(CryptoError) -> Nonce {
        var nonce = nonce
        uses &+= 1
        switch fault {
        case .countedNonces: nonce[0] = uses
        case .changedByARest: nonce[0] = hasRested ? 1 : 0
        case .alignmentMatters: nonce[0] = UInt8(truncatingIfNeeded: range.lowerBound & 7)
        case .brokenByFailure: nonce[0] = hasFailed ? 1 : 0
        case .wrongBulk: nonce[0] = range.upperBound >= 512 ? 1 : 0
        case .sharedCipherKey: cipher = try real.cipher(key)
        default: break
        }
        return nonce
    }

    func seal(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        let none: [UInt8] = []
        var range = range
        if fault == .clampedRange, range.lowerBound < 0, range.upperBound >= 0 { range = 0..<range.upperBound }
        let nonce = try adjusted(nonce, range)
        try cipher.seal(
            &buffer, range, nonce: nonce, authenticating: fault == .ignoredHeader ? none.span : header)
        if fault == .overrunByOne, range.upperBound + 16 < buffer.count { buffer[range.upperBound + 16] = 0 }
    }

    func open(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        let none: [UInt8] = []
        // As if what the buffer lacks of the tag did not count.
        if fault == .paddedTag, range.lowerBound >= 0, range.upperBound < buffer.count,
            buffer.count - range.upperBound < 16
        {
            return
        }
        let before =
            buffer.count > 0 && range.lowerBound >= 0 && range.lowerBound < buffer.count
            ? buffer[range.lowerBound] : 0
        let nonce = try adjusted(nonce, range)
        do throws(CryptoError) {
            try cipher.open(
                &buffer, range, nonce: nonce, authenticating: fault == .ignoredHeader ? none.span : header)
        } catch {
            hasFailed = true
            if fault == .plaintextLeft, error == .authenticationFailed, range.count > 0 {
                buffer[range.lowerBound] = before | 1
            }
            throw error
        }
    }
}

final class FaultyAuthenticator: RecordAuthenticator {
    private let fault: Fault
    private let real: GcryptProvider
    private let key: Secret
    private var authenticator: GcryptAuthenticator
    private var last: UInt8 = 0

    init(_ fault: Fault, _ real: GcryptProvider, _ key: Secret) throws(CryptoError) {
        self.fault = fault
        self.real = real
        self.key = key
        authenticator = try real.authenticator(key)
    }

    func rest() { if fault == .macChangedByARest { last = 1 } }

    func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest {
        if fault == .sharedMACKey { authenticator = try real.authenticator(key) }
        var value = try authenticator.authenticate(bytes)
        if fault == .wrongLongMAC, bytes.count > 300 { value[0] ^= 1 }
        if fault == .macChangedByARest { value[0] ^= last }
        if fault == .rememberedMessage {
            value[0] ^= last
            last = UInt8(truncatingIfNeeded: bytes.count) &+ 1
        }
        return value
    }

    func verify(_ tag: Span<UInt8>, of bytes: Span<UInt8>) throws(CryptoError) -> Bool {
        let value = try authenticate(bytes)
        let compared = fault == .acceptedPrefix ? min(tag.count, 32) : 32
        guard tag.count == compared else { return false }
        for index in 0..<compared {
            let ignored: UInt8 = fault == .acceptedFlippedBit && index == 31 ? 0x80 : 0
            if (value[index] ^ tag[index]) & ~ignored != 0 { return false }
        }
        return true
    }
}
