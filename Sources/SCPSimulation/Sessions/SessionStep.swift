public import SCP

/// One thing that an application, a network or an attacker does to a simulated session, a while after the step before.
public struct SessionStep: Sendable {
    public enum Action: Sendable {
        case send(Channel, size: Int, expiry: Duration?)
        /// Up to this many messages.
        case read(Int)
        /// Gives up the newest message of a channel.
        case cancel(Channel)
        /// Asks for the message not to be sent that would be read next, or so.
        case refuse(Channel)
        case rotate, ping, finish, abort
        case close(afterPeerFinished: Bool)
        /// Something that was on its way to this side, or came from it, arrives once more, with this bit turned over.
        case forge(bit: Int?, isReflected: Bool)
        /// What happens from now on to what this side sends.
        case link(LinkConditions)
        /// On datagrams: this side's datagrams come from another port.
        case rebind(port: UInt16)
        /// On streams: what this side sends arrives in pieces of this size, so much later; nil: not at all.
        case stream(segment: Int, delay: Duration?)
        /// On streams: what this side writes ends here.
        case cut
    }

    /// Since the step before.
    public var after: Duration
    /// 0 the initiator, 1 the responder.
    public var side: Int
    public var action: Action
}

extension SessionStep: CustomStringConvertible {
    public var description: String { "\(after)  \(side == 0 ? "initiator" : "responder")  \(what)" }

    /// Without the names of modules, and without the faults that a link does not have.
    private var what: String {
        switch action {
        case .send(let channel, let size, let expiry):
            "sends \(size) bytes on \(channel.number) (\(channel.mode))\(expiry.map { ", in \($0) or never" } ?? "")"
        case .cancel(let channel): "cancels on \(channel.number)"
        case .refuse(let channel): "refuses on \(channel.number)"
        case .link(let conditions): "link: \(conditions.faults)"
        default: "\(action)"
        }
    }
}

extension LinkConditions {
    fileprivate var faults: String {
        let chances = [
            ("loss", loss), ("duplication", duplication), ("reordering", reordering), ("bit flips", bitFlips),
            ("truncation", truncation), ("lengthening", lengthening), ("reflection", reflection), ("replay", replay),
        ]
        var words = chances.filter { $0.1.numerator > 0 }.map { "\($0.0) \($0.1.numerator)/\($0.1.denominator)" }
        if isDown { words.append("down") }
        if bursts != nil { words.append("bursts") }
        if let rate { words.append("\(rate) bytes/s") }
        return (words + ["delay \(delay) + \(jitter)"]).joined(separator: ", ")
    }
}
