import FuzzSupport

/// A fuzzer that finds nothing may be broken: this one must crash, within seconds.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(start, count) { bytes in
        if bytes.count >= 4, bytes[0] == 0x53, bytes[1] == 0x43, bytes[2] == 0x50, bytes[3] == 0x31 {
            report("the canary sings")
        }
    }
}
