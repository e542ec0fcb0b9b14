internal import Synchronization

/// The end of what a command wrote, as it comes in.
final class ErrorTail: Sendable {
  private let bytesMax: Int
  private let bytes = Mutex<[UInt8]>([])

  /// Keeps so many bytes.
  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// Adds what came.
  func append(_ chunk: some Sequence<UInt8>) {
    bytes.withLock {
      $0.append(contentsOf: chunk)
      if $0.count > bytesMax { $0.removeFirst($0.count - bytesMax) }
    }
  }

  /// What there is, without spaces around it.
  var text: String {
    let text = String(decoding: bytes.withLock { $0 }, as: UTF8.self)
    return String(
      text.trimmingPrefix(while: \.isWhitespace).reversed()
        .trimmingPrefix(while: \.isWhitespace).reversed())
  }
}
