import CBenchmarkSupport
import SCP

/// The primitives alone, over the bytes of frames of these sizes, through handles that are reused.
public final class LimitSubject: Subject {
    private let isSealing: Bool
    private let limit: OpaquePointer
    private let sizes: [Int]
    private let frames: UnsafeMutablePointer<UInt8>
    private let count: Int
    private let stride: Int

    /// - Parameter sizes: plaintext bytes of the frames of one message.
    public init(sealing: Bool, sizes: [Int]) throws {
        isSealing = sealing
        self.sizes = sizes
        let total = sizes.reduce(0) { $0 + $1 + CBS_OVERHEAD }
        count = batchCount(total)
        stride = total
        frames = .allocate(capacity: total * count)
        frames.initialize(repeating: 0x5a, count: total * count)
        guard let opened = cbs_limit_open() else { throw Failed("libgcrypt gave no handle") }
        limit = opened
    }

    deinit {
        cbs_limit_close(limit)
        frames.deallocate()
    }

    private func forEachFrame(_ body: (UInt64, UnsafeMutablePointer<UInt8>, Int) -> Bool) -> Bool {
        var isGood = true
        var number: UInt64 = 0
        for index in 0..<count {
            var frame = frames + index * stride
            for size in sizes {
                if !body(number, frame, size) { isGood = false }
                number += 1
                frame += size + CBS_OVERHEAD
            }
        }
        return isGood
    }

    public func slice() throws -> Slice {
        var sealing = Slice()
        var opening = Slice()
        let sealed = sealing.measure(operations: count) { forEachFrame { cbs_limit_seal(limit, $0, $1, $2) } }
        let opened = opening.measure(operations: count) { forEachFrame { cbs_limit_unseal(limit, $0, $1, $2) } }
        guard sealed, opened else { throw Failed("libgcrypt refused a frame") }
        return isSealing ? sealing : opening
    }
}

/// X25519 multiplications by libgcrypt, as many as a handshake makes.
public final class MultiplicationSubject: Subject {
    private let count: Int
    private var scalar = [UInt8](repeating: 7, count: 32)

    public init(count: Int) { self.count = count }

    public func slice() throws -> Slice {
        scalar[0] &= 0xf8
        scalar[31] = scalar[31] & 0x7f | 0x40
        var point = [UInt8](repeating: 0, count: 32)
        var slice = Slice()
        let isGood = slice.measure(operations: 1) {
            var isGood = cbs_x25519(&point, scalar, nil)
            for _ in 1..<count {
                var product = [UInt8](repeating: 0, count: 32)
                isGood = cbs_x25519(&product, scalar, point) && isGood
                point = product
            }
            return isGood
        }
        guard isGood else { throw Failed("libgcrypt refused to multiply") }
        // Other numbers the next time.
        scalar = point
        return slice
    }
}

/// The same multiplications through a provider, without anything around them.
public final class AgreementSubject<Provider: CryptoProvider>: Subject {
    private let provider: Provider
    private let count: MultiplicationCount
    private let key: Provider.PrivateKey
    private let peer: PublicKey

    public init(_ provider: Provider, _ count: MultiplicationCount) throws {
        self.provider = provider
        self.count = count
        key = try provider.privateKey(provider.randomSecret(count: PublicKey.size))
        let other = try provider.privateKey(provider.randomSecret(count: PublicKey.size))
        peer = try provider.publicKey(of: other)
    }

    public func slice() throws -> Slice {
        var slice = Slice()
        try slice.measure(operations: 1) {
            for _ in 0..<count.keys { _ = try provider.privateKey(provider.randomSecret(count: PublicKey.size)) }
            for _ in 0..<count.secrets { _ = try provider.sharedSecret(key, with: peer) }
        }
        return slice
    }
}
