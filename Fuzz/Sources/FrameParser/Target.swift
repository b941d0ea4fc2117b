import FuzzSupport
import SCP

/// Every parser of unauthenticated bytes: header, handshake payloads, M1, items, credentials, CLOSE of epoch 0.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(start, count) { bytes in
        let span = bytes.span
        let all = 0..<bytes.count
        note { () throws(WireError) in try FrameHeader.parse(span, limit: 65_536) }
        for type in FrameType.allCases {
            for isStream in [true, false] {
                note { () throws(WireError) in
                    try HandshakePiece.parse(span, in: all, type: type, counter: 0, isStream: isStream)
                }
            }
        }
        note { () throws(WireError) in try InitMessage.parse(span, in: all) }
        note { () throws(WireError) in try HandshakeItems.parse(span, in: all, of: .m2, suite: 1) }
        note { () throws(WireError) in try HandshakeItems.parse(span, in: all, of: .m3, suite: 1) }
        note { () throws(WireError) in try CredentialItem.parse(span) }
        if let item = try? CredentialItem.parse(span), item.encoded != bytes { report("another credential") }
        note { () throws(WireError) in try HandshakeClose.parse(span, in: all) }
    }
}
