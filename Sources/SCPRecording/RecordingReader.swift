/// Why a recording cannot be read. Whatever its bytes are, reading them ends with one of these or with its last entry.
public enum RecordingError: Error, Equatable, Sendable {
    /// The first eight bytes are not those of a recording.
    case notARecording
    /// Another version of the format than 1.
    case unsupportedVersion(UInt8)
    /// It ends before its last entry, as that of a program that was killed does.
    case truncated
    /// The checksum of the entry that begins at this offset is wrong.
    case damaged(offset: UInt64)
    /// The entry at this offset says that it has more than 16 MiB.
    case tooLarge(offset: UInt64)
    /// The entry at this offset is whole, and not one that can stand there.
    case malformed(offset: UInt64)
    /// The source failed, for a reason of its own.
    case unreadable(String)
}

/// Reads a recording, one entry at a time: no more than 16 MiB of it is held.
///
///     recording = magic (8) | version (1) = 1 | entry*
///     magic     = 0x89 "SCPREC" 0x0a
///     entry     = kind (1) | length (4) | body | checksum (4)
///
/// Integers are big-endian. The checksum is the CRC-32 (IEEE 802.3) of everything in the file before it, so that no
/// entry can be damaged, left out or put elsewhere unnoticed; it is no protection against intent.
/// The first entry is a start, the last one an end. Between them each input of the engine is followed by what its
/// provider answered while the engine worked, and by what came out.
public struct RecordingReader {
    private let read: (_ limit: Int) throws -> [UInt8]
    private var buffer: [UInt8] = []
    private var checksum = Checksum()
    /// Bytes before the next entry.
    private(set) var offset: UInt64 = 0
    private var isAtEnd = false

    /// - Parameter read: gives the next bytes, at most `limit` of them; none at the end.
    /// - Throws: when it is not a recording that this version reads, or when `read` throws.
    public init(_ read: @escaping (_ limit: Int) throws -> [UInt8]) throws(RecordingError) {
        self.read = read
        let header = try take(Entry.magic.count + 1)
        guard header.prefix(Entry.magic.count) == Entry.magic[...] else {
            throw header.count > Entry.magic.count || !Entry.magic.starts(with: header) ? .notARecording : .truncated
        }
        guard let version = header.dropFirst(Entry.magic.count).first else { throw .truncated }
        guard version == Entry.version else { throw .unsupportedVersion(version) }
        checksum.add(header)
        offset = UInt64(header.count)
    }

    /// Reads a recording that is in memory.
    public init(_ bytes: [UInt8]) throws(RecordingError) {
        var rest = bytes[...]
        try self.init { limit in
            defer { rest = rest.dropFirst(limit) }
            return Array(rest.prefix(limit))
        }
    }

    /// The next entry; nil after the last.
    mutating func next() throws(RecordingError) -> Entry? {
        guard !isAtEnd else { return nil }
        let header = try take(5)
        guard header.count == 5 else { throw .truncated }
        let length = header.dropFirst().reduce(0) { $0 << 8 | Int($1) }
        guard length <= Entry.maximumSize else { throw .tooLarge(offset: offset) }
        let rest = try take(length + 4)
        guard rest.count == length + 4 else { throw .truncated }
        checksum.add(header)
        checksum.add(rest.prefix(length))
        let claimed = rest.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard claimed == checksum.value else { throw .damaged(offset: offset) }
        checksum.add(rest.suffix(4))
        guard let kind = Entry.Kind(rawValue: header[0]) else { throw .malformed(offset: offset) }
        offset += UInt64(header.count + rest.count)
        if kind == .end {
            isAtEnd = true
            guard length == 0, try take(1).isEmpty else { throw .malformed(offset: offset) }
            return nil
        }
        return Entry(kind: kind, body: Array(rest.prefix(length)))
    }

    /// As many bytes as there are, up to `count`; the memory grows with what is there, not with what is asked for.
    private mutating func take(_ count: Int) throws(RecordingError) -> [UInt8] {
        while buffer.count < count {
            let part: [UInt8]
            do { part = try read(min(65_536, count - buffer.count)) } catch { throw .unreadable("\(error)") }
            guard !part.isEmpty else { break }
            buffer += part
        }
        defer { buffer.removeFirst(min(count, buffer.count)) }
        return Array(buffer.prefix(count))
    }
}
