/// A queue in one buffer that is used again: nothing is allocated once it has grown to what it is needed for.
struct Ring<Element> {
    private var storage: [Element?] = []
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var first: Element? { self[0] }

    /// The element at `index` from the front; nil outside of the queue. Setting outside changes nothing.
    subscript(index: Int) -> Element? {
        get {
            guard index >= 0, index < count else { return nil }
            return storage[(head + index) % storage.count]
        }
        set {
            guard index >= 0, index < count, let newValue else { return }
            storage[(head + index) % storage.count] = newValue
        }
    }

    mutating func append(_ element: Element) {
        if count == storage.count { grow() }
        storage[(head + count) % storage.count] = element
        count += 1
    }

    @discardableResult
    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = storage[head]
        storage[head] = nil
        head = (head + 1) % storage.count
        count -= 1
        return element
    }

    mutating func removeAll() { self = Ring() }

    private mutating func grow() {
        var larger = [Element?](repeating: nil, count: max(16, storage.count * 2))
        for index in 0..<count { larger[index] = storage[(head + index) % storage.count] }
        storage = larger
        head = 0
    }
}
