import Testing

@testable import SCP

/// Spec/Vectors is what the engine gives. `make vectors` writes it, Spec/peer computes every value again.
@Suite struct VectorFileTests {
    @Test func handshakes() throws { try VectorFile.check("handshake", HandshakeVectors.file()) }
    @Test func frames() throws { try VectorFile.check("frames", FrameVectors.file()) }
    @Test func rotations() throws { try VectorFile.check("rotation", RotationVectors.file()) }
    @Test func closes() throws { try VectorFile.check("close", CloseVectors.file()) }

    @Test func negatives() throws {
        let cases =
            try NegativeFrameCases.all() + NegativeHandshakeCases.all() + NegativeItemCases.all()
            + NegativeStateCases.all() + NegativeRecordCases.all() + NegativeSessionCases.all()
        for one in cases { try one.verify() }
        let provider = try VectorProvider()
        try VectorFile.check("negative", VectorFile.json("negative", cases.map { try $0.json(provider) }))
    }
}
