import Testing

@testable import SCP
@testable import sechan

struct ChannelReportTests {
    @Test func dropsAreToldByReason() {
        var drops = DropCounts()
        #expect(ChannelReport.dropped(drops).isEmpty)
        drops.count(.unknownExtension)
        drops.count(.repeatedMessage)
        drops.count(.repeatedMessage)
        #expect(ChannelReport.dropped(drops) == "; dropped 3 (unknownExtension 1, repeatedMessage 2)")
    }
}
