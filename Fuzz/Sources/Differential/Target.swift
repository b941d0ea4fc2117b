import FuzzSupport
import SCP

/// The same bytes, whole and byte by byte, must come to the same (why frames may be cut anywhere).
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(start, count) { bytes in
        var whole = session(isEstablished: false)
        var single = session(isEstablished: false)
        var first: [UInt64] = []
        var second: [UInt64] = []
        observe(&whole.responder, bytes, at: whole.now, &first)
        for byte in bytes { observe(&single.responder, [byte], at: single.now, &second) }
        if whole.responder.state != single.responder.state { report("segmentation changes the state") }
        if let one = first.first, one != second.first { report("segmentation changes the error") }
    }
}
