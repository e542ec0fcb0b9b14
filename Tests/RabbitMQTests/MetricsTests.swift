import Observability
import RabbitMQ
import Testing

@Suite("RabbitMQ's part of the metrics")
struct MetricsTests {
  @Test("Every connection that may stall is there from the start")
  func text() {
    let registry = MetricsRegistry()
    let metrics = [RabbitMQMetrics(in: registry), RabbitMQMetrics(in: registry)]
    let text = String(decoding: registry.text(), as: UTF8.self)
    for connection in ["publisher", "consumer", "watcher"] {
      #expect(text.contains("kv_queue_stalls_total{connection=\"\(connection)\"} 0\n"))
    }
    #expect(text.contains("kv_queue_unconfirmed_writes 0\n"))
    for description in RabbitMQMetrics.catalogue { #expect(text.contains(description.help)) }
    withExtendedLifetime(metrics) {}
  }
}
