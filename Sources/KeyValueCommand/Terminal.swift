#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The standard input, output and error.
enum Terminal {
  /// A terminal or a pipe, by its descriptor.
  enum Stream: Int32 {
    case input, output, error
    var isTerminal: Bool { isatty(rawValue) == 1 }
  }

  /// Writes to the standard output, byte for byte. Ends the program if nobody reads it any more, as
  /// `head` does after ten lines.
  static func write(_ bytes: [UInt8]) throws { try write(bytes, to: Stream.output.rawValue) }

  static func line(_ text: String) throws { try write(Array((text + "\n").utf8)) }

  /// Writes a line for a person to the standard error.
  static func note(_ text: String) {
    // There is nobody to tell that it failed.
    try? write(Array("\(text)\n".utf8), to: Stream.error.rawValue)
  }

  /// Overwrites the current line of the terminal; an empty text erases it.
  static func progress(_ text: String) {
    guard Stream.error.isTerminal else { return }
    try? write(Array("\r\u{1B}[K\(text)".utf8), to: Stream.error.rawValue)
  }

  static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      // Pieces, because each is copied.
      let piece = Array(rest.prefix(256 << 10))
      let count = systemWrite(descriptor, piece)
      if count > 0 {
        rest = rest.dropFirst(count)
        continue
      }
      switch errno {
      case EINTR: continue
      // As if SIGPIPE had ended it.
      case EPIPE: exit(128 + SIGPIPE)
      case EAGAIN:
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&entry, 1, -1)
      case let code:
        throw Failure(.failure, "the output can't be written: \(String(cString: strerror(code)))")
      }
    }
  }

  /// A descriptor of a file to read; `-` is the standard input. It stays open until the program
  /// ends.
  static func open(_ file: String) throws -> Int32 {
    if file == "-" { return Stream.input.rawValue }
    let descriptor = systemOpen(file)
    guard descriptor >= 0 else {
      throw Failure(.failure, "\(file) can't be read: \(String(cString: strerror(errno)))")
    }
    return descriptor
  }

  /// The next bytes of a descriptor; waits for them. Empty: its end.
  static func read(_ descriptor: Int32) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = systemRead(descriptor, &buffer)
      if count >= 0 {
        buffer.removeLast(buffer.count - count)
        return buffer
      }
      guard errno == EINTR else {
        throw Failure(.failure, "the input can't be read: \(String(cString: strerror(errno)))")
      }
    }
  }

  static func readAll(_ descriptor: Int32) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let piece = try read(descriptor)
      if piece.isEmpty { return bytes }
      bytes += piece
    }
  }

  /// A question that only a yes answers.
  static func confirms(_ question: String) -> Bool {
    try? write(Array("\(question) [y/N] ".utf8), to: Stream.error.rawValue)
    return ["y", "yes"].contains(readLine()?.lowercased())
  }

  /// Text for a terminal: control characters, which it would obey, are shown as escapes.
  static func visible(_ text: String) -> String {
    guard Stream.output.isTerminal else { return text }
    return String(
      String.UnicodeScalarView(
        text.unicodeScalars.flatMap { scalar -> [Unicode.Scalar] in
          isControl(scalar)
            ? Array("\\u{\(String(scalar.value, radix: 16))}".unicodeScalars) : [scalar]
        }))
  }

  /// Whether the bytes are text that a terminal can show.
  static func isShowable(_ bytes: [UInt8]) -> Bool {
    guard let text = String(validating: bytes, as: UTF8.self) else { return false }
    return !text.unicodeScalars.contains { isControl($0) && !"\t\n\r".unicodeScalars.contains($0) }
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
      // Marks that turn the direction of what follows.
      || (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
  }
}

// The calls of the system that have the names of ours.

private func systemWrite(_ descriptor: Int32, _ bytes: [UInt8]) -> Int {
  write(descriptor, bytes, bytes.count)
}

private func systemOpen(_ file: String) -> Int32 { open(file, O_RDONLY | O_CLOEXEC) }

private func systemRead(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Int {
  read(descriptor, &buffer, buffer.count)
}
