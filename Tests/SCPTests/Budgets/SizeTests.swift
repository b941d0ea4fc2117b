import SCP
import SCPGcrypt
import Testing

/// Values that pass through every call are small: they are moved and copied with each.
@Suite("Budget: sizes")
struct SizeTests {
    @Test("what inputs and outputs return is small")
    func results() {
        #expect(MemoryLayout<Transmit>.size <= 9)
        #expect(MemoryLayout<DatagramTransmit>.size <= 27)
        #expect(MemoryLayout<Deadline>.size <= 9)
        #expect(MemoryLayout<Event>.size <= 73)
        #expect(MemoryLayout<Closure>.size <= 40)
        #expect(MemoryLayout<ConnectionState>.size <= 1)
        #expect(MemoryLayout<ReceivedMessage>.size <= 24)
        #expect(MemoryLayout<SendRoom>.size <= 24)
    }

    @Test("errors are small")
    func errors() {
        #expect(MemoryLayout<ConnectionError>.size <= 40)
        #expect(MemoryLayout<SendError>.size <= 9)
        #expect(MemoryLayout<ConfigurationError>.size <= 1)
        #expect(MemoryLayout<CryptoError>.size <= 5)
        #expect(MemoryLayout<WireError>.size <= 16)
    }

    @Test("a connection's own bytes, without what it points at")
    func connection() {
        #expect(MemoryLayout<Connection<GcryptProvider>>.size <= 2_688)
    }
}
