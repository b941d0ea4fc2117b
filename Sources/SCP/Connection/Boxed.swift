/// Keeps a property's value on the heap, so that what it belongs to stays small and is cheap to look at: what belongs
/// to a handshake is large, and a session that is established looks at its phase several times for every frame.
@propertyWrapper
final class Boxed<Value> {
    var wrappedValue: Value

    init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}
