import SCPSimulation
import Testing

@testable import SCP

struct DeadlineQueueTests {
    /// Against a list that is searched.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func asAList(seed: UInt64) {
        let random = SeededGenerator(seed: seed)
        var queue = DeadlineQueue()
        var list: [Int: Instant] = [:]
        for _ in 0..<3_000 {
            let index = random.next(below: 200)
            let due = Instant(nanoseconds: UInt64(random.next(below: 5_000)))
            switch random.next(below: 10) {
            case 0, 1:
                queue.set(index, nil)
                list[index] = nil
            case 2:
                let expected = list.filter { $0.value <= due }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
                #expect(queue.takeAll(until: due) == expected.map(\.key))
                for (index, _) in expected { list[index] = nil }
            default:
                queue.set(index, due)
                list[index] = due
            }
            #expect(queue.first == list.values.min())
        }
    }
}
