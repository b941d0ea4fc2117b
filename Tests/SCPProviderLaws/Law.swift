public import SCP

/// What ``CryptoProvider`` promises, one promise a case.
public enum Law: String, CaseIterable, Sendable {
    // X25519
    case publicKeyIsMultipleOfBasePoint
    case agreementIsSymmetric
    case scalarIsClamped
    case lowOrderPointsAreRefused
    case everySpellingOfAPointIsAccepted
    case privateKeyHas32Bytes
    case privateKeyIsACopy

    // AES-256-GCM
    case framesOpenAtEveryOffset
    case bytesAroundTheFrameStay
    case everyBitIsAuthenticated
    case failedOpenLeavesZeroes
    case cipherSurvivesFailure
    case rangesAreChecked
    case tagIsNeverShortened
    case cipherHasNoMemory
    case cipherIsTheSameAfterARest
    case cipherKeyHas32Bytes
    case cipherKeyIsACopy
    case longFramesAgreeWithOpenSSL

    // HMAC-SHA-256
    case shorterAndLongerMACsAreFalse
    case everyBitOfMACAndMessageCounts
    case keysOfEveryLength
    case authenticatorHasNoMemory
    case authenticatorIsTheSameAfterARest
    case authenticatorKeyIsACopy
    case longMessagesAgreeWithPython

    // SHA-256, HKDF, random
    case hashJoinsItsPieces
    case extractIsHMAC
    case expandIsAChainOfHMACs
    case derivationLengthsAreChecked
    case randomFillsEverything
}

/// A law that did not hold, and where.
public struct LawBroken: Error, CustomStringConvertible {
    public let law: Law
    public let detail: String
    public var description: String { "\(law.rawValue): \(detail)" }
}

/// The laws as a program that any provider can be run through. Needs no testing library.
public struct ProviderLaws<Provider: CryptoProvider>: Sendable {
    let provider: Provider

    public init(_ provider: Provider) { self.provider = provider }

    /// Throws ``LawBroken``, or what the provider threw where it should not have.
    public func check(_ law: Law) throws {
        try checkKeyAgreement(law)
        try checkCipher(law)
        try checkAuthenticator(law)
        try checkDerivation(law)
    }

    /// Every law that does not hold.
    public func broken() -> [Law] {
        Law.allCases.filter { law in
            do {
                try check(law)
                return false
            } catch {
                return true
            }
        }
    }

    func require(_ condition: Bool, _ law: Law, _ detail: @autoclosure () -> String) throws(LawBroken) {
        guard condition else { throw LawBroken(law: law, detail: detail()) }
    }

    /// The error that `body` throws; nil when it returns.
    func failure(_ body: () throws(CryptoError) -> Void) -> CryptoError? {
        do throws(CryptoError) {
            try body()
            return nil
        } catch {
            return error
        }
    }
}

/// Bytes that differ with position and seed; none of them secret.
func pattern(_ count: Int, seed: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: 7 &* $0 &+ seed) }
}

func secret(_ bytes: [UInt8]) -> Secret { Secret(copying: bytes.span) }

func array(_ bytes: Span<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for index in bytes.indices { result.append(bytes[index]) }
    return result
}

func nonce(_ number: Int) -> Nonce {
    Nonce { $0 < 4 ? 0 : UInt8(truncatingIfNeeded: number >> (8 * (11 - $0))) }
}
