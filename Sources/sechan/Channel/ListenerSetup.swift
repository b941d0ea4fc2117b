import SCP
import SCPNIO

/// A listener with its rules.
struct ListenerSetup: Sendable {
    private let endpoint: Endpoint
    private let configuration: Configuration<Provider>
    private let options: ServerOptions

    init(
        _ address: Address, _ party: Party, _ gatekeeper: Gatekeeper, _ output: Output, maximumConnections: Int
    ) throws(Failure) {
        endpoint = try address.endpoint()
        var configuration = party.configuration
        var options = ServerOptions()
        options.transport.logger = LogLines.logger(output)
        var agent = party.keyAgent
        agent?.complain = { output.warning($0) }
        options.transport.keyAgent = agent
        if let recordings = party.recordings { options.transport.recorder = { recordings.next() } }
        options.maximumConnections = maximumConnections
        options.maximumUnauthenticatedConnections = min(maximumConnections, options.maximumUnauthenticatedConnections)
        gatekeeper.apply(to: &configuration, &options.transport)
        #if Certificates
        try party.certificates?.apply(to: &configuration, &options.transport, at: nil, output)
        #endif
        self.configuration = configuration
        self.options = options
    }

    /// Listens, tells `begin` the address, and ends when `end` returns or the task is cancelled.
    func run<Success: Sendable>(
        _ handler: @escaping @Sendable (SecureChannel) async -> Void,
        _ begin: @escaping @Sendable (Address) async -> Void,
        until end: @escaping @Sendable () async -> Result<Success, Failure>
    ) async -> Result<Success, Failure> {
        do {
            return try await SecureServer.withServer(on: endpoint, configuration, options: options, handler: handler) {
                server in
                await begin(Address(server.address))
                return await end()
            }
        } catch {
            return .failure(Failure(channel: error))
        }
    }
}
