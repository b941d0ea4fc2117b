import Benchmark
import CBenchmarkSupport
import SCPGcrypt
import Subjects

/// Absolute figures of the engine with the benchmark library: distributions, thresholds, comparison with a kept
/// baseline. Ratios are the business of `compare`.
let benchmarks: @Sendable () -> Void = {
    for size in [64, 1_024, 16_384, 1_048_576] {
        for side in [RecordSubject<GcryptProvider>.Side.seal, .open, .exchange] {
            measure("\(side.rawValue) \(size) B") { try RecordSubject(side, try GcryptProvider(), size: size) }
        }
    }
    measure("64 B, 64 a poll") { try CoalescingSubject(try GcryptProvider(), size: 64, batch: 64) }
    measure("handshake, libgcrypt") { try HandshakeSubject(try GcryptProvider()) }
    measure("handshake, X25519 of swift-crypto") { try HandshakeSubject(try MixedProvider()) }
    measure("rotation, X25519 of swift-crypto") { try RotationSubject(try MixedProvider()) }
    measure("idle poll") { try IdlePollSubject(try GcryptProvider()) }
    measure("simulated session") { SimulationSubject() }
}

/// Counted here: the library's own count needs an interposer that is a package of its own.
private let allocations = BenchmarkMetric.custom("Allocations per operation", polarity: .prefersSmaller)

/// An iteration is a slice of the subject's. Its processor time, divided by its operations, is a metric of its own: the
/// library's clocks would count what a slice does to get ready, too.
private func measure(_ name: String, _ make: @escaping @Sendable () throws -> any Subject) {
    let time = BenchmarkMetric.custom("Nanoseconds per operation", polarity: .prefersSmaller)
    let configuration = Benchmark.Configuration(
        metrics: [time, allocations, .throughput], timeUnits: .nanoseconds, warmupIterations: 3,
        maxDuration: .seconds(1), maxIterations: 1_000)
    Benchmark(name, configuration: configuration) { benchmark in
        let subject = try make()
        for _ in benchmark.scaledIterations {
            let slice = try subject.slice()
            benchmark.measurement(time, Int(slice.nanosecondsPerOperation))
            benchmark.measurement(allocations, Int(slice.allocationsPerOperation.rounded()))
        }
    }
}
