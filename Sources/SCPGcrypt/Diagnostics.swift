extension GcryptProvider {
    /// What libgcrypt is and can do in this process, for a person who asks why something is slow or refused.
    public struct Diagnostics: Equatable, Sendable {
        /// The version at run time, such as "1.10.1".
        public let version: String
        /// The processor features that libgcrypt uses, in its own names.
        public let hardwareFeatures: [String]
        /// libgcrypt's name for its random generator: "system" is the kernel's, which a ``GcryptProvider`` chooses;
        /// "standard" is its own, chosen by a host program.
        public let randomSource: String
        /// In FIPS mode no ``GcryptProvider`` can be made.
        public let isFIPSMode: Bool
        /// Whether a host program had begun with libgcrypt first, so that its choices hold. libgcrypt then frees some
        /// blocks with traces of keys unwiped, unless the host's allocation handlers wipe.
        public let isInitializedByHost: Bool

        /// Whether AES-256-GCM runs on processor instructions instead of tables.
        public var hasConstantTimeAES: Bool { Diagnostics.haveConstantTimeAES(hardwareFeatures) }

        /// libgcrypt's X25519 branches on the private key (Spec/ThreatModel.md). A ``CombinedProvider`` takes another.
        public let hasConstantTimeKeyAgreement = false

        /// The state of this process; initialises libgcrypt if nobody has.
        public static func current() -> Diagnostics { Library.diagnostics() }

        /// AES rounds and GHASH must both be instructions: either one alone leaves the other's table.
        package static func haveConstantTimeAES(_ features: [String]) -> Bool {
            let pairs = [("intel-aesni", "intel-pclmul"), ("arm-aes", "arm-pmull")]
            return pairs.contains { features.contains($0.0) && features.contains($0.1) }
        }
    }
}
