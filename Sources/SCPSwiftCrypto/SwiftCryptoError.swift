#if SwiftCrypto
public import SCP

/// Why a ``SwiftCryptoProvider`` cannot be had in this process. Nothing that happens on a connection can cause one.
public enum SwiftCryptoError: Error, Equatable, Sendable {
    /// A primitive gave a wrong known answer at start-up.
    case selfTestFailed(SelfTestPrimitive)
}

extension SwiftCryptoError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .selfTestFailed(let primitive): "self-test of \(primitive.rawValue) failed: swift-crypto cannot be trusted"
        }
    }
}
#else
/// Not in this build: BoringSSL takes long to build, so it is built only for who asks.
@available(
    *, unavailable, message: "enable the trait: .package(url: \"...swift-scp\", ..., traits: [\"SwiftCrypto\"])"
)
public struct SwiftCryptoProvider {}
#endif
