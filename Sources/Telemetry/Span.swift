internal import Basics
package import KeyValueStore

/// A piece of work in a trace, in OpenTelemetry's terms. Keys and values are in none of its parts.
package struct Span: Equatable, Sendable {
  /// Its side of a call between two processes, with OTLP's number.
  package enum Kind: Int64, Sendable {
    case `internal` = 1
    case server, client, producer, consumer
  }

  /// What it is a part of.
  package struct Parent: Equatable, Sendable {
    package let context: TraceContext
    /// Whether another process has made that.
    package let isRemote: Bool

    package init(_ context: TraceContext, isRemote: Bool = false) {
      self.context = context
      self.isRemote = isRemote
    }
  }

  package struct Attribute: Equatable, Sendable {
    package enum Value: Equatable, Sendable {
      case text(String)
      case number(Int64)
      case flag(Bool)
    }

    package let name: String
    package let value: Value

    package init(_ name: String, _ text: String) {
      self.name = name
      value = .text(text)
    }

    package init(_ name: String, _ number: Int) {
      self.name = name
      value = .number(Int64(number))
    }

    package init(_ name: String, _ flag: Bool) {
      self.name = name
      value = .flag(flag)
    }
  }

  /// The most links of a span: OpenTelemetry's default.
  package static let linksMax = 128

  package let context: TraceContext
  /// Nil: it is the first of its trace.
  package let parent: Parent?
  package var name: String
  package let kind: Kind
  /// In microseconds since 1970, by this machine's clock.
  package let start: Int64
  /// How long it took. The clock may have been set meanwhile.
  package var duration = Duration.zero
  package var attributes: [Attribute] = []
  /// Spans of other traces, or of other requests, that it serves.
  package var links: [Parent] = []
  /// Whether an operator should see it as an error.
  package var isFailed = false
}

/// A span that has not ended.
package struct OpenSpan: Sendable {
  package var span: Span
  let began: MonotonicTime

  package var context: TraceContext { span.context }
}
