import FuzzSupport
import SCP

/// An established session whose peer has the keys and sends whatever the input says.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(start, count) { bytes in
        var pipe = session(isEstablished: true)
        forge(bytes, to: &pipe.responder, at: pipe.now)
    }
}
