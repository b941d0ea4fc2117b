/// When the session's keys are replaced, and with what. The defaults are the protocol's; smaller ones let a rotation be
/// seen in a second.
/// [SCP-ROT-1]
public struct RotationSettings: Hashable, Sendable {
    /// Frame bytes under one epoch in either direction; 2^30. The responder of the connection takes 17/16 of this and
    /// of the next two, so that both sides seldom ask at once.
    public var bytes: UInt64 = 1 << 30
    /// Frames under one epoch in either direction; 2^23.
    public var frames: UInt64 = 1 << 23
    /// Time since the epoch began; 1 h.
    public var age: Duration = .seconds(3_600)
    /// The exchange we ask for.
    public var mode: RotationMode = .ephemeral

    public init() {}

    /// What this end takes: 17/16 at the responder.
    func staggered(_ role: Role) -> RotationSettings {
        guard role == .responder else { return self }
        var result = self
        result.bytes = bytes &+ bytes / 16
        result.frames = frames &+ frames / 16
        result.age = age + age / 16
        return result
    }
}
