import Dispatch
import Foundation
import Synchronization
import Testing

@testable import Observability

@Suite("The log writer")
struct LogWriterTests {
  /// A reader of the log that reads only when the test lets it.
  private final class SlowReader: Sendable {
    let hasStarted = DispatchSemaphore(value: 0)
    let mayGoOn = DispatchSemaphore(value: 0)
    private let bytes = Mutex<[UInt8]>([])

    func read(_ lines: [UInt8]) {
      hasStarted.signal()
      mayGoOn.wait()
      bytes.withLock { $0 += lines }
    }

    var lines: [String] {
      bytes.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n").map(String.init)
    }
  }

  private let line = Array("123456789\n".utf8)

  @Test("While the reader stalls, lines past the bound are dropped, and a later line counts them")
  func dropping() throws {
    let reader = SlowReader()
    let writer = LogWriter(bytesMax: 100) { reader.read($0) }
    writer.write(line)
    reader.hasStarted.wait()
    // The first line is being read; ten more fit into the buffer.
    for _ in 0..<15 { writer.write(line) }
    #expect(writer.linesDropped == 5)
    #expect(!writer.flush(timeout: .milliseconds(1)))
    reader.mayGoOn.signal()
    reader.mayGoOn.signal()
    #expect(writer.flush())
    #expect(reader.lines.count == 12)
    let last = try #require(reader.lines.last)
    let object = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any]
    #expect(object?["dropped"] as? Int == 5)
    #expect(object?["level"] as? String == "warning")

    // It is reported only once.
    reader.mayGoOn.signal()
    writer.write(line)
    #expect(writer.flush())
    #expect(reader.lines.count == 13)
    #expect(writer.linesDropped == 5)
  }

  @Test("Lines of many threads all arrive, each whole")
  func concurrency() {
    let received = SharedBytes()
    let writer = LogWriter(bytesMax: 10 << 20) { received.append($0) }
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for number in 0..<1_000 { writer.write(Array("\(thread) \(number)\n".utf8)) }
    }
    #expect(writer.flush())
    let lines = received.text.split(separator: "\n")
    #expect(lines.count == 8_000)
    for thread in 0..<8 {
      let numbers = lines.filter { $0.hasPrefix("\(thread) ") }.compactMap { Int($0.dropFirst(2)) }
      #expect(numbers == Array(0..<1_000))
    }
  }

  @Test("A pipe that is full and does not block still gets every byte")
  func nonBlockingPipe() throws {
    let pipe = Pipe()
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    #expect(fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0)
    let writer = LogWriter(descriptor: descriptor, bytesMax: 4 << 20)
    let long = Array(repeating: UInt8(ascii: "x"), count: 1 << 20) + [UInt8(ascii: "\n")]
    writer.write(long)
    let read = try #require(try pipe.fileHandleForReading.read(upToCount: long.count))
    #expect(Array(read) == long)
    #expect(writer.flush())
  }

  @Test("A reader that is gone is no reason to wait")
  func closedDescriptor() {
    let writer = LogWriter(descriptor: -1)
    writer.write(line)
    #expect(writer.flush())
    #expect(writer.linesDropped == 0)
  }
}

/// Bytes that several threads add to.
private final class SharedBytes: Sendable {
  private let bytes = Mutex<[UInt8]>([])
  func append(_ more: [UInt8]) { bytes.withLock { $0 += more } }
  var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
}
