/// Why a frame could not be protected or opened.
enum FrameProtectionError: Error, Equatable {
    /// The HMAC is wrong: nothing is known of the sender.
    case authentication
    /// The HMAC is right and the GCM tag is not: the peer is broken.
    case decryption
    /// The range is not one of a frame, or the provider failed.
    case backend
}

/// The keys of one direction in one epoch: `key`, `mac` and `iv`.
final class TrafficKeys<Provider: CryptoProvider> {
    private let cipher: Provider.Cipher
    let authenticator: Provider.Authenticator
    private let iv: Secret

    init(cipher: Provider.Cipher, authenticator: Provider.Authenticator, iv: Secret) {
        self.cipher = cipher
        self.authenticator = authenticator
        self.iv = iv
    }

    /// Not used for a while.
    func rest() {
        cipher.rest()
        authenticator.rest()
    }

    /// `iv XOR (0x00000000 || sequence)`.
    /// [SCP-PROT-1]
    private func nonce(_ sequence: SequenceNumber) -> Nonce {
        let iv = iv
        let bytes = iv.bytes
        let number = sequence.rawValue
        return [12 of UInt8] { index in
            guard index < bytes.count else { return 0 }
            let part = index < 4 ? 0 : UInt8(truncatingIfNeeded: number >> UInt64(8 &* (11 &- index)))
            return bytes[index] ^ part
        }
    }

    /// Protects the frame at `start`: its plaintext follows 14 bytes of header, which are written here, and is
    /// followed by 48 bytes for tag and HMAC.
    /// [SCP-PROT-2] [SCP-PROT-3]
    func seal(_ frame: inout MutableSpan<UInt8>, at start: Int, header: FrameHeader) throws(FrameProtectionError) {
        let layout = try FrameLayout(frame.count, start, header)
        header.write(to: &frame, at: start)
        let associated = header.bytes
        do throws(CryptoError) {
            try cipher.seal(
                &frame, layout.plaintext, nonce: nonce(header.sequence), authenticating: associated.span)
            let mac = try authenticator.authenticate(frame.span.extracting(layout.authenticated))
            Bytes.copy(mac.span, 0..<FrameHeader.macSize, to: &frame, at: layout.authenticated.upperBound)
        } catch {
            throw .backend
        }
    }

    /// Opens the frame at `start` in place; returns where its plaintext is. First the HMAC of the whole frame, in
    /// constant time, then GCM. On failure the plaintext range holds nothing of the plaintext.
    /// [SCP-PROT-5] [SCP-PROT-7] [SCP-PROT-8]
    func open(
        _ frame: inout MutableSpan<UInt8>, at start: Int, header: FrameHeader
    ) throws(FrameProtectionError) -> Range<Int> {
        let layout = try FrameLayout(frame.count, start, header)
        let associated = header.bytes
        do throws(CryptoError) {
            let isGenuine = try authenticator.verify(
                frame.span.extracting(layout.mac), of: frame.span.extracting(layout.authenticated))
            guard isGenuine else { throw .authenticationFailed }
        } catch {
            throw error == .authenticationFailed ? .authentication : .backend
        }
        do throws(CryptoError) {
            try cipher.open(
                &frame, layout.plaintext, nonce: nonce(header.sequence), authenticating: associated.span)
        } catch {
            throw error == .authenticationFailed ? .decryption : .backend
        }
        return layout.plaintext
    }
}

/// Where the parts of a frame lie.
private struct FrameLayout {
    let plaintext: Range<Int>
    let authenticated: Range<Int>
    let mac: Range<Int>

    init(_ count: Int, _ start: Int, _ header: FrameHeader) throws(FrameProtectionError) {
        guard start >= 0, start <= count, header.length >= FrameHeader.tagSize,
            header.frameSize <= count - start
        else { throw .backend }
        let payload = start + FrameHeader.size
        let end = payload + header.length
        plaintext = payload..<end - FrameHeader.tagSize
        authenticated = start..<end
        mac = end..<end + FrameHeader.macSize
    }
}
