/// Writes answers (RFC 9112 §4 to §6) into the bytes that go out.
struct HTTPSerializer {
  /// What an answer needs to know about the request and the connection.
  struct Context {
    /// For HEAD the body stays out, its length stays in.
    var method: Method
    /// The request's minor version.
    var minorVersion: UInt8
    /// Whether the connection ends with this answer.
    var closes: Bool
    /// What `X-Request-Id` says.
    var id: RequestID
  }

  /// The longest body that is copied behind its head, in bytes. Up to here one write with a copy is
  /// cheaper than two.
  static let copiedBodyBytesMax = 16_384

  /// The interim answer to a client that waits with its body (RFC 9110 §15.2.1).
  static let continueBytes = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

  /// Appends an answer; `date` is the value of its `Date`, as `HTTPDate` writes it.
  ///
  /// - Returns: whether the caller has to send `response.body` next, as it is too long to be
  /// copied.
  static func append(
    _ response: Response, to output: inout [UInt8], date: [UInt8], context: Context
  ) -> Bool {
    let allowsContent = Self.allowsContent(response.status)
    // RFC 9110 §9.3.2: an answer to HEAD has no content.
    let sendsBody = allowsContent && context.method != .head && !response.body.isEmpty
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
    output.append(contentsOf: context.id.bytes)
    if context.closes || response.closesConnection {
      // RFC 9112 §9.6: a server that is about to close should say so.
      output.append("\r\nConnection: close")
    } else if context.minorVersion == 0 {
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
    return sendsBody && !copiesBody
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
