import HTTP
import KeyValueStore

/// The document of `POST /batch`, read as far as it can be: each operation is well-formed or has
/// its own problem.
struct BatchDocument {
  let isAtomic: Bool
  /// In the client's order.
  let operations: [Result<Batch.Operation, Problem>]

  /// Takes a body apart. `makeKey` checks the bytes of a key, and that the client may touch it.
  init(
    _ body: [UInt8], limits: APILimits, makeKey: ([UInt8]) throws(Problem) -> Key
  ) throws(Problem) {
    let document: JSONDocument
    do throws(JSONError) {
      document = try JSONDocument(parsing: body)
    } catch {
      throw Problem(error)
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
    guard list.count <= limits.operationsMax else {
      throw Problem(
        .contentTooLarge, "A batch has at most \(limits.operationsMax) operations: send several.")
    }
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
    default: throw .document("op is \"put\", \"get\" or \"delete\".")
    }
  }
}
