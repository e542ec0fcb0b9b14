import Basics

/// Writes answers (RFC 9112 §4 to §6) as the bytes that are sent.
struct HTTPSerializer {
  /// What must be sent after the bytes that have been appended.
  enum Rest {
    /// Nothing: the answer is complete.
    case none
    /// The body of the response, which is too long to copy.
    case body
  }

  /// The longest body that is copied after its head, in bytes. For such a body, one write and a
  /// copy are cheaper than two writes.
  static let copiedBodyBytesMax = 16_384

  /// The interim answer to a client that waits before it sends the body (RFC 9110 §15.2.1).
  static let continueResponse: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

  /// Appends an answer.
  ///
  /// - Parameters:
  ///   - isHead: whether the request is HEAD: the answer then has the length of the body, but not
  ///     the body.
  ///   - minorVersion: the minor version of the request.
  ///   - closes: whether the connection is closed after this answer.
  ///   - date: the value of `Date`.
  ///   - id: the value of `X-Request-Id`.
  static func append(
    _ response: Response, to output: inout [UInt8], isHead: Bool, minorVersion: UInt8,
    closes: Bool, date: [UInt8], id: RequestID
  ) -> Rest {
    let allowsContent = Self.allowsContent(response.status)
    // RFC 9110 §9.3.2: an answer to HEAD has no content.
    let sendsBody =
      allowsContent && !isHead && !response.body.isEmpty && !response.isStreamed
    let copiesBody = sendsBody && response.body.count <= copiedBodyBytesMax
    output.reserveCapacityGeometrically(
      256 + response.fields.bytes.count + (copiesBody ? response.body.count : 0))

    // RFC 9112 §2.3: a server sends its own version, also to HTTP/1.0 clients.
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
      // RFC 9112 §9.3: an HTTP/1.0 connection persists only if both sides say so.
      output.append("\r\nConnection: keep-alive")
    }
    if response.isStreamed {
      // RFC 9112 §6.1: not to HTTP/1.0 clients, for which the connection ends the body.
      if minorVersion > 0 { output.append("\r\nTransfer-Encoding: chunked") }
    } else if allowsContent {
      output.append("\r\nContent-Length: ")
      output.append(decimal: Int64(response.body.count))
    }
    output.append("\r\n")
    output.append(contentsOf: response.fields.bytes)
    output.append("\r\n")
    if copiesBody { output.append(contentsOf: response.body) }
    return sendsBody && !copiesBody ? .body : .none
  }

  /// Whether an answer has content and a `Content-Length`. 1xx and 204 must not have a length
  /// (RFC 9110 §8.6). 304 has no content (§15.4.5); it may have the length of a 200, but need not.
  private static func allowsContent(_ status: Status) -> Bool {
    status.code >= 200 && status.code != 204 && status.code != 304
  }
}

extension [UInt8] {
  /// Reserves room for `additional` bytes and still grows by doubling, which `reserveCapacity` does
  /// not: pipelined answers are appended one after another.
  fileprivate mutating func reserveCapacityGeometrically(_ additional: Int) {
    let needed = count + additional
    if needed > capacity { reserveCapacity(Swift.max(needed, capacity * 2)) }
  }
}
