import Foundation

/// The package this test was built from.
enum Repository {
    static let root: URL = {
        var url = URL(filePath: #filePath)
        while !FileManager.default.fileExists(atPath: url.appending(path: "Package.swift").path) {
            guard url.path != "/" else { break }
            url.deleteLastPathComponent()
        }
        return url
    }()

    /// A file as text, lines ending in a line feed.
    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    /// Paths, from the root, of the files below a folder that have one of the extensions; sorted.
    static func files(below folder: String, extensions: Set<String>) throws -> [String] {
        let start = root.appending(path: folder)
        guard let paths = FileManager.default.enumerator(atPath: start.path) else { return [] }
        var result: [String] = []
        while let path = paths.nextObject() as? String {
            guard !path.split(separator: "/").contains(where: { $0.hasPrefix(".build") }) else { continue }
            if extensions.contains(URL(filePath: path).pathExtension) { result.append(folder + "/" + path) }
        }
        return result.sorted()
    }

    /// The Swift and C files below a folder, read.
    static func sources(below folder: String) throws -> [SourceFile] {
        try files(below: folder, extensions: ["swift", "c", "h"]).map { path in
            SourceFile(path: path, text: try text(path))
        }
    }
}

/// What is below `Sources` and `Tests`, read once for all tests.
enum SourceTree {
    static let sources = Result { try Repository.sources(below: "Sources") }
    static let tests = Result { try Repository.sources(below: "Tests") }
}
