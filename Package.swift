// swift-tools-version: 6.2

import PackageDescription

/// One set of rules for every target of ours: Swift 6 mode, no unsafe code by accident, no warning tolerated.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // `Span`-returning properties and our own non-escapable cursors need it (NIO and swift-collections enable it too).
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "swift-scp",
    products: [
        .library(name: "SCP", targets: ["SCP"]),
        .library(name: "SCPGcrypt", targets: ["SCPGcrypt"]),
        .library(name: "SCPSwiftCrypto", targets: ["SCPSwiftCrypto"]),
        .library(name: "SCPCertificates", targets: ["SCPCertificates"]),
        .library(name: "SCPNIO", targets: ["SCPNIO"]),
        .library(name: "SCPRecording", targets: ["SCPRecording"]),
        .library(name: "SCPSimulation", targets: ["SCPSimulation"]),
        .executable(name: "sechan", targets: ["sechan"]),
    ],
    traits: [
        // Off unless asked for: BoringSSL takes long to build, and most users have no need of it.
        .trait(name: "SwiftCrypto", description: "The product SCPSwiftCrypto, on swift-crypto (BoringSSL)."),
        .trait(name: "Certificates", description: "The product SCPCertificates, on swift-certificates."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.4"),
    ],
    targets: [
        // The engine: a pure state machine that imports nothing.
        .target(name: "SCP", swiftSettings: settings),

        // The default crypto provider, on libgcrypt.
        .systemLibrary(
            name: "CGcrypt",
            pkgConfig: "libgcrypt",
            providers: [.apt(["libgcrypt20-dev"]), .brew(["libgcrypt"])]
        ),
        .target(name: "CGcryptShims", dependencies: ["CGcrypt"]),
        .target(name: "SCPGcrypt", dependencies: ["SCP", "CGcrypt", "CGcryptShims"], swiftSettings: settings),

        // A second crypto provider, on swift-crypto. Without the trait it holds only a hint to enable it.
        .target(
            name: "SCPSwiftCrypto",
            dependencies: [
                "SCP", .product(name: "Crypto", package: "swift-crypto", condition: .when(traits: ["SwiftCrypto"])),
            ],
            swiftSettings: settings
        ),

        // X.509 certificates that vouch for static keys. Without the trait it holds only a hint to enable it.
        .target(
            name: "SCPCertificates",
            dependencies: [
                "SCP",
                .product(name: "X509", package: "swift-certificates", condition: .when(traits: ["Certificates"])),
                .product(name: "SwiftASN1", package: "swift-asn1", condition: .when(traits: ["Certificates"])),
                .product(name: "Crypto", package: "swift-crypto", condition: .when(traits: ["Certificates"])),
                .product(name: "_CryptoExtras", package: "swift-crypto", condition: .when(traits: ["Certificates"])),
            ],
            swiftSettings: settings
        ),

        // Sessions written down and done again.
        .target(name: "SCPRecording", dependencies: ["SCP"], swiftSettings: settings),

        // Adapters.
        .target(name: "SCPSimulation", dependencies: ["SCP"], swiftSettings: settings),
        .target(
            name: "SCPNIO",
            dependencies: [
                "SCP", "SCPRecording",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: settings
        ),

        // Programs.
        .executableTarget(
            name: "sechan",
            dependencies: [
                "SCP", "SCPGcrypt", "SCPNIO", "SCPRecording",
                .target(name: "SCPSwiftCrypto", condition: .when(traits: ["SwiftCrypto"])),
                .target(name: "SCPCertificates", condition: .when(traits: ["Certificates"])),
                .product(name: "X509", package: "swift-certificates", condition: .when(traits: ["Certificates"])),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "scp-simulate",
            dependencies: [
                "SCP", "SCPSimulation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(name: "PollLoopExample", dependencies: ["SCP", "SCPGcrypt"], swiftSettings: settings),

        // Tests.
        .testTarget(
            name: "SCPTests",
            dependencies: [
                "SCP", "SCPGcrypt", "SCPSimulation", "SCPMisbehaviours", "SCPRepeatableMLKEM", "CAllocationCount",
            ],
            swiftSettings: settings),
        .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
        // What peers with valid keys do wrong, for engines and for listeners.
        .target(
            name: "SCPMisbehaviours", dependencies: ["SCP"], path: "Tests/SCPMisbehaviours", swiftSettings: settings),
        // What every crypto provider must do, and the published vectors, as a program that any provider can be run through.
        .target(
            name: "SCPProviderLaws", dependencies: ["SCP", "CGcryptTestSupport"], path: "Tests/SCPProviderLaws",
            swiftSettings: settings),
        // ML-KEM-768 of our own, for vectors and for sessions that repeat: cryptography that no product may have.
        .target(
            name: "SCPRepeatableMLKEM", dependencies: ["SCP", "SCPSimulation"], path: "Tests/SCPRepeatableMLKEM",
            swiftSettings: settings),
        .target(name: "CGcryptTestSupport", dependencies: ["CGcrypt"], path: "Tests/CGcryptTestSupport"),
        .testTarget(
            name: "SCPGcryptTests",
            dependencies: [
                "SCP", "SCPGcrypt", "SCPSimulation", "SCPProviderLaws", "SCPRepeatableMLKEM", "CGcryptTestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "SCPSwiftCryptoTests",
            dependencies: [
                "SCP", "SCPGcrypt", "SCPSwiftCrypto", "SCPSimulation", "SCPProviderLaws", "SCPRepeatableMLKEM",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "SCPCertificatesTests",
            dependencies: [
                "SCP", "SCPCertificates", "SCPGcrypt", "SCPSwiftCrypto", "SCPNIO", "SCPSimulation",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "X509", package: "swift-certificates", condition: .when(traits: ["Certificates"])),
                .product(name: "SwiftASN1", package: "swift-asn1", condition: .when(traits: ["Certificates"])),
                .product(name: "_CryptoExtras", package: "swift-crypto", condition: .when(traits: ["Certificates"])),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "SCPNIOTests",
            dependencies: [
                "SCP", "SCPGcrypt", "SCPNIO", "SCPRecording", "SCPSimulation", "SCPMisbehaviours", "SCPRepeatableMLKEM",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SCPSimulationTests", dependencies: ["SCP", "SCPGcrypt", "SCPSimulation"], swiftSettings: settings),
        .testTarget(
            name: "SCPRecordingTests",
            dependencies: ["SCP", "SCPGcrypt", "SCPRecording", "SCPSimulation", "SCPRepeatableMLKEM"],
            swiftSettings: settings),
        .testTarget(name: "SechanTests", dependencies: ["sechan", "SCP", "SCPGcrypt"], swiftSettings: settings),
        .testTarget(name: "ConformanceTests", swiftSettings: settings),
    ]
)
