import Foundation
import Testing

/// The files of Spec/Vectors.
enum VectorFile {
    static let schema: UInt64 = 1

    static func json(_ kind: String, _ cases: [JSON]) -> JSON {
        .object(["schema": .number(schema), "kind": .text(kind), "cases": .list(cases)])
    }

    private static func url(_ kind: String) -> URL {
        var url = URL(filePath: #filePath)
        while url.path != "/", !FileManager.default.fileExists(atPath: url.appending(path: "Package.swift").path) {
            url.deleteLastPathComponent()
        }
        return url.appending(path: "Spec/Vectors/\(kind).json")
    }

    /// Compares what the engine gives now with the file, byte for byte; writes it when `SCP_WRITE_VECTORS` is 1.
    static func check(_ kind: String, _ json: JSON) throws {
        let made = json.text() + "\n"
        if ProcessInfo.processInfo.environment["SCP_WRITE_VECTORS"] == "1" {
            try made.write(to: url(kind), atomically: true, encoding: .utf8)
            return
        }
        let kept = try String(contentsOf: url(kind), encoding: .utf8)
        guard made != kept else { return }
        let lines = zip(made.split(separator: "\n"), kept.split(separator: "\n")).enumerated()
        let first = lines.first { $0.element.0 != $0.element.1 }
        Issue.record(
            """
            \(kind).json is not what the engine gives from line \((first?.offset ?? 0) + 1) on; `make vectors` writes it
            engine: \(first?.element.0 ?? "another number of lines")
            file:   \(first?.element.1 ?? "another number of lines")
            """)
    }
}
