#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the system says about a file: its kind, its permissions and its size.
struct FileStatus: Equatable {
    let isRegular: Bool
    let isDirectory: Bool
    let isSocket: Bool
    /// The twelve permission bits.
    let permissions: UInt32
    /// Bytes.
    let size: Int

    init(_ information: stat) {
        isRegular = information.st_mode & S_IFMT == S_IFREG
        isDirectory = information.st_mode & S_IFMT == S_IFDIR
        isSocket = information.st_mode & S_IFMT == S_IFSOCK
        permissions = UInt32(information.st_mode & 0o7777)
        size = Int(clamping: information.st_size)
    }

    /// Whether anybody but the owner may read, write or execute.
    var isOpenToOthers: Bool { permissions & 0o077 != 0 }

    /// Whether anybody but the owner may write.
    var isWritableByOthers: Bool { permissions & 0o022 != 0 }

    /// The permission bits as `chmod` takes them, such as `0644`.
    var octalPermissions: String {
        let digits = String(permissions, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
