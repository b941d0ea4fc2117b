import FuzzSupport
import SCP

/// Every parser of authenticated plaintext: records, ACK, CLOSE, rotation.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(start, count) { bytes in
        let span = bytes.span
        let all = 0..<bytes.count
        var reader = RecordReader(span)
        while let record = try? reader.nextRecord() {
            note { record }
            if case .piece(let piece) = record, piece.bytes.upperBound > bytes.count { report("a piece outside") }
        }
        note { () throws(WireError) in try Acknowledgement.parse(span, in: all, isStream: true) }
        note { () throws(WireError) in try Acknowledgement.parse(span, in: all, isStream: false) }
        note { () throws(WireError) in try CloseFrame.parse(span, in: all) }
        note { () throws(WireError) in try RotationMessage.parse(span) }
    }
}
