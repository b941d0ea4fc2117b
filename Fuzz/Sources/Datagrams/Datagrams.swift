import FuzzSupport

/// An endpoint on datagrams with a client: handshake in pieces, cookies, sessions, damage, forgeries, and time.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(start, count) { bytes in DatagramPlay()?.run(bytes) }
}
