// swift-tools-version: 6.2

import PackageDescription

/// Fuzz targets, built with `swift build --package-path Fuzz --sanitize=fuzzer`. A package of its own, so that nobody
/// who uses the library builds them. Each program takes libFuzzer's options.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableExperimentalFeature("Lifetimes"),
    .unsafeFlags(["-parse-as-library"]),
]

let targets = [
    "FrameParser", "RecordParser", "HandshakeInitiator", "HandshakeResponder", "EstablishedSession", "Datagrams",
    "Differential", "Canary",
]

let package = Package(
    name: "Fuzz",
    dependencies: [.package(name: "swift-scp", path: "..")],
    targets: [
        .target(
            name: "FuzzSupport",
            dependencies: [
                .product(name: "SCP", package: "swift-scp"), .product(name: "SCPSimulation", package: "swift-scp"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .enableExperimentalFeature("Lifetimes")])
    ]
        + targets.map {
            .executableTarget(
                name: $0,
                dependencies: [
                    "FuzzSupport", .product(name: "SCP", package: "swift-scp"),
                    .product(name: "SCPSimulation", package: "swift-scp"),
                ],
                swiftSettings: settings)
        }
)
