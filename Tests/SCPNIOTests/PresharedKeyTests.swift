import SCP
import SCPGcrypt
import SCPNIO
import Testing

/// Pre-shared keys between real sockets; the engine's tests have every combination.
@Suite("Pre-shared keys", .timeLimit(.minutes(2)))
struct PresharedKeyTests {
    /// [SCP-PSK-3]
    @Test("one for every peer, and one for each", arguments: [loopback, .udp("127.0.0.1", 0)])
    func match(address: Endpoint) async throws {
        var ends = try Ends()
        let (one, two) = try (ends.provider.randomSecret(count: 32), ends.provider.randomSecret(count: 32))
        let serverKeys: [PresharedKeys] = [
            .common(one), .perPeer([(try ends.provider.publicKey(of: ends.stranger()), two), (ends.clientKey, one)]),
        ]
        for keys in serverKeys {
            ends.server.usePresharedKeys(keys)
            ends.client.usePresharedKeys(.common(one))
            try await ends.withServer(on: address) { [ends] address in
                let channel = try await ends.connect(to: address)
                try await channel.send("x")
                #expect(try await channel.receive()?.text == "x")
                try await channel.close()
                var wrong = ends
                wrong.client.usePresharedKeys(.common(two))
                // On datagrams, where anybody can forge a message 3, it is dropped without a word.
                let code: ErrorCode = address.isDatagram ? .handshakeUnconfirmed : .authenticationFailed
                if address.isDatagram { wrong.client.timers.handshake = .seconds(2) }
                let failure = try await channelFailure { [wrong] in _ = try await wrong.connect(to: address) }
                #expect(failure.code == code)
            }
        }
    }
}
