package import SCP

/// The plaintexts of DATA frames, record by record, legal or not.
package enum Plain {
    package static let ping: [UInt8] = [0x01]
    package static func credit(_ value: UInt64) -> [UInt8] { [0x02] + varintBytes(value) }

    package static func piece(
        on channel: Channel = .default, _ message: UInt64, offset: UInt64? = nil, _ bytes: [UInt8], isLast: Bool = true,
        hasLength: Bool = true
    ) -> [UInt8] {
        let type: UInt8 = 0x20 | (isLast ? 1 : 0) | (offset != nil ? 2 : 0) | (hasLength ? 4 : 0)
        return [type] + varintBytes(channel.encoded) + varintBytes(message) + (offset.map { varintBytes($0) } ?? [])
            + (hasLength ? varintBytes(UInt64(bytes.count)) : []) + bytes
    }

    package static func unreliable(_ channel: Channel, _ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        [0x34] + varintBytes(channel.encoded) + varintBytes(number) + varintBytes(UInt64(bytes.count)) + bytes
    }

    package static func cancel(
        on channel: Channel = .default, _ message: UInt64, charge: UInt64, code: UInt64 = 0
    ) -> [UInt8] {
        [0x06] + varintBytes(channel.encoded) + varintBytes(message) + varintBytes(charge) + varintBytes(code)
    }

    package static func refuse(on channel: Channel = .default, _ message: UInt64, code: UInt64 = 0) -> [UInt8] {
        [0x07] + varintBytes(channel.encoded) + varintBytes(message) + varintBytes(code)
    }

    package static func finish(_ sum: UInt64) -> [UInt8] { [0x08] + varintBytes(sum) }

    package static func acknowledgement(_ largest: UInt64, credit: UInt64 = 0) -> [UInt8] {
        [0] + varintBytes(largest) + [0, 0, 0] + varintBytes(credit)
    }

    package static func close(_ code: UInt64, reason: [UInt8] = []) -> [UInt8] {
        varintBytes(code) + varintBytes(UInt64(reason.count)) + reason
    }
}

/// A varint in a form of exactly `size` bytes, shortest or not.
package func varintBytes(_ value: UInt64, size: Int) -> [UInt8] {
    let prefix: UInt8 = [1: 0x00, 2: 0x40, 4: 0x80, 8: 0xc0][size]!
    var bytes = (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (size - 1 - $0))) }
    bytes[0] |= prefix
    return bytes
}

package func varintBytes(_ value: UInt64) -> [UInt8] { varintBytes(value, size: Varint.size(value)) }
