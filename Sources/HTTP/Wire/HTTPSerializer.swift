import Basics

/// Writes answers (RFC 9112 §4 to §6) into the bytes that go out.
struct HTTPSerializer {
  /// What is left to send after what has been appended.
  enum Rest {
    /// Nothing: the answer is whole.
    case none
    /// The response's body, as it is too long to be copied.
    case body
  }

  /// The longest body that is copied behind its head, in bytes. Up to here one write with a copy is
  /// cheaper than two.
  static let copiedBodyBytesMax = 16_384

  /// The interim answer to a client that waits with its body (RFC 9110 §15.2.1).
  static let continueResponse: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

  /// Appends an answer.
  ///
  /// - Parameters:
  ///   - isHead: whether it answers a HEAD: the body stays out, its length stays in.
  ///   - minorVersion: that of the request.
  ///   - closes: whether the connection ends with this answer.
  ///   - date: the value of `Date`, as `HTTPDate` writes it.
  ///   - id: what `X-Request-Id` says.
  static func append(
    _ response: Response, to output: inout [UInt8], isHead: Bool, minorVersion: UInt8,
    closes: Bool, date: [UInt8], id: RequestID
  ) -> Rest {
    let allowsContent = Self.allowsContent(response.status)
    // RFC 9110 §9.3.2: an answer to HEAD has no content.
    let sendsBody = allowsContent && !isHead && !response.body.isEmpty
    let copiesBody = sendsBody && response.body.count <= copiedBodyBytesMax
    output.reserveCapacityGeometrically(
      256 + response.fields.bytes.count + (copiesBody ? response.body.count : 0))

    // RFC 9112 §2.3: a server sends its own version, to clients of HTTP/1.0 too.
    output.append("HTTP/1.1 ")
    output.append(decimal: Int64(response.status.code))
    output.append(.space)
    output.append(response.status.reason)
    output.append("\r\nDate: ")
    output.append(contentsOf: date)
    output.append("\r\nX-Request-Id: ")
    output.append(contentsOf: id.bytes)
    if closes || response.closesConnection {
      // RFC 9112 §9.6: a server that is about to close should say so.
      output.append("\r\nConnection: close")
    } else if minorVersion == 0 {
      // RFC 9112 §9.3: HTTP/1.0 persists only where both sides have said so.
      output.append("\r\nConnection: keep-alive")
    }
    if allowsContent {
      output.append("\r\nContent-Length: ")
      output.append(decimal: Int64(response.body.count))
    }
    output.append("\r\n")
    output.append(contentsOf: response.fields.bytes)
    output.append("\r\n")
    if copiesBody { output.append(contentsOf: response.body) }
    return sendsBody && !copiesBody ? .body : .none
  }

  /// Whether an answer may have content, and with it a `Content-Length`: 1xx and 204 must not have
  /// one (RFC 9110 §8.6); 304 has no content (§15.4.5), and is not worth the length it would have
  /// had.
  private static func allowsContent(_ status: Status) -> Bool {
    status.code >= 200 && status.code != 204 && status.code != 304
  }
}

extension [UInt8] {
  /// Makes room for `additional` bytes without giving up growth by doubling, as `reserveCapacity`
  /// would: pipelined answers are appended one behind the other.
  fileprivate mutating func reserveCapacityGeometrically(_ additional: Int) {
    let needed = count + additional
    if needed > capacity { reserveCapacity(Swift.max(needed, capacity * 2)) }
  }
}
