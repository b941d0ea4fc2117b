import Foundation
import SCP
import Testing

@testable import sechan

/// The trust stores on disk: permissions, links, locks and replacement.
@Suite struct TrustStoreTests {
    private let sandbox: Sandbox
    private let store: TrustStore

    init() throws {
        let sandbox = try Sandbox()
        self.sandbox = sandbox
        let directory = sandbox.configuration
        store = TrustStore(
            paths: try Paths { $0 == "SECHAN_CONFIG" ? directory : nil }, lockTimeout: .milliseconds(100))
    }

    private func add(_ text: String) throws {
        let entry = TrustFile.Entry(address: nil, key: try PublicKeyText(text))
        try store.update(.authorizedPeers) { file throws(Failure) in
            file.add(entry)
            return true
        }
    }

    @Test func missingStoreIsEmpty() throws {
        #expect(try store.load(.knownPeers).lines.isEmpty)
        #expect(!sandbox.exists("config"), "looking must not create anything")
    }

    @Test func firstEntryCreatesDirectoryAndStore() throws {
        try add(Known.alice)
        #expect(try sandbox.text(of: "config/authorized_peers") == "\(Known.alice)\n")
        #expect(try sandbox.mode(of: "config") == 0o700)
        #expect(try sandbox.mode(of: "config/authorized_peers") == 0o600)
        #expect(!sandbox.exists("config/authorized_peers.new"))
    }

    @Test func permissionsStay() throws {
        try sandbox.write("# shared\n", to: "config/authorized_peers", mode: 0o644)
        try add(Known.alice)
        #expect(try sandbox.mode(of: "config/authorized_peers") == 0o644)
        #expect(try sandbox.text(of: "config/authorized_peers") == "# shared\n\(Known.alice)\n")
    }

    @Test(arguments: [0o620, 0o602, 0o666])
    func writableByOthers(mode: Int) throws {
        try sandbox.write("\(Known.bob)\n", to: "config/authorized_peers", mode: mode)
        for work in [{ try self.add(Known.alice) }, { _ = try self.store.load(.authorizedPeers) }] {
            let failure = try #require(throws: Failure.self) { try work() }
            #expect(failure.status == .configuration)
            #expect(failure.message.contains("can be written by others"))
        }
        #expect(try sandbox.text(of: "config/authorized_peers") == "\(Known.bob)\n")
    }

    @Test func notRegularFile() throws {
        try FileManager.default.createDirectory(
            atPath: sandbox.path("config/known_peers"), withIntermediateDirectories: true)
        let failure = try #require(throws: Failure.self) { try store.load(.knownPeers) }
        #expect(failure.status == .configuration)
        #expect(failure.message.hasSuffix("is not a regular file"))
    }

    @Test func sizeLimit() throws {
        let longest = String(repeating: "#", count: TrustFile.sizeLimit)
        try sandbox.write(longest, to: "config/known_peers")
        #expect(try store.load(.knownPeers).lines.count == 1)
        try sandbox.write(longest + "#", to: "config/known_peers")
        let failure = try #require(throws: Failure.self) { try store.load(.knownPeers) }
        #expect(failure.message.contains("longer than \(TrustFile.sizeLimit) bytes"))
    }

    /// People keep such files elsewhere: the link stays, the file behind it is replaced.
    @Test func symbolicLinkStays() throws {
        try sandbox.write("# real\n", to: "elsewhere/peers")
        try sandbox.write("", to: "config/.keep")
        try FileManager.default.createSymbolicLink(
            atPath: sandbox.path("config/authorized_peers"), withDestinationPath: sandbox.path("elsewhere/peers"))
        try add(Known.alice)
        #expect(try sandbox.text(of: "elsewhere/peers") == "# real\n\(Known.alice)\n")
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: sandbox.path("config/authorized_peers"))
        #expect(link == sandbox.path("elsewhere/peers"))
    }

    /// A writer that died left its half behind; the next one is not disturbed.
    @Test func leftoverOfDeadWriter() throws {
        try sandbox.write("half a li", to: "config/authorized_peers.new")
        try add(Known.alice)
        #expect(try sandbox.text(of: "config/authorized_peers") == "\(Known.alice)\n")
        #expect(!sandbox.exists("config/authorized_peers.new"))
    }

    @Test func failedChangeWritesNothing() throws {
        try sandbox.write("\(Known.bob)\n", to: "config/authorized_peers")
        #expect(throws: Failure(.usage, "no")) {
            try store.update(.authorizedPeers) { file throws(Failure) in
                _ = try file.removeEntries { (_) throws(Failure) in true }
                throw Failure(.usage, "no")
            }
        }
        try store.update(.authorizedPeers) { file throws(Failure) in
            _ = try file.removeEntries { (_) throws(Failure) in true }
            return false
        }
        #expect(try sandbox.text(of: "config/authorized_peers") == "\(Known.bob)\n")
    }

    @Test func anotherWriterHoldsTheLock() throws {
        var inner: Failure?
        try store.update(.knownPeers) { _ throws(Failure) in
            do throws(Failure) {
                try store.update(.authorizedPeers) { _ throws(Failure) in true }
            } catch {
                inner = error
            }
            return false
        }
        #expect(inner?.status == .timedOut)
        #expect(inner?.message.contains(".lock") == true)
        // Let go afterwards, also by the one that waited in vain.
        try add(Known.alice)
    }

    @Test func lockIsNoSymbolicLink() throws {
        try sandbox.write("precious", to: "config/target")
        try FileManager.default.createSymbolicLink(
            atPath: sandbox.path("config/.lock"), withDestinationPath: sandbox.path("config/target"))
        let failure = try #require(throws: Failure.self) { try add(Known.alice) }
        #expect(failure.status == .cannotCreate)
    }

    @Test func directoryCannotBeMade() throws {
        try sandbox.write("a file", to: "config")
        let failure = try #require(throws: Failure.self) { try add(Known.alice) }
        #expect(failure.status == .cannotCreate)
        #expect(failure.message == "\(sandbox.configuration) is not a directory")
    }

    @Test func places() throws {
        func directory(_ environment: [String: String]) throws -> String {
            try Paths { environment[$0] }.directory
        }
        #expect(try directory(["HOME": "/h"]) == "/h/.config/sechan")
        #expect(try directory(["HOME": "/h/", "XDG_CONFIG_HOME": "/x/"]) == "/x/sechan")
        #expect(try directory(["HOME": "/h", "XDG_CONFIG_HOME": "relative"]) == "/h/.config/sechan")
        #expect(try directory(["HOME": "/h", "XDG_CONFIG_HOME": "/x", "SECHAN_CONFIG": "/c//"]) == "/c")
        let failure = try #require(throws: Failure.self) { try directory([:]) }
        #expect(failure.status == .configuration)

        let paths = try Paths { ["HOME": "/h", "SECHAN_IDENTITY": "/key"][$0] }
        #expect(paths.identity == "/key")
        #expect(try Paths { ["HOME": "/h"][$0] }.identity == "/h/.config/sechan/identity")
        #expect(paths.knownPeers == "/h/.config/sechan/known_peers")
        #expect(paths.authorizedPeers == "/h/.config/sechan/authorized_peers")
    }
}
