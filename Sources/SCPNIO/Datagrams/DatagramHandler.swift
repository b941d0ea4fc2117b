internal import NIOConcurrencyHelpers
internal import NIOCore
internal import SCP
internal import SCPRecording

/// SCP/1 on a datagram socket: one socket, many connections, moved by one event loop. The engine's endpoint finds out
/// whose a datagram is; tasks work on their own connections under the lock that all of them share.
final class DatagramHandler<Provider: CryptoProvider>: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    /// A connection that somebody here uses.
    final class Member {
        let handle: ConnectionHandle
        let session: Session<Provider>
        let place: DatagramAcceptor<Provider>.Place

        init(_ handle: ConnectionHandle, _ session: Session<Provider>, _ place: DatagramAcceptor<Provider>.Place) {
            self.handle = handle
            self.session = session
            self.place = place
        }
    }

    private let eventLoop: any EventLoop
    private let limits: Limits
    private let acceptor: DatagramAcceptor<Provider>?
    let lock = NIOLock()
    /// Touched under `lock` only.
    private(set) var endpoint: DatagramEndpoint<Provider>
    private var members: [ConnectionHandle: Member] = [:]
    private let alarm: Alarm
    var book = AddressBook()
    private(set) var context: ChannelHandlerContext?
    private var isPumping = false
    private var mustPumpAgain = false
    private var timer: Scheduled<Void>?
    private var timerInstant: Instant?
    /// The socket is closed with the last connection.
    private var closesWithLast = false
    /// A copy of what was read last: NIO's buffers are never ours alone to work in.
    private var scratch = ByteBuffer()
    var sending = DatagramSending()

    /// - Parameter acceptor: takes the connections of others; nil for a socket that only connects.
    init(
        _ configuration: Configuration<Provider>, _ settings: DatagramEndpointSettings,
        acceptor: DatagramAcceptor<Provider>?, eventLoop: any EventLoop
    ) throws(ConfigurationError) {
        self.eventLoop = eventLoop
        self.acceptor = acceptor
        limits = configuration.limits
        alarm = Alarm(eventLoop)
        endpoint = try DatagramEndpoint(configuration, settings: settings, at: Instant(eventLoop.now))
    }

    private var now: Instant { Instant(eventLoop.now) }

    // MARK: The transport

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        alarm.attach { handler.value.pump() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        // It holds the handler, which holds it.
        alarm.detach()
    }

    func channelActive(context: ChannelHandlerContext) {
        sending.unix = UnixDatagramSender(context)
        pump()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let address = book.address(of: envelope.remoteAddress) else { return }
        var bytes = envelope.data
        // The kernel may have put together what came from one address in datagrams of one size (UDP_GRO of Linux).
        let size = max(1, envelope.metadata?.segmentSize ?? bytes.readableBytes)
        while let part = bytes.readSlice(length: min(size, bytes.readableBytes)), part.readableBytes > 0 {
            receive(part, from: address, port: UInt16(clamping: context.channel.localAddress?.port ?? 0))
        }
    }

    private func receive(_ bytes: ByteBuffer, from address: SCP.Address, port: UInt16) {
        scratch.clear(minimumCapacity: 0)
        scratch.writeBytes(bytes.readableBytesSpan)
        let now = now
        lock.withLock {
            scratch.withReadableSpan { span in
                _ = endpoint.receive(datagram: &span, from: address, localPort: port, at: now)
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        pump()
        book.tidy { address in lock.withLock { endpoint.knows(address) } }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { pump() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What ICMP says anybody may have said. [SCP-DGRAM-37]
        for member in members.values { member.place.observer.observeHint(error) }
        guard let remote = context.channel.remoteAddress, let address = book.address(of: remote) else { return }
        let now = now
        lock.withLock { endpoint.transmitFailed(.unreachable, to: address, at: now) }
        pump()
    }

    func channelInactive(context: ChannelHandlerContext) {
        lock.withLock {
            for member in members.values {
                member.session.transportEnded()
                endpoint.touch(member.handle)
            }
        }
        pump()
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    // MARK: Connections

    /// Begins a connection with the peer that the socket is connected to, and reads from now on. The time for the
    /// handshake begins now.
    func connect(
        _ configuration: Configuration<Provider>, endpoint name: Endpoint, observer: any SessionObserver
    ) throws -> Session<Provider> {
        guard let socket = context?.channel.remoteAddress, let address = book.address(of: socket)
        else { throw ChannelError.inappropriateOperationForState }
        let (handle, box) = try begin(address, configuration)
        let session = add(handle, box, named: name, DatagramAcceptor.Place(observer: observer))
        closesWithLast = true
        try context?.channel.syncOptions?.setOption(.autoRead, value: true)
        pump()
        return session
    }

    private func begin(
        _ address: SCP.Address, _ configuration: Configuration<Provider>
    ) throws(ConfigurationError) -> (ConnectionHandle, ConnectionBox<Provider>) {
        lock.lock()
        defer { lock.unlock() }
        do throws(ConnectError) {
            let handle = try endpoint.connect(to: address, configuration, at: now)
            if let box = endpoint.box(handle) { return (handle, box) }
        } catch {
            if case .configuration(let error) = error { throw error }
        }
        throw .backend
    }

    private func add(
        _ handle: ConnectionHandle, _ box: ConnectionBox<Provider>, named name: Endpoint?,
        _ place: DatagramAcceptor<Provider>.Place
    ) -> Session<Provider> {
        let session = Session(RecordedConnection(box), under: lock, limits, endpoint: name, eventLoop: eventLoop)
        members[handle] = Member(handle, session, place)
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        session.attach(
            DatagramDriver(alarm: alarm, handle: handle, eventLoop: eventLoop) { handler.value.drop(handle) })
        return session
    }

    /// Ends a connection without a word.
    private func drop(_ handle: ConnectionHandle) {
        guard let member = members[handle] else { return }
        lock.withLock {
            member.session.transportEnded()
            endpoint.touch(handle)
        }
        pump()
    }

    /// Begins no more connections of others.
    func stopListening() {
        let now = now
        lock.withLock { endpoint.stopListening(at: now) }
        pump()
    }

    /// Closes the socket when the last connection has ended, or after a time.
    func finish(within limit: Duration) {
        closesWithLast = true
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: TimeAmount(limit)) { handler.value.context?.close(promise: nil) }
        pump()
    }

    // MARK: Driving the engine

    /// Sends what there is to say, tells what happened, and arms the timer.
    func pump() {
        guard !isPumping else {
            mustPumpAgain = true
            return
        }
        isPumping = true
        defer { isPumping = false }
        repeat {
            mustPumpAgain = false
            round()
        } while mustPumpAgain
        guard let context, context.channel.isActive else { return }
        let state = lock.withLock { (endpoint.count, endpoint.deadline) }
        if closesWithLast, state.0 == 0 { return context.close(promise: nil) }
        arm(state.1)
    }

    private func round() {
        let awake = alarm.takeAll().compactMap { members[$0] }
        lock.withLock {
            for member in awake {
                member.session.beginTransmit()
                endpoint.touch(member.handle)
            }
        }
        if let context, context.channel.isActive { transmit(context) }
        let again = lock.withLock { awake.filter { $0.session.endTransmit() } }
        for member in again { alarm.ring(member.handle) }
        if !again.isEmpty { mustPumpAgain = true }
        tell(collect())
    }

    /// One datagram at a time under the lock, so that tasks get their turn.
    func pollTransmit(into buffer: inout ByteBuffer, capacity: Int) -> DatagramTransmit {
        let now = now
        var result = DatagramTransmit.nothing
        lock.withLock {
            buffer.append(capacity: capacity) { output in
                result = endpoint.pollTransmit(datagram: &output, at: now)
            }
        }
        return result
    }

    func transmitFailed(_ error: TransmitError, to address: SCP.Address) {
        let now = now
        lock.withLock { endpoint.transmitFailed(error, to: address, at: now) }
        alarm.ring(nil)
    }

    /// Takes what happened to each connection, in order.
    private func collect() -> [(member: Member, report: Session<Provider>.Report)] {
        var order: [Member] = []
        var events: [ConnectionHandle: [Event]] = [:]
        var newcomers: [Member] = []
        var reports: [(member: Member, report: Session<Provider>.Report)] = []
        lock.withLock {
            while let (handle, event) = endpoint.pollEvent() {
                if members[handle] == nil, let member = admit(handle) { newcomers.append(member) }
                guard let member = members[handle] else { continue }
                if events[handle] == nil { order.append(member) }
                events[handle, default: []].append(event)
            }
            for member in order {
                let report = member.session.note(events[member.handle] ?? [])
                if report.hasMore {
                    endpoint.touch(member.handle)
                    mustPumpAgain = true
                }
                reports.append((member, report))
            }
        }
        for member in newcomers { acceptor?.present(member.session, member.place) }
        return reports
    }

    /// A connection of somebody else's has come so far that it is shown.
    private func admit(_ handle: ConnectionHandle) -> Member? {
        // A socket that only connects: what the peer began and what we began are being decided between.
        guard let acceptor else { return nil }
        guard let box = endpoint.box(handle), let address = box.connection.remoteAddress else { return nil }
        let remote = book.socket(of: address).flatMap { Endpoint($0, isDatagram: true) }
        guard let place = acceptor.admit(from: remote) else {
            box.connection.abort(.limitExceeded, at: now)
            endpoint.touch(handle)
            mustPumpAgain = true
            return nil
        }
        _ = add(handle, box, named: remote, place)
        return members[handle]
    }

    /// Outside of the lock: who is told may do anything.
    private func tell(_ reports: [(member: Member, report: Session<Provider>.Report)]) {
        for (member, report) in reports {
            var isClosed = false
            for event in report.events {
                member.place.observer.observe(event, of: member.session)
                if case .closed = event { isClosed = true }
            }
            report.resumptions.run()
            guard isClosed else { continue }
            members[member.handle] = nil
            if acceptor == nil { stopListening() }
            member.session.endWasFlushed()
            member.session.detach()
            member.place.leave()
        }
    }

    // MARK: Time

    /// Only an earlier deadline moves the timer; when it fires with nothing due it is set again.
    private func arm(_ deadline: Instant?) {
        guard let deadline else { return }
        if let timerInstant, timerInstant <= deadline { return }
        timer?.cancel()
        timerInstant = deadline
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(deadline: NIODeadline(deadline)) { handler.value.timerFired() }
    }

    private func timerFired() {
        timerInstant = nil
        sending.releaseIdleBuffers()
        let now = now
        let due = lock.withLock { endpoint.advanceDue(to: now) }
        for member in due.compactMap({ members[$0] }) { member.place.observer.observeTick(of: member.session) }
        pump()
    }
}
