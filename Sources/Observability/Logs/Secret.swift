/// A text that must not be printed: a password, a token, an address that holds one.
///
/// Whatever describes, dumps or interpolates it gets `<redacted>`; only `reveal()` tells.
public struct Secret: Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  private let text: String

  /// Hides a text.
  public init(_ text: String) { self.text = text }

  /// The text, for whoever has to send it.
  public func reveal() -> String { text }

  /// `<redacted>`.
  public var description: String { "<redacted>" }
  /// `<redacted>`.
  public var debugDescription: String { description }
  /// Has no children: `dump` shows nothing either.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
