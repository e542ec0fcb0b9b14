import HTTP
import KeyValueStore

/// The members of one operation of a batch, read once and looked up by name.
struct BatchMembers {
  private let members: [(name: String, value: JSONValue)]

  init(_ value: JSONValue) throws(Problem) {
    guard value.kind == .object else { throw .document("An operation is an object.") }
    members = value.members
  }

  /// Refuses members that nobody would read: a mistyped `tll` must not store a value for ever.
  func allowOnly(_ names: [String]) throws(Problem) {
    for member in members where !names.contains(member.name) {
      throw .document("Leave out \"\(member.name)\": this operation has no such member.")
    }
  }

  /// A string that may be missing.
  func text(_ name: String) throws(Problem) -> String? {
    guard let value = self[name] else { return nil }
    guard let text = value.string else { throw .document("\(name) is a string.") }
    return text
  }

  /// The bytes of the key.
  func key() throws(Problem) -> [UInt8] {
    guard let key = self["key"]?.stringBytes else { throw .document("key is a string.") }
    return key
  }

  /// The value, from whichever of its two spellings is there.
  func value(bytesMax: Int) throws(Problem) -> [UInt8] {
    let value: [UInt8]
    switch (self["value"], self["value_base64"]) {
    case (let text?, nil):
      guard let bytes = text.stringBytes else {
        throw .document("value is a string; other bytes go into value_base64.")
      }
      value = bytes
    case (nil, let text?):
      guard let bytes = text.stringBytes.flatMap(Base64.decode) else {
        throw .document("value_base64 is a string of Base64 with padding (RFC 4648, section 4).")
      }
      value = bytes
    default: throw .document("A put has either value or value_base64.")
    }
    guard value.count <= bytesMax else { throw .contentTooLarge(bytesMax: bytesMax) }
    return value
  }

  /// The declared content type; nil if there is none.
  func contentType(bytesMax: Int) throws(Problem) -> String? {
    guard let text = try text("content_type") else { return nil }
    guard let type = ContentType.check(Array(text.utf8)[...], bytesMax: bytesMax) else {
      throw .document("content_type is type/subtype in at most \(bytesMax) ASCII characters.")
    }
    return type
  }

  /// In seconds; nil: for ever.
  func timeToLive() throws(Problem) -> Int64? {
    guard let value = self["ttl"] else { return nil }
    guard let seconds = value.integer, (1...Write.timeToLiveMax).contains(seconds) else {
      throw .document("ttl is a whole number of seconds from 1 to \(Write.timeToLiveMax).")
    }
    return seconds
  }

  /// `if_match` and `if_none_match`.
  func condition() throws(Problem) -> Condition {
    var condition = Condition.none
    if let text = try text("if_match") {
      guard let match = match(text) else {
        throw .document("if_match is \"*\" or a revision as a string of digits.")
      }
      condition.ifMatch = match
    }
    if let text = try text("if_none_match") {
      guard text == "*" else { throw .document("if_none_match is \"*\".") }
      condition.ifNoneMatch = .any
    }
    return condition
  }

  /// A revision as the other documents spell it, or in quotes as in an ETag.
  private func match(_ text: String) -> Condition.Match? {
    if text == "*" { return .any }
    var digits = text[...]
    if digits.count > 2, digits.first == "\"", digits.last == "\"" {
      digits = digits.dropFirst().dropLast()
    }
    guard (1...19).contains(digits.count), digits.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 })
    else { return nil }
    return .revisions(ConditionFields.revision(String(digits)).map { [$0] } ?? [])
  }

  private subscript(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }
}
