import Testing

@testable import SCP

/// [SCP-DGRAM-32] RFC 9002 section 5.
@Suite("Round trips")
struct RoundTripTests {
    @Test("before the first sample a third of a second is assumed")
    func initial() {
        let trip = RoundTrip()
        #expect(!trip.isMeasured)
        #expect(trip.smoothed == .milliseconds(333))
        #expect(trip.variation == .microseconds(166_500))
        #expect(trip.probeTimeout == .milliseconds(333 + 666 + 25))
    }

    @Test("the first sample sets everything, whatever the delay says")
    func first() {
        var trip = RoundTrip()
        trip.update(.milliseconds(100), delay: .milliseconds(20))
        #expect(trip.smoothed == .milliseconds(100))
        #expect(trip.minimum == .milliseconds(100))
        #expect(trip.variation == .milliseconds(50))
    }

    @Test("later samples are smoothed by 7/8 and 3/4, less the delay")
    func later() {
        var trip = RoundTrip()
        trip.update(.milliseconds(100), delay: .zero)
        trip.update(.milliseconds(140), delay: .milliseconds(20))
        // Adjusted 120: variation (3 * 50 + 20) / 4, smoothed (7 * 100 + 120) / 8.
        #expect(trip.variation == .microseconds(42_500))
        #expect(trip.smoothed == .microseconds(102_500))
        #expect(trip.minimum == .milliseconds(100))
        #expect(trip.latest == .milliseconds(140))
    }

    @Test("a delay counts for 25 ms at most, and never brings a sample below the smallest")
    func delays() {
        var trip = RoundTrip()
        trip.update(.milliseconds(100), delay: .zero)
        trip.update(.milliseconds(180), delay: .seconds(9))
        #expect(trip.smoothed == (.milliseconds(700) + .milliseconds(155)) / 8)
        var other = RoundTrip()
        other.update(.milliseconds(100), delay: .zero)
        other.update(.milliseconds(110), delay: .milliseconds(20))
        #expect(other.smoothed == (.milliseconds(700) + .milliseconds(110)) / 8)
        var negative = RoundTrip()
        negative.update(.milliseconds(100), delay: .zero)
        negative.update(.milliseconds(100), delay: .milliseconds(-5))
        #expect(negative.smoothed == .milliseconds(100))
    }

    @Test("a steady path comes to its round trip, and timers never below a millisecond")
    func steady() {
        var trip = RoundTrip()
        trip.update(.milliseconds(300), delay: .zero)
        for _ in 0..<200 { trip.update(.microseconds(50), delay: .zero) }
        #expect(trip.smoothed < .microseconds(52))
        #expect(trip.lossDelay == .milliseconds(1))
        #expect(trip.probeTimeout >= .milliseconds(26))
        #expect(trip.minimum == .microseconds(50))
    }

    @Test("a frame is late after 9/8 of the larger of smoothed and latest")
    func lossDelay() {
        var trip = RoundTrip()
        trip.update(.milliseconds(80), delay: .zero)
        #expect(trip.lossDelay == .milliseconds(90))
        trip.update(.milliseconds(160), delay: .zero)
        #expect(trip.lossDelay == .milliseconds(180))
        trip.reset()
        #expect(!trip.isMeasured)
    }
}
