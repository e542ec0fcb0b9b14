import Foundation

/// A client on a blocking socket, so that a test controls each byte that is sent.
struct Client {
  private let descriptor: Int32

  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  struct Answer: Equatable {
    var status: Int
    var fields: [String: String]
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// Connects to a port of this host; a read that waits for ten seconds fails the test.
  init(port: UInt16) throws {
    #if os(Linux)
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw Failed(description: "connect: \(errno)") }
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, noSignal)
      }
      guard count > 0 else { throw Failed(description: "send: \(errno)") }
      sent += count
    }
  }

  /// Tells the server that nothing more will be sent.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  func close() { _ = Foundation.close(descriptor) }

  /// Closes the connection with a reset.
  func reset() {
    var linger = Foundation.linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Foundation.linger>.size))
    close()
  }

  /// Makes the kernel's receive buffer small, so that the client is a slow reader.
  func shrinkReceiveBuffer() {
    var size: Int32 = 65_536
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Reads the next answer, with its body unless the request was HEAD.
  func receive(isHead: Bool = false) throws -> Answer {
    var head: [UInt8] = []
    while !head.ends(with: Array("\r\n\r\n".utf8)) {
      guard let byte = try read(1).first else {
        throw Failed(description: "the connection ended inside a head")
      }
      head.append(byte)
    }
    let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
      throw Failed(description: "not a status line: \(lines[0])")
    }
    var answer = Answer(status: status, fields: [:], body: [])
    for line in lines.dropFirst() where !line.isEmpty {
      let colon = line.firstIndex(of: ":")!
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      answer.fields[line[..<colon].lowercased()] = String(value)
    }
    if isHead { return answer }
    if answer.fields["transfer-encoding"] == "chunked" {
      while case let chunk = try readChunk(), !chunk.isEmpty { answer.body += chunk }
    } else {
      answer.body = try read(Int(answer.fields["content-length"] ?? "0")!)
    }
    return answer
  }

  /// Reads a head, if one comes first, and a chunk; empty: the last one.
  func receiveChunk() throws -> String {
    String(decoding: try readChunk(), as: UTF8.self)
  }

  /// Reads to the end of the connection.
  func receiveRest() throws -> String {
    String(decoding: try read(.max), as: UTF8.self)
  }

  private func readChunk() throws -> [UInt8] {
    var line = try readLine()
    while line.contains(":") || line.hasPrefix("HTTP/") || line.isEmpty { line = try readLine() }
    guard let count = Int(line, radix: 16) else { throw Failed(description: "no chunk: \(line)") }
    let chunk = try read(count)
    guard try readLine().isEmpty else { throw Failed(description: "a chunk of another length") }
    return chunk
  }

  private func readLine() throws -> String {
    var line: [UInt8] = []
    while !line.ends(with: Array("\r\n".utf8)) {
      guard let byte = try read(1).first else {
        throw Failed(description: "the connection ended inside a line")
      }
      line.append(byte)
    }
    return String(decoding: line.dropLast(2), as: UTF8.self)
  }

  /// Whether the server has closed the connection.
  func isAtEnd() throws -> Bool { try read(1).isEmpty }

  /// Whether data or the end comes within `milliseconds`.
  func hasInput(within milliseconds: Int32) -> Bool {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&wanted, 1, milliseconds) > 0
  }

  /// Reads at most `count` of the bytes that have come and returns how many; 0 at the end.
  func receive(upTo count: Int) throws -> Int {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress!, count, 0) }
    guard got >= 0 else { throw Failed(description: "recv: \(errno)") }
    return got
  }

  private func read(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: min(count, 64 << 10))
    while bytes.count < count {
      let got = recv(descriptor, &buffer, min(count - bytes.count, buffer.count), 0)
      if got < 0 { throw Failed(description: "recv: \(errno)") }
      if got == 0 { break }
      bytes += buffer[..<got]
    }
    return bytes
  }

  private var noSignal: Int32 {
    #if os(Linux)
      Int32(MSG_NOSIGNAL)
    #else
      0
    #endif
  }
}

extension [UInt8] {
  fileprivate func ends(with suffix: [UInt8]) -> Bool { self.suffix(suffix.count) == suffix[...] }
}
