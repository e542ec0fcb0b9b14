import Foundation

/// An answer of the server.
struct Answer {
  let status: Int
  /// Names in lower case.
  let fields: [String: String]
  let body: String
}

/// A blocking client connection, on which a test controls every byte.
final class Connection {
  private let socket: Int32
  private var received: [UInt8] = []

  init(port: UInt16) throws {
    #if canImport(Glibc)
      let stream = Int32(SOCK_STREAM.rawValue)
    #else
      let stream = SOCK_STREAM
    #endif
    socket = Foundation.socket(AF_INET, stream, 0)
    var timeout = timeval(tv_sec: Int(patience), tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else {
      Foundation.close(socket)
      throw TestFailure("connect: \(String(cString: strerror(errno)))")
    }
  }

  deinit { Foundation.close(socket) }

  func send(_ text: String) throws {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      #if os(Linux)
        let flags = Int32(MSG_NOSIGNAL)
      #else
        let flags: Int32 = 0
      #endif
      let sent = rest.withUnsafeBytes { Foundation.send(socket, $0.baseAddress, $0.count, flags) }
      guard sent > 0 else { throw TestFailure("send: \(String(cString: strerror(errno)))") }
      rest = rest.dropFirst(sent)
    }
  }

  /// Sends a request and waits for its answer.
  func request(
    _ method: String, _ target: String, body: String? = nil, fields: [String: String] = [:]
  ) throws -> Answer {
    var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n"
    for (name, value) in fields { head += "\(name): \(value)\r\n" }
    if let body { head += "Content-Length: \(body.utf8.count)\r\n" }
    try send(head + "\r\n" + (body ?? ""))
    return try answer(hasBody: method != "HEAD")
  }

  /// Waits for the next answer.
  func answer(hasBody: Bool = true) throws -> Answer {
    let end = Array("\r\n\r\n".utf8)
    var headCount: Int?
    while headCount == nil {
      headCount = received.indices.first { received[$0...].starts(with: end) }
      if headCount == nil { try receive() }
    }
    let lines = String(decoding: received[..<headCount!], as: UTF8.self).components(
      separatedBy: "\r\n")
    received.removeFirst(headCount! + end.count)
    guard let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
      throw TestFailure("not a status line: \(lines[0])")
    }
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      fields[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    let length = hasBody ? fields["content-length"].flatMap { Int($0) } ?? 0 : 0
    while received.count < length { try receive() }
    defer { received.removeFirst(length) }
    return Answer(
      status: status, fields: fields, body: String(decoding: received[..<length], as: UTF8.self))
  }

  /// Waits for the next chunk of a streamed answer, whose head has been read; nil: that was all.
  func chunk() throws -> String? {
    let size = try line()
    guard let count = Int(size, radix: 16) else { throw TestFailure("not a chunk: \(size)") }
    while received.count < count + 2 { try receive() }
    defer { received.removeFirst(count + 2) }
    return count == 0 ? nil : String(decoding: received[..<count], as: UTF8.self)
  }

  private func line() throws -> String {
    let end = Array("\r\n".utf8)
    while true {
      if let index = received.indices.first(where: { received[$0...].starts(with: end) }) {
        defer { received.removeFirst(index + 2) }
        return String(decoding: received[..<index], as: UTF8.self)
      }
      try receive()
    }
  }

  /// Has the connection reset when it is closed.
  func reset() {
    var linger = Foundation.linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Foundation.linger>.size))
  }

  /// Waits for an answer and the end of the connection. Returns only the status.
  func status() throws -> Int {
    var head: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = recv(socket, &buffer, buffer.count, 0)
      guard count >= 0 else { throw TestFailure("recv: \(String(cString: strerror(errno)))") }
      if count == 0 { break }
      if head.count < 32 { head += buffer[..<min(count, 32)] }
    }
    let words = String(decoding: head, as: UTF8.self).split(separator: " ")
    guard words.count > 1, let status = Int(words[1]) else { throw TestFailure("no status line") }
    return status
  }

  /// Waits until the server closes the connection. A byte before that is an error.
  func waitForEnd() throws {
    var byte: UInt8 = 0
    let count = recv(socket, &byte, 1, 0)
    // A reset is an end, too.
    guard count == 0 || (count < 0 && errno == ECONNRESET) else {
      throw TestFailure(count < 0 ? String(cString: strerror(errno)) : "a byte instead of the end")
    }
  }

  private func receive() throws {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(socket, &buffer, buffer.count, 0)
    guard count > 0 else {
      let reason = count == 0 ? "the server closed it" : String(cString: strerror(errno))
      throw TestFailure("no answer on this connection: \(reason)")
    }
    received += buffer[..<count]
  }
}
