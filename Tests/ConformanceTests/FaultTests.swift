import Foundation
import Testing

/// The seeded faults of Tests/Faults, which `make faults` builds and runs one by one: each still fits its file.
@Suite("Seeded faults")
struct FaultTests {
    struct Fault: Decodable {
        let name, file, from, to, tests: String
    }

    private func faults() throws -> [Fault] {
        try JSONDecoder().decode([Fault].self, from: Data(try Repository.text("Tests/Faults/faults.json").utf8))
    }

    @Test("there are enough, and each has a name of its own")
    func names() throws {
        let faults = try faults()
        #expect(faults.count >= 25)
        #expect(Set(faults.map(\.name)).count == faults.count)
    }

    @Test("each changes one place of the engine that is there")
    func places() throws {
        for fault in try faults() {
            let text = try Repository.text(fault.file)
            #expect(text.components(separatedBy: fault.from).count == 2, "\(fault.name)")
            #expect(fault.from != fault.to, "\(fault.name)")
            #expect(fault.file.hasPrefix("Sources/SCP/"), "\(fault.name)")
        }
    }
}
