import Foundation
import Testing

@testable import sechan

/// What people and programs read: times, sizes, JSON, and text that comes from strangers.
@Suite struct TextTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_800, "2000-03-01T00:00:00Z"), (1_709_164_800, "2024-02-29T00:00:00Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"), (4_107_542_399, "2100-02-28T23:59:59Z"),
        (1_795_391_045, "2026-11-22T23:44:05Z"),
    ])
    func timestamp(seconds: Int64, text: String) {
        #expect(Timestamp.text(secondsSinceEpoch: seconds) == text)
    }

    /// Against another implementation: a point in every month of 500 years.
    @Test func timestampsAgreeWithFoundation() {
        let formatter = ISO8601DateFormatter()
        for month in 0..<6000 {
            let seconds = Int64(month) * 2_629_747 - 1_000_000_000
            #expect(
                Timestamp.text(secondsSinceEpoch: seconds)
                    == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
        }
    }

    @Test(arguments: [
        (0.0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1_048_575, "1.0 MiB"),
        (67_108_864, "64.0 MiB"), (1.5e12, "1.4 TiB"), (1e20, "86.7 EiB"),
    ])
    func size(bytes: Double, text: String) {
        #expect(Progress.size(bytes) == text)
    }

    @Test(arguments: [
        (0.0, "0 s"), (0.1, "1 s"), (59.2, "1 min 00 s"), (200, "3 min 20 s"), (3600, "1 h 00 min"),
        (18_060, "5 h 01 min"), (1e9, "a long time"), (.infinity, "a long time"),
    ])
    func time(seconds: Double, text: String) {
        #expect(Progress.time(seconds) == text)
    }

    @Test func progressLines() {
        let mebibyte: UInt64 = 1 << 20
        #expect(
            Progress.line(12 * mebibyte, of: 64 * mebibyte, after: .milliseconds(250))
                == "12.0 MiB of 64.0 MiB  18%  48.0 MiB/s  2 s left")
        #expect(
            Progress.line(64 * mebibyte, of: 64 * mebibyte, after: .seconds(2))
                == "64.0 MiB of 64.0 MiB  100%  32.0 MiB/s")
        #expect(Progress.line(2048, of: nil, after: .seconds(1)) == "2.0 KiB  2.0 KiB/s")
        #expect(Progress.line(0, of: 10, after: .zero) == "0 B of 10 B  0%  0 B/s")
        #expect(Progress.line(0, of: 0, after: .zero) == "0 B of 0 B  100%  0 B/s")
        // A source that grew: never more than all of it, never a negative time.
        #expect(Progress.line(20, of: 10, after: .seconds(1)) == "20 B of 10 B  100%  20 B/s")
    }

    @Test func progressIsShownAtIntervals() {
        let shown = Box<[String]>([])
        let start = ContinuousClock.now
        var progress = Progress(total: 100, start: start) { shown.value.append($0) }
        progress.update(1, at: start)
        progress.update(2, at: start + .milliseconds(199))
        progress.update(3, at: start + .milliseconds(200))
        progress.update(4, at: start + .milliseconds(201))
        progress.finish(100, at: start + .milliseconds(202))
        #expect(shown.value.map { $0.prefix { $0 != " " } } == ["1", "3", "100"])
    }

    private final class Box<Value> {
        var value: Value
        init(_ value: Value) { self.value = value }
    }

    @Test func jsonIsWhatAnotherParserReads() throws {
        let nasty = "quote \" backslash \\ newline \n tab \t null \u{0} escape \u{1b} del \u{7f} ü 🔑 \u{2028}"
        let record = JSONRecord(
            "kind",
            [
                "text": .string(nasty), "number": .integer(.min), "flag": .boolean(true), "none": .null,
                "list": .array([.integer(1), .object([("a\n", .optional(nil))])]),
            ])
        #expect(!record.line.contains("\n"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(record.line.utf8)) as? [String: Any])
        #expect(object["v"] as? Int == 1)
        #expect(object["type"] as? String == "kind")
        #expect(object["text"] as? String == nasty)
        #expect(object["number"] as? Int == .min)
        #expect(object["flag"] as? Bool == true)
        #expect(object["none"] is NSNull)
        #expect((object["list"] as? [Any])?.count == 2)
        #expect(record.line.hasPrefix(#"{"v":1,"type":"kind","#))
    }

    /// What a terminal would obey arrives spelled out.
    @Test func strangersCannotDriveTheTerminal() {
        #expect(
            Output.printable("a\u{1b}[2Jb\u{7}\u{9b}\r\u{202e}\u{7f}") == #"a\u{1b}[2Jb\u{7}\u{9b}\u{d}\u{202e}\u{7f}"#)
        #expect(Output.printable("zwei Zeilen\n\tschön 🔑") == "zwei Zeilen\n\tschön 🔑")
    }

    /// The list that scripts rely on.
    @Test func exitStatuses() {
        #expect(
            ExitStatus.allCases.map(\.rawValue)
                == [0, 64, 65, 66, 68, 69, 70, 73, 74, 75, 76, 77, 78, 79, 130])
        #expect(Set(ExitStatus.allCases.map(\.name)).count == ExitStatus.allCases.count)
        #expect(ExitStatus.table.split(separator: "\n").count == ExitStatus.allCases.count)
    }
}
