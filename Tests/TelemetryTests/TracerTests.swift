import KeyValueStore
import Testing

@testable import Telemetry

@Suite("Which requests are recorded")
struct SamplingTests {
  @Test("The sender's decision counts, whatever the share", arguments: [0, 0.5, 1])
  func parentBased(share: Double) throws {
    let fixture = TracerFixture(share: share)
    let place = TraceContext.at(7, 8)
    for _ in 0..<100 {
      #expect(fixture.tracer.begin("r", after: IncomingTrace(place, isSampled: false)) == nil)
      let span = try #require(
        fixture.tracer.begin("r", after: IncomingTrace(place, isSampled: true))?.span)
      #expect(span.parent == Span.Parent(place, isRemote: true))
      #expect(span.context.isInTrace(of: place) && span.context.span != place.span)
      #expect(span.kind == .server)
    }
  }

  @Test("Without one, a share of requests is recorded, each in a trace of its own")
  func share() {
    let seed = UInt64.random(in: .min ... .max)
    let fixture = TracerFixture(share: 0.25, seed: seed)
    let begun = (0..<40_000).compactMap { _ in fixture.tracer.begin("r", after: nil)?.span }
    // Ten standard deviations.
    #expect(abs(begun.count - 10_000) < 870, "seed \(seed)")
    #expect(begun.allSatisfy { $0.parent == nil })
    #expect(Set(begun.map(\.context.traceLow)).count == begun.count)
  }

  @Test("A share of 0 records none, and one of 1 all")
  func bounds() {
    let (none, all) = (TracerFixture(share: 0), TracerFixture(share: 1))
    for _ in 0..<1_000 {
      #expect(none.tracer.begin("r", after: nil) == nil)
      #expect(all.tracer.begin("r", after: nil) != nil)
    }
  }
}

@Suite("Spans and what they are parts of")
struct TracerTests {
  private struct Refused: Error, Equatable {}

  @Test("A part is in the trace of its task's request, and only while that is carried out")
  func parts() async throws {
    let fixture = TracerFixture()
    let tracer = fixture.tracer
    let request = try #require(tracer.begin("r", after: nil))
    #expect(tracer.current == nil && tracer.beginPart("p", .client) == nil)
    await tracer.carryOut(request) {
      #expect(tracer.current == request.context)
      fixture.advance(microseconds: 5)
      guard let part = tracer.beginPart("p", .client) else {
        Issue.record("no part")
        return
      }
      fixture.advance(microseconds: 20)
      tracer.end(part)
    }
    #expect(tracer.current == nil)
    fixture.advance(microseconds: 1)
    tracer.end(request)
    let spans = fixture.ended
    #expect(spans.map(\.name) == ["p", "r"])
    #expect(spans[0].parent == Span.Parent(request.context))
    #expect(spans.map(\.start) == [1_000_005, 1_000_000])
    #expect(spans.map(\.duration) == [.microseconds(20), .microseconds(26)])
  }

  @Test("Shared work is a span of the first request, with links to all, and one of each other")
  func shared() async {
    let fixture = TracerFixture()
    let origins = [TraceContext.at(1, 1), .at(2, 2), .at(3, 3)]
    let result = await fixture.tracer.follow(.writing(count: 9), for: origins) {
      fixture.advance(microseconds: 30)
      let place = fixture.tracer.current
      #expect(place?.isInTrace(of: origins[0]) == true)
      return place
    }
    let spans = fixture.ended
    #expect(spans.count == 3)
    #expect(spans[0].context == result)
    #expect(spans[0].links == origins.map { Span.Parent($0) })
    for (span, origin) in zip(spans, origins) {
      #expect(span.parent == Span.Parent(origin) && span.context.isInTrace(of: origin))
      #expect(span.attributes == [Span.Attribute("kv.batch.writes", 9)])
      #expect(span.kind == .internal && span.duration == .microseconds(30))
    }
    for span in spans.dropFirst() { #expect(span.links == [Span.Parent(spans[0].context)]) }
    #expect(Set(spans.map(\.context.span)).count == 3)
  }

  @Test("What a worker applies comes from other processes")
  func applied() async {
    let fixture = TracerFixture()
    await fixture.tracer.follow(.applying(count: 2), for: [.at(1, 1), .at(1, 2)]) {}
    let spans = fixture.ended
    #expect(spans.map(\.kind) == [.consumer, .consumer])
    #expect(spans.map { $0.parent?.isRemote } == [true, true])
    #expect(spans[0].links.map(\.isRemote) == [true, true])
    // The span of the batch is this process's.
    #expect(spans[1].links.map(\.isRemote) == [false])
  }

  @Test("However many requests a batch serves, its links are bounded")
  func linksMax() async {
    let fixture = TracerFixture()
    let origins = (1...UInt64(Span.linksMax + 50)).map { TraceContext.at($0, $0) }
    await fixture.tracer.follow(.reading(keys: 1), for: origins) {}
    #expect(fixture.ended.count == Span.linksMax)
    #expect(fixture.ended[0].links.count == Span.linksMax)
  }

  @Test("When too many spans wait, new ones are dropped and counted")
  func bounded() throws {
    let fixture = TracerFixture(spansMax: 3)
    for number in 0..<5 {
      fixture.tracer.end(try #require(fixture.tracer.begin("\(number)", after: nil)))
    }
    #expect(fixture.ended.map(\.name) == ["0", "1", "2"])
    #expect(fixture.metric(#"kv_trace_spans_total{end="dropped"} 2"#))
    fixture.spans.removeFirst(2)
    fixture.tracer.end(try #require(fixture.tracer.begin("5", after: nil)))
    #expect(fixture.ended.map(\.name) == ["2", "5"])
  }
}
