// swift-tools-version: 6.2

import PackageDescription

// The engine and its tests alone, for `run.py`: what has a fault need not build without warnings, and nobody waits for
// SwiftNIO. The real manifest is at the top.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "swift-scp",
    targets: [
        .target(name: "SCP", swiftSettings: settings),
        .systemLibrary(name: "CGcrypt", pkgConfig: "libgcrypt"),
        .target(name: "CGcryptShims", dependencies: ["CGcrypt"]),
        .target(name: "SCPGcrypt", dependencies: ["SCP", "CGcrypt", "CGcryptShims"], swiftSettings: settings),
        .target(name: "SCPSimulation", dependencies: ["SCP"], swiftSettings: settings),
        .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
        .target(
            name: "SCPMisbehaviours", dependencies: ["SCP"], path: "Tests/SCPMisbehaviours", swiftSettings: settings),
        .target(
            name: "SCPRepeatableMLKEM", dependencies: ["SCP", "SCPSimulation"], path: "Tests/SCPRepeatableMLKEM",
            swiftSettings: settings),
        .testTarget(
            name: "SCPTests",
            dependencies: [
                "SCP", "SCPGcrypt", "SCPSimulation", "SCPMisbehaviours", "SCPRepeatableMLKEM", "CAllocationCount",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "SCPSimulationTests", dependencies: ["SCP", "SCPGcrypt", "SCPSimulation"], swiftSettings: settings),
    ]
)
