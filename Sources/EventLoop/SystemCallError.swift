internal import Foundation

/// A system call failed in a way that its caller can't mend.
public struct SystemCallError: Error, CustomStringConvertible, Sendable {
  /// The call, as its manual page is named.
  public let call: String
  /// `errno` after the call.
  public let code: Int32

  /// Reads `errno`: make it right after the call.
  init(_ call: String) {
    self.call = call
    code = errno
  }

  /// The call and the operating system's words.
  public var description: String { "\(call): \(String(cString: strerror(code)))" }
}
