// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

// A package of its own: whoever uses the library needs neither its peers nor a benchmark library.
let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "swift-scp", path: "..", traits: ["SwiftCrypto"]),
        // Without its interposers, which are packages that this machine does not have: mallocs are counted here.
        .package(url: "https://github.com/ordo-one/benchmark.git", from: "1.38.1", traits: []),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
    ],
    targets: [
        // Allocations, processor time and memory of the process, and libgcrypt without anything of ours before it.
        .target(
            name: "CBenchmarkSupport", cSettings: [.unsafeFlags(["-O2"])],
            linkerSettings: [.linkedLibrary("gcrypt")]),
        // What is measured, without anything that measures.
        .target(
            name: "Subjects",
            dependencies: [
                "CBenchmarkSupport",
                .product(name: "SCP", package: "swift-scp"),
                .product(name: "SCPGcrypt", package: "swift-scp"),
                .product(name: "SCPSwiftCrypto", package: "swift-scp"),
                .product(name: "SCPSimulation", package: "swift-scp"),
            ],
            swiftSettings: settings),
        // What is measured and needs a network: ours and its peers.
        .target(
            name: "NetworkSubjects",
            dependencies: [
                "CBenchmarkSupport", "Subjects",
                .product(name: "SCP", package: "swift-scp"),
                .product(name: "SCPNIO", package: "swift-scp"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: settings),
        // The table of ratios.
        .executableTarget(
            name: "compare",
            dependencies: [
                "CBenchmarkSupport", "Subjects", "NetworkSubjects",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        // Absolute figures of the engine, with the distributions that the library gives.
        .executableTarget(
            name: "EngineBenchmarks",
            dependencies: [
                "CBenchmarkSupport", "Subjects", .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/EngineBenchmarks",
            swiftSettings: settings,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ]
)
