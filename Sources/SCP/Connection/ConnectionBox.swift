/// A connection that more than one can hold on to: an adapter's session, and the endpoint that it belongs to.
package final class ConnectionBox<Provider: CryptoProvider> {
    package var connection: Connection<Provider>

    package init(_ connection: consuming Connection<Provider>) { self.connection = connection }
}
