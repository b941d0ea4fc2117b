import SCP

/// Files with a secret in them, for their owner alone.
enum SecretFile {
    /// Writes a secret in Base64 where nothing stands yet; never replaces a file and never follows a symbolic link.
    ///
    /// - Parameters:
    ///   - head: what stands before the secret; nothing secret.
    ///   - tail: what stands after it.
    static func create(_ path: String, head: String, _ secret: Secret, tail: String = "") throws(Failure) {
        let text = text(head, secret, tail + "\n")
        do throws(SystemError) {
            let file = try File.create(path, mode: 0o600)
            do throws(SystemError) {
                try file.write(text.bytes)
                try file.synchronize()
            } catch {
                // The file is ours and useless: half a key must not pass for one.
                try? SystemCalls.remove(path)
                throw error
            }
        } catch {
            guard error.alreadyExists else { throw Failure(.cannotCreate, error) }
            throw Failure(
                .cannotCreate, "\(path) exists already, and a key is never replaced",
                remedy: "Choose another name, or move the old key away first.")
        }
    }

    /// In memory that wipes itself.
    private static func text(_ head: String, _ secret: Secret, _ tail: String) -> Secret {
        let text = Secret(count: head.utf8.count + Base64.encodedCount(secret.count) + tail.utf8.count)
        text.withMutableBytes { bytes in
            var index = 0
            func append(_ byte: UInt8) {
                bytes[index] = byte
                index += 1
            }
            for byte in head.utf8 { append(byte) }
            Base64.encode(secret.bytes, append)
            for byte in tail.utf8 { append(byte) }
        }
        return text
    }
}
