import FuzzSupport
import SCP

/// A responder that gets the input, and then another that gets it after a genuine INIT.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(start, count) { bytes in
        var fresh = session(isEstablished: false)
        _ = drive(&fresh.responder, bytes, at: fresh.now)
        flush(&fresh.responder, at: fresh.now)
        var halfOpen = session(isEstablished: false)
        halfOpen.collect(from: .initiator)
        _ = try? halfOpen.deliver(to: .responder)
        _ = drive(&halfOpen.responder, bytes, at: halfOpen.now)
        flush(&halfOpen.responder, at: halfOpen.now)
    }
}
