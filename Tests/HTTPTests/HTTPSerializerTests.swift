import Testing

@testable import HTTP

@Suite("Answers")
struct HTTPSerializerTests {
  /// What is sent for `response`, and what remains to be sent.
  private func serialized(
    _ response: Response, isHead: Bool = false, minorVersion: UInt8 = 1, closes: Bool = false
  ) -> (String, HTTPSerializer.Rest) {
    var output = [UInt8]("before")
    let rest = HTTPSerializer.append(
      response, to: &output, isHead: isHead, minorVersion: minorVersion, closes: closes,
      date: [UInt8]("now"), id: RequestID(255))
    return (String(decoding: output, as: UTF8.self), rest)
  }

  private let start = "before" + "HTTP/1.1 "
  private let server = "\r\nDate: now\r\nX-Request-Id: 00000000000000ff\r\n"

  @Test("An answer is a status line, the server's fields, its own and the body")
  func whole() {
    var fields = FieldBlock()
    fields.append("ETag", "\"1\"")
    let (text, rest) = serialized(Response(.ok, fields: fields, body: [UInt8]("hello")))
    #expect(text == "\(start)200 OK\(server)Content-Length: 5\r\nETag: \"1\"\r\n\r\nhello")
    #expect(rest == .none)
  }

  @Test("An empty body has a length of zero")
  func empty() {
    #expect(
      serialized(Response(.notFound)).0
        == "\(start)404 Not Found\(server)Content-Length: 0\r\n\r\n")
  }

  @Test("HEAD gets the length that GET would get, and no body")
  func head() {
    let (text, rest) = serialized(Response(.ok, body: [1, 2, 3]), isHead: true)
    #expect(text == "\(start)200 OK\(server)Content-Length: 3\r\n\r\n")
    #expect(rest == .none)
  }

  @Test("204 and 304 have neither length nor body", arguments: [Status.noContent, .notModified])
  func noContent(_ status: Status) {
    let (text, rest) = serialized(Response(status, body: [1]))
    #expect(text == "\(start)\(status.code) \(status.reason)\(server)\r\n")
    #expect(rest == .none)
  }

  @Test("The end of the connection is announced, whichever side wants it")
  func close() {
    var response = Response(.ok)
    let expected = "\(start)200 OK\(server)Connection: close\r\nContent-Length: 0\r\n\r\n"
    #expect(serialized(response, closes: true).0 == expected)
    #expect(serialized(response, minorVersion: 0, closes: true).0 == expected)
    response.closesConnection = true
    #expect(serialized(response).0 == expected)
  }

  @Test("An answer to HTTP/1.0 says that the connection is kept")
  func keepAlive() {
    #expect(
      serialized(Response(.ok), minorVersion: 0).0
        == "\(start)200 OK\(server)Connection: keep-alive\r\nContent-Length: 0\r\n\r\n")
  }

  @Test("A body is copied up to the limit, and left to the caller beyond it")
  func longBody() {
    let limit = HTTPSerializer.copiedBodyBytesMax
    let (copied, none) = serialized(Response(.ok, body: Array(repeating: 97, count: limit)))
    #expect(copied.hasSuffix("\r\n\r\n" + String(repeating: "a", count: limit)))
    #expect(none == .none)
    let long = Response(.ok, body: Array(repeating: 97, count: limit + 1))
    let (head, rest) = serialized(long)
    #expect(head == "\(start)200 OK\(server)Content-Length: \(limit + 1)\r\n\r\n")
    #expect(rest == .body)
    #expect(serialized(long, isHead: true).1 == .none)
  }

  @Test("The interim answer has a status line and nothing else")
  func interim() {
    #expect("\(HTTPSerializer.continueResponse)" == "HTTP/1.1 100 Continue\r\n\r\n")
  }
}
