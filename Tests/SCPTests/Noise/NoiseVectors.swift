import Foundation
import Testing

@testable import SCP

/// The published vectors of every `25519_AESGCM_SHA256` pattern (`../shared/vectors/noise`, or `$SCP_VECTORS`).
enum NoiseVectors {
    struct Vector: Decodable, Sendable, CustomTestStringConvertible {
        struct Message: Decodable, Sendable {
            let payload, ciphertext: String
        }

        // The files' own names.
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let protocol_name, pattern, init_prologue, init_ephemeral, resp_prologue, handshake_hash: String
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let init_static, init_remote_static, resp_static, resp_remote_static, resp_ephemeral: String?
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let init_psks, resp_psks: [String]?
        let messages: [Message]

        var testDescription: String { pattern }
    }

    private struct File: Decodable {
        let vectors: [Vector]
    }

    /// Nil when there are none, so that a test can say that it was skipped.
    static let all: [Vector]? = {
        let path = ProcessInfo.processInfo.environment["SCP_VECTORS"]
        let package = (0..<4).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        let directory = path.map { URL(filePath: $0) } ?? package.appending(path: "../shared/vectors")
        let file = directory.appending(path: "noise/25519_AESGCM_SHA256.json").standardizedFileURL
        guard let data = try? Data(contentsOf: file) else { return nil }
        // A file that is there and cannot be read is no reason to skip: the count finds it.
        return (try? JSONDecoder().decode(File.self, from: data))?.vectors ?? []
    }()
}
