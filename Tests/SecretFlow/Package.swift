// swift-tools-version: 6.2

import PackageDescription

// A program for valgrind, in a package of its own: it needs valgrind's headers, which nobody who uses the library has
// to have. `run` builds it and looks at what valgrind says.
let package = Package(
    name: "SecretFlow",
    dependencies: [.package(name: "swift-scp", path: "../..")],
    targets: [
        .target(name: "CMemcheck"),
        .executableTarget(
            name: "secretflow",
            dependencies: [
                "CMemcheck",
                .product(name: "SCP", package: "swift-scp"),
                .product(name: "SCPGcrypt", package: "swift-scp"),
                .product(name: "SCPSimulation", package: "swift-scp"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .enableExperimentalFeature("Lifetimes")]),
    ]
)
