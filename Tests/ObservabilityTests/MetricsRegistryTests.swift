import Dispatch
import Testing

@testable import Observability

@Suite("The metrics registry")
struct MetricsRegistryTests {
  private let requests = MetricDescription.counter("kv_requests_total", "Requests answered.")
  private let open = MetricDescription.gauge("kv_open", "Open now.")

  private func text(_ registry: MetricsRegistry, adding samples: [MetricSample] = []) -> String {
    String(decoding: registry.text(adding: samples), as: UTF8.self)
  }

  @Test("The whole text is as Prometheus' format 0.0.4 says, sorted by name and labels")
  func golden() {
    let registry = MetricsRegistry()
    let seconds = MetricDescription.histogram(
      "kv_seconds", "How long.",
      bounds: HistogramBounds([1_000_000, 2_500_000_000], scale: 1e9))
    let histogram = registry.histogram(seconds, [MetricLabel("route", "/kv")])
    for value in [0, 1_000_000, 1_000_001, 2_500_000_001] as [UInt64] { histogram.observe(value) }
    registry.counter(requests, [MetricLabel("status", "404"), MetricLabel("method", "GET")]).add(2)
    registry.counter(requests, [MetricLabel("method", "GET"), MetricLabel("status", "200")]).add()
    registry.gauge(open).add(-3)
    let info = MetricDescription.gauge("kv_info", "One.")
    registry.collect { [MetricSample(info, [MetricLabel("version", "1.0")], 1)] }
    let expected = """
      # HELP kv_info One.
      # TYPE kv_info gauge
      kv_info{version="1.0"} 1
      # HELP kv_open Open now.
      # TYPE kv_open gauge
      kv_open -3
      # HELP kv_requests_total Requests answered.
      # TYPE kv_requests_total counter
      kv_requests_total{method="GET",status="200"} 1
      kv_requests_total{method="GET",status="404"} 2
      # HELP kv_seconds How long.
      # TYPE kv_seconds histogram
      kv_seconds_bucket{route="/kv",le="0.001"} 2
      kv_seconds_bucket{route="/kv",le="2.5"} 3
      kv_seconds_bucket{route="/kv",le="+Inf"} 4
      kv_seconds_sum{route="/kv"} 2.502000002
      kv_seconds_count{route="/kv"} 4

      """
    #expect(text(registry) == expected)
  }

  @Test("Backslash, quote and line feed in labels and help are escaped as the format says")
  func escaping() {
    let registry = MetricsRegistry()
    let odd = MetricDescription.counter("kv_odd_total", "A \\ and a \"quote\"\nand more.")
    registry.counter(odd, [MetricLabel("path", "C:\\a \"b\"\nü")]).add()
    #expect(
      text(registry) == #"""
        # HELP kv_odd_total A \\ and a "quote"\nand more.
        # TYPE kv_odd_total counter
        kv_odd_total{path="C:\\a \"b\"\nü"} 1

        """#)
  }

  @Test("Values are written as Prometheus reads them")
  func numbers() {
    let values: KeyValuePairs = [
      0.0: "0", 1.5: "1.5", 0.00005: "5e-05", .infinity: "+Inf", -.infinity: "-Inf", .nan: "NaN",
      1_750_000_000: "1750000000", 1e30: "1e+30",
    ]
    for (value, spelling) in values {
      let sample = MetricSample(open, [], value)
      #expect(text(MetricsRegistry(), adding: [sample]).hasSuffix("kv_open \(spelling)\n"))
    }
  }

  @Test("Cells of equal labels are one series, whatever the order of their labels")
  func sums() {
    let registry = MetricsRegistry()
    let one = MetricLabel("a", "1")
    let two = MetricLabel("b", "2")
    registry.counter(requests, [one, two]).add(5)
    registry.counter(requests, [two, one]).add(7)
    #expect(text(registry).contains("kv_requests_total{a=\"1\",b=\"2\"} 12\n"))
  }

  @Test(
    "Threads that count at the same time lose nothing, in cells of their own or in a shared one")
  func concurrency() {
    let registry = MetricsRegistry()
    let threads = 8
    let rounds = 20_000
    let shared = registry.counter(requests)
    let size = MetricDescription.histogram("kv_size", "Size.", bounds: .size)
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let own = registry.counter(requests)
      let gauge = registry.gauge(open)
      let histogram = registry.histogram(size)
      for round in 0..<rounds {
        own.add()
        shared.add(2)
        gauge.add(round % 2 == 0 ? 3 : -2)
        histogram.observe(UInt64(thread))
      }
    }
    let result = text(registry)
    #expect(result.contains("kv_requests_total \(threads * rounds * 3)\n"))
    #expect(result.contains("kv_open \(threads * rounds / 2)\n"))
    #expect(result.contains("kv_size_count \(threads * rounds)\n"))
    #expect(result.contains("kv_size_sum \(rounds * (0..<threads).reduce(0, +))\n"))
  }

  @Test("A counter past 2^53 is still exact")
  func largeCounter() {
    let registry = MetricsRegistry()
    registry.counter(requests).add(1 << 53)
    registry.counter(requests).add(1)
    #expect(text(registry).contains("kv_requests_total 9007199254740993\n"))
  }

  @Test("A collector may use the registry that calls it")
  func reentrancy() {
    let registry = MetricsRegistry()
    registry.collect { [weak registry, open, requests] in
      registry?.counter(requests).add()
      return [MetricSample(open, [], 1)]
    }
    #expect(text(registry).contains("kv_open 1\n"))
    #expect(text(registry).contains("kv_requests_total 1\n"))
  }

  @Test(
    "A name that Prometheus does not accept is recognized",
    arguments: [("kv_a_total", true), ("_1", true), ("", false), ("1a", false), ("a-b", false)])
  func names(_ name: String, _ isName: Bool) {
    #expect(MetricDescription.isName(name) == isName)
  }
}
