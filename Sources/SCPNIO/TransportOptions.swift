public import Logging
public import Metrics
public import NIOCore
internal import NIOPosix
internal import SCP
public import SCPRecording

/// What surrounds a connection, where the protocol's own ``SCP/Configuration`` ends.
public struct TransportOptions: Sendable {
    /// Where sockets are served; NIO's shared group by default.
    public var eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    /// Told about connections at `info` and below, never about keys' secrets or messages; the task's by default.
    public var logger: Logger
    /// Where the counters of this module are kept; the program's metrics system by default.
    public var metrics: any MetricsFactory
    /// Keys by address, for trust on first use; only for connecting. With one, the configuration's identity policy is
    /// not asked: a known key must match, and a stranger's is taken (or asked about) and remembered.
    public var trustStore: (any TrustStore)?
    /// Decides on keys, where the identity policy is `.ask`, and on strangers where there is a trust store.
    public var askPeer: PeerDecision?
    /// Verifies the credential of a peer that shows one, before anything else is asked about it. Needed, and called,
    /// only where the configuration's ``SCP/CredentialPolicy`` is not `.refused`.
    public var verifyCredential: CredentialVerifier?
    /// Asked for every key agreement when the configuration's identity is external; not for any other.
    public var keyAgent: (any KeyAgent)?
    /// Where the socket of a connection over UDP is bound; by default the kernel chooses. Peers that both begin
    /// (`Configuration.isSymmetric`) agree on the ports beforehand.
    public var localEndpoint: Endpoint?
    /// Sizes of the kernel's socket buffers in bytes; nil leaves them to the kernel.
    public var socketSendBuffer: Int?
    public var socketReceiveBuffer: Int?
    /// Asked for each connection on a stream: what it gives writes everything down, secrets included. Nil, or an answer
    /// of nil, records nothing. The recorder's sink is called on the connection's event loop and on the tasks that send
    /// and receive, and holds them up.
    public var recorder: (@Sendable () -> SessionRecorder?)?

    public init() {
        logger = .current
        metrics = MetricsSystem.factory
    }
}

/// What a server allows.
public struct ServerOptions: Sendable {
    public var transport = TransportOptions()
    /// Connections at once; more are closed as they come, without a byte. 1,024 by default.
    public var maximumConnections = 1_024
    /// Of these, connections whose peer has not been accepted yet; 256 by default.
    public var maximumUnauthenticatedConnections = 256
    /// Connections that the kernel holds until they are accepted.
    public var backlog = 256
    /// How long clients have, when the server ends, to take what was sent and confirm the close.
    public var shutdownTime: Duration = .seconds(5)

    public init() {}
}
