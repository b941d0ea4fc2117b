@testable import SCP

/// A sealed DATA frame in a buffer of its own.
func sealedFrame<Provider: CryptoProvider>(
    _ keys: TrafficKeys<Provider>, _ plaintext: [UInt8], sequence: SequenceNumber
) throws(FrameProtectionError) -> [UInt8] {
    let header = FrameHeader(type: .data, sequence: sequence, length: plaintext.count + FrameHeader.tagSize)
    var frame = [UInt8](repeating: 0, count: FrameHeader.size) + plaintext
    frame += [UInt8](repeating: 0, count: FrameHeader.tagSize + FrameHeader.macSize)
    var span = frame.mutableSpan
    try keys.seal(&span, at: 0, header: header)
    return frame
}

/// Opens the frame that fills the buffer, under the header that stands in it unless another is given.
func openFrame<Provider: CryptoProvider>(
    _ keys: TrafficKeys<Provider>, _ frame: inout [UInt8], header: FrameHeader? = nil
) -> (plaintext: [UInt8]?, error: FrameProtectionError?) {
    guard let header = header ?? (try? FrameHeader.parse(frame.span, limit: 1 << 24)) else { return (nil, nil) }
    do throws(FrameProtectionError) {
        var span = frame.mutableSpan
        let range = try keys.open(&span, at: 0, header: header)
        return (Array(frame[range]), nil)
    } catch {
        return (nil, error)
    }
}
