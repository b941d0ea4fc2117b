public import Foundation

/// Where the published vectors are: `$SCP_VECTORS`, or `../shared/vectors` beside the package.
public enum VectorFiles {
    /// Nil when there are none, so that a test can say that it was skipped.
    public static let directory: URL? = {
        let path = ProcessInfo.processInfo.environment["SCP_VECTORS"]
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let url = path.map { URL(filePath: $0) } ?? package.appending(path: "../shared/vectors").standardizedFileURL
        return FileManager.default.fileExists(atPath: url.path) ? url : nil
    }()

    struct Missing: Error {}

    static func read(_ name: String) throws -> Data {
        guard let directory else { throw Missing() }
        return try Data(contentsOf: directory.appending(path: name))
    }

    /// Blocks of `name = value` lines, one a vector; a repeated name begins the next block.
    static func blocks(_ name: String) throws -> [[String: String]] {
        let text = String(decoding: try read(name), as: UTF8.self)
        var blocks: [[String: String]] = []
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let sides = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2 else { continue }
            let key = sides[0].trimmingCharacters(in: .whitespaces)
            let value = sides[1].trimmingCharacters(in: .whitespaces)
            if blocks.last?[key] != nil || blocks.isEmpty { blocks.append([:]) }
            blocks[blocks.count - 1][key] = value
        }
        return blocks
    }
}

/// What a run over a file of vectors found. Counts are asserted by the caller, so that an empty file fails.
public struct VectorReport: Equatable, Sendable {
    /// Cases that gave the published answer.
    public var answered = 0
    /// Cases that were refused, as published.
    public var refused = 0
    /// Cases that the interface cannot express, by the reason.
    public var inapplicable: [String: Int] = [:]
    /// Cases with another outcome than the published one.
    public var wrong: [String] = []

    public var total: Int { answered + refused + wrong.count + inapplicable.values.reduce(0, +) }

    public init(answered: Int = 0, refused: Int = 0, inapplicable: [String: Int] = [:]) {
        self.answered = answered
        self.refused = refused
        self.inapplicable = inapplicable
    }

    /// One case that should give an answer, or be refused with `expected`.
    mutating func record(_ name: String, refusal expected: (any Error & Equatable)? = nil, _ body: () throws -> Bool) {
        do {
            let isRight = try body()
            if isRight && expected == nil { answered += 1 } else { wrong.append(name) }
        } catch {
            if let expected, "\(error)" == "\(expected)" { refused += 1 } else { wrong.append("\(name): \(error)") }
        }
    }
}

/// Bytes from hexadecimal digits; a digit that is none makes the result empty, which no vector expects.
public func hex(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var digits = text.makeIterator()
    while let high = digits.next() {
        guard let low = digits.next(), let value = UInt8(String([high, low]), radix: 16) else { return [] }
        bytes.append(value)
    }
    return bytes
}
