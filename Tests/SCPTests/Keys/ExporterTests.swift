import SCPGcrypt
import Testing

@testable import SCP

// [SCP-KEY-8]
@Suite struct ExporterTests {
    private let reference: KeyReference
    private let exporter: Exporter

    init() throws {
        reference = try KeyReference()
        exporter = Exporter(secret: testSecret(1), binding: testSecret(2))
    }

    private func export(_ label: String, _ context: String = "", _ length: Int = 32) throws(ExportError) -> [UInt8] {
        try export(Array(label.utf8), Array(context.utf8), length)
    }

    private func export(_ label: [UInt8], _ context: [UInt8], _ length: Int) throws(ExportError) -> [UInt8] {
        array(try exporter.export(label: label, context: context.span, length: length, reference.provider))
    }

    @Test func derivedAsSpecified() throws {
        let contexts = ["", "context", String(repeating: "long ", count: 1_000)]
        for label in ["x", "EXPORTER-test", String(repeating: "l", count: 250)] {
            for context in contexts {
                for length in [1, 16, 32, 33, 8_160] {
                    let key = try reference.label(array(testSecret(1)), label, reference.hash([]), 32)
                    let digest = try reference.hash(Array(context.utf8))
                    let expected = try reference.label(key, "exporter", digest, length)
                    #expect(try export(label, context, length) == expected)
                }
            }
        }
        #expect(array(exporter.binding) == array(testSecret(2)))
    }

    @Test(arguments: [Int.min, -1, 0, 8_161, 65_536 + 32, Int.max])
    func lengthsAreChecked(length: Int) {
        #expect(throws: ExportError.length) { try export("label", "", length) }
    }

    @Test(arguments: [0, 251, 255, 256, 100_000])
    func labelsAreChecked(count: Int) {
        #expect(throws: ExportError.label) { try export([UInt8](repeating: 0x61, count: count), [], 32) }
    }

    /// Any byte may stand in a label.
    @Test func labelsAreBytes() throws {
        let all = Set(try (0...255).map { try export([UInt8($0)], [], 32) })
        #expect(all.count == 256)
    }

    @Test func everyArgumentCounts() throws {
        #expect(try export("a\0b", "c") != export("a", "b\0c"))
        #expect(try export("ab", "c") != export("a", "bc"))
        #expect(try export("a", "") != export("a", "\0"))
        #expect(try export("a", "x") == export("a", "x"))
        let short = try export("a", "x", 16)
        #expect(try Array(export("a", "x", 32).prefix(16)) != short)
        #expect(try Array(export("a", "x", 17).prefix(16)) != short)
    }

    @Test func failingBackend() throws {
        let provider = try ObservedProvider()
        let exporter = Exporter(secret: testSecret(1), binding: testSecret(2))
        let calls = try provider.log.during {
            _ = try exporter.export(label: [1], context: Span(), length: 32, provider)
        }
        #expect(!calls.isEmpty)
        for position in calls.indices {
            provider.log.fail(after: position)
            #expect(throws: ExportError.backend(.backend(99))) {
                try exporter.export(label: [1], context: Span(), length: 32, provider)
            }
        }
    }

    /// The same on both sides of a session, and of no other session.
    @Test func bothSidesAgree() throws {
        let provider = try ObservedProvider()
        func exports(_ state: NoiseState) throws -> [[UInt8]] {
            let schedule = try state.schedule()
            let exporter = try schedule.exporter()
            let key = try exporter.export(label: Array("test".utf8), context: Span(), length: 64, provider)
            return [array(key), array(exporter.binding)]
        }
        var pair = try NoiseKeys(provider).pair(.xx)
        try pair.advance(to: 3)
        #expect(try exports(pair.initiator) == exports(pair.responder))
        var keys = try NoiseKeys(provider)
        keys.ephemerals = [:]
        var other = try keys.pair(.xx)
        try other.advance(to: 3)
        let all = try exports(pair.initiator) + exports(other.initiator)
        #expect(Set(all).count == 4)
    }
}
