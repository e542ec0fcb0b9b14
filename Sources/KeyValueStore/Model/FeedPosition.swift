/// A place in the feed, spelt `offset.index`: a message and a change inside it.
public struct FeedPosition: Hashable, Comparable, Sendable {
  /// The message.
  public let offset: Int64
  /// The change inside it, from 0.
  public let index: Int

  /// The place of one change.
  public init(offset: Int64, index: Int) {
    self.offset = offset
    self.index = index
  }

  /// Reads `offset.index` as `text` spells it: two decimal numbers without sign or leading zero.
  public init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let offset = Int64(parts[0]), let index = Int(parts[1]),
      offset >= 0, index >= 0
    else { return nil }
    self.init(offset: offset, index: index)
    // Int also reads "+1", "-0" and "01", which this feed has never handed out.
    guard self.text == text else { return nil }
  }

  /// `offset.index`.
  public var text: String { "\(offset).\(index)" }

  /// Earlier in the feed is less.
  public static func < (left: FeedPosition, right: FeedPosition) -> Bool {
    (left.offset, left.index) < (right.offset, right.index)
  }
}
