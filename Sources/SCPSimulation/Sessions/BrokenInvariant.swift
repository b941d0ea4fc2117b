/// A rule that a simulated session did not keep.
public struct BrokenInvariant: Error, Hashable, Sendable, CustomStringConvertible {
    /// Its number in the list of ``SessionRun``.
    public let name: String
    public let text: String

    init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
    }

    public var description: String { "\(name): \(text)" }
}
