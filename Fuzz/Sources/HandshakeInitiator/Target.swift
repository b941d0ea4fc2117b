import FuzzSupport
import SCP

/// An initiator that waits for RESPONSE, and gets the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(start, count) { bytes in
        var pipe = session(isEstablished: false)
        pipe.collect(from: .initiator)
        _ = drive(&pipe.initiator, bytes, at: pipe.now)
        flush(&pipe.initiator, at: pipe.now)
        if pipe.initiator.state == .established { report("a session with nobody") }
    }
}
