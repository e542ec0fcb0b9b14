import Basics
import HTTP
import KeyValueStore

/// The document of `POST /batch`. An operation that is not well-formed has its own problem.
struct BatchDocument {
  let isAtomic: Bool
  /// In the client's order.
  let operations: [Result<Batch.Operation, Problem>]

  /// Most values and names for each operation that a batch may have: three times what one needs, so
  /// that a batch of too many operations is still told so.
  private static let nodesPerOperation = 50

  /// Parses a body. `makeKey` checks the bytes of a key, and that the client may touch it.
  init(
    _ body: [UInt8], limits: APILimits, makeKey: ([UInt8]) throws(Problem) -> Key
  ) throws(Problem) {
    let document: JSONDocument
    do throws(JSONError) {
      document = try JSONDocument(
        parsing: body, nodesMax: BatchDocument.nodesPerOperation * limits.operationsMax)
    } catch {
      throw error.reason == .tooManyValues ? BatchDocument.tooLong(limits) : Problem(error)
    }
    var isAtomic = false
    var list: JSONValue?
    for (name, value) in document.root.members {
      switch name {
      case "atomic":
        guard let bool = value.bool else { throw .document("atomic is true or false.") }
        isAtomic = bool
      case "operations": list = value
      default: throw .document("Leave out \"\(name)\": a batch has atomic and operations only.")
      }
    }
    guard let list, list.kind == .array else {
      throw .document("A batch is {\"atomic\":false,\"operations\":[…]}: operations is an array.")
    }
    guard list.count <= limits.operationsMax else { throw BatchDocument.tooLong(limits) }
    self.isAtomic = isAtomic
    operations = list.elements.map { element in
      do throws(Problem) {
        return .success(
          try BatchDocument.operation(BatchMembers(element), limits: limits, makeKey: makeKey))
      } catch {
        return .failure(error)
      }
    }
  }

  private static func tooLong(_ limits: APILimits) -> Problem {
    Problem(
      .contentTooLarge, "A batch has at most \(limits.operationsMax) operations: send several.")
  }

  private static func operation(
    _ members: BatchMembers, limits: APILimits, makeKey: ([UInt8]) throws(Problem) -> Key
  ) throws(Problem) -> Batch.Operation {
    switch try members.text("op") {
    case "get":
      try members.allowOnly(["op", "key"])
      return .get(try makeKey(try members.key()))
    case "delete":
      try members.allowOnly(["op", "key", "if_match", "if_none_match"])
      return .write(
        Write(
          key: try makeKey(try members.key()), mutation: .delete,
          condition: try members.condition()))
    case "put":
      try members.allowOnly([
        "op", "key", "value", "value_base64", "content_type", "ttl", "if_match", "if_none_match",
      ])
      let key = try makeKey(try members.key())
      let value = try members.value(bytesMax: limits.valueBytesMax)
      let contentType = try members.contentType(bytesMax: limits.contentTypeBytesMax)
      return .write(
        Write(
          key: key,
          mutation: .put(
            value: value, contentType: contentType ?? ContentType.guessed(from: value),
            timeToLive: try members.timeToLive()),
          condition: try members.condition()))
    case "add":
      try members.allowOnly([
        "op", "key", "amount", "content_type", "ttl", "if_match", "if_none_match",
      ])
      return .write(
        Write(
          key: try makeKey(try members.key()),
          mutation: .patch(try members.addition(contentTypeBytesMax: limits.contentTypeBytesMax)),
          condition: try members.condition()))
    default: throw .document("op is \"put\", \"get\", \"delete\" or \"add\".")
    }
  }
}

/// The members of one operation of a batch, read once and looked up by name.
private struct BatchMembers {
  private let members: [(name: String, value: JSONValue)]

  init(_ value: JSONValue) throws(Problem) {
    guard value.kind == .object else { throw .document("An operation is an object.") }
    members = value.members
  }

  /// Refuses unknown members: a mistyped `tll` must not store a value for ever.
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

  func key() throws(Problem) -> [UInt8] {
    guard let key = self["key"]?.stringBytes else { throw .document("key is a string.") }
    return key
  }

  /// The value, from either of its two members.
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

  func contentType(bytesMax: Int) throws(Problem) -> String? {
    guard let text = try text("content_type") else { return nil }
    guard let type = ContentType.check(Array(text.utf8)[...], bytesMax: bytesMax) else {
      throw .document("content_type is type/subtype in at most \(bytesMax) ASCII characters.")
    }
    return type
  }

  /// In seconds; nil: the value does not expire.
  func timeToLive() throws(Problem) -> Int64? {
    guard let value = self["ttl"] else { return nil }
    guard let seconds = value.integer, (1...Write.timeToLiveMax).contains(seconds) else {
      throw .document("ttl is a whole number of seconds from 1 to \(Write.timeToLiveMax).")
    }
    return seconds
  }

  /// `amount`, and what it sets beside it: as in a PATCH.
  func addition(contentTypeBytesMax: Int) throws(Problem) -> Patch {
    guard let amount = self["amount"] else { throw .document("An add has an amount.") }
    var patch = Patch(amount: try PatchDocument.amount(amount, name: "amount"))
    patch.contentType = try contentType(bytesMax: contentTypeBytesMax)
    if let value = self["ttl"] { patch.expiry = try PatchDocument.expiry(value) }
    return patch
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

  /// A revision as in the other documents, or in quotes as in an ETag.
  private func match(_ text: String) -> Condition.Match? {
    if text == "*" { return .any }
    var digits = text[...]
    if digits.count > 2, digits.first == "\"", digits.last == "\"" {
      digits = digits.dropFirst().dropLast()
    }
    guard (1...19).contains(digits.count), digits.utf8.allSatisfy({ $0.decimalDigit != nil })
    else { return nil }
    return .revisions(ConditionFields.revision(String(digits)).map { [$0] } ?? [])
  }

  private subscript(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }
}
