internal import Basics
internal import KeyValueStore

/// Spans as an `ExportTraceServiceRequest` of OpenTelemetry's protocol, in its form as JSON: ids
/// are hexadecimal, and numbers of 64 bits are strings.
/// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
package struct OTLPDocument {
  /// What the spans of a process have in common.
  private let resource: [Span.Attribute]
  private let version: String

  /// - Parameters:
  ///   - service: the program's name.
  ///   - instance: distinguishes its processes.
  package init(service: String, version: String, instance: String) {
    self.version = version
    resource = [
      Span.Attribute("service.name", service), Span.Attribute("service.version", version),
      Span.Attribute("service.instance.id", instance),
    ]
  }

  package func text(of spans: [Span]) -> [UInt8] {
    var json = JSONWriter(reserving: 512 + 768 * spans.count)
    json.object {
      $0.name("resourceSpans")
      $0.array {
        $0.object {
          $0.name("resource")
          $0.object { $0.attributes(resource) }
          $0.name("scopeSpans")
          $0.array { $0.object { append(spans, to: &$0) } }
        }
      }
    }
    return json.bytes
  }

  private func append(_ spans: [Span], to json: inout JSONWriter) {
    json.name("scope")
    json.object {
      $0.name("name")
      $0.string("key-value-store")
      $0.name("version")
      $0.string(version)
    }
    json.name("spans")
    json.array { for span in spans { $0.span(span) } }
  }
}

extension JSONWriter {
  fileprivate mutating func object(_ members: (inout JSONWriter) -> Void) {
    beginObject()
    members(&self)
    endObject()
  }

  fileprivate mutating func array(_ elements: (inout JSONWriter) -> Void) {
    beginArray()
    elements(&self)
    endArray()
  }

  fileprivate mutating func span(_ span: Span) {
    object {
      $0.ids(of: span.context)
      if let parent = span.parent {
        $0.name("parentSpanId")
        $0.hexadecimal(parent.context.span)
      }
      $0.flags(isRemote: span.parent?.isRemote ?? false)
      $0.name("name")
      $0.string(span.name)
      $0.name("kind")
      $0.number(span.kind.rawValue)
      $0.name("startTimeUnixNano")
      $0.quoted(span.start * 1_000)
      $0.name("endTimeUnixNano")
      $0.quoted(span.start * 1_000 + span.duration.nanoseconds)
      $0.attributes(span.attributes)
      if !span.links.isEmpty { $0.links(span.links) }
      if span.isFailed { $0.error() }
    }
  }

  private mutating func ids(of context: TraceContext) {
    name("traceId")
    raw {
      $0.append("\"")
      $0.append(hexadecimal: context.traceHigh, digits: 16)
      $0.append(hexadecimal: context.traceLow, digits: 16)
      $0.append("\"")
    }
    name("spanId")
    hexadecimal(context.span)
  }

  /// `SpanFlags`: the flags of `traceparent`, here "sampled"; that it is known whether the parent,
  /// or what is linked, is remote; and whether it is.
  private mutating func flags(isRemote: Bool) {
    name("flags")
    number(isRemote ? 0x301 : 0x101)
  }

  fileprivate mutating func attributes(_ attributes: [Span.Attribute]) {
    name("attributes")
    array {
      for attribute in attributes {
        $0.object {
          $0.name("key")
          $0.string(attribute.name)
          $0.name("value")
          $0.value(attribute.value)
        }
      }
    }
  }

  private mutating func value(_ value: Span.Attribute.Value) {
    object {
      switch value {
      case .text(let text):
        $0.name("stringValue")
        $0.string(text)
      case .number(let number):
        $0.name("intValue")
        $0.quoted(number)
      case .flag(let flag):
        $0.name("boolValue")
        $0.bool(flag)
      }
    }
  }

  private mutating func links(_ links: [Span.Parent]) {
    name("links")
    array {
      for link in links {
        $0.object {
          $0.ids(of: link.context)
          $0.flags(isRemote: link.isRemote)
        }
      }
    }
  }

  /// `STATUS_CODE_ERROR`. What went wrong is in the log: it may name hosts.
  private mutating func error() {
    name("status")
    object {
      $0.name("code")
      $0.number(2)
    }
  }

  private mutating func hexadecimal(_ id: UInt64) {
    raw {
      $0.append("\"")
      $0.append(hexadecimal: id, digits: 16)
      $0.append("\"")
    }
  }

  private mutating func quoted(_ number: Int64) {
    raw {
      $0.append("\"")
      $0.append(decimal: number)
      $0.append("\"")
    }
  }
}
