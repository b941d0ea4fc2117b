import Testing

@testable import SCP

/// Whole sessions in which anything may happen at any time; see ``RandomSession`` for what is checked.
@Suite struct RandomSessionTests {
    @Test(arguments: 0..<120 as Range<UInt64>)
    func anythingAtAnyTime(seed: UInt64) throws {
        var session = try RandomSession(seed: seed, Fixture())
        if seed % 4 > 0 { session.shakeHands() }
        for _ in 0..<160 { session.step() }
        session.finish()
        session.checkEnd(.none)
    }

    /// The same with a transport that fails, or an attacker on it: nothing false is ever delivered or reported.
    @Test(arguments: 0..<20 as Range<UInt64>, RandomSession.Fault.allCases.dropFirst())
    func faults(seed: UInt64, fault: RandomSession.Fault) throws {
        var session = try RandomSession(seed: 1_000 + seed, Fixture())
        if seed % 4 > 0 { session.shakeHands() }
        let moment = Int(seed) * 7 + 3
        for step in 0..<150 {
            session.step()
            if step == moment { session.damage(fault) }
        }
        session.finish()
        session.checkEnd(fault)
    }
}
