import Basics
import HTTP
import KeyValueStore

/// A request whose path and method lead to an endpoint, and whose sender is known. Once it is let
/// in, its sender may use the endpoint, and its query has only parameters that the endpoint knows.
///
/// A class: the connection, which is generic over what a handler accepts, keeps and passes on one
/// pointer instead of twenty fields. Not Sendable: it belongs to the handler's loop.
final class AcceptedRequest {
  let route: Route
  let endpoint: Endpoint
  let principal: Principal
  /// Empty until the request is let in.
  var query = Query()
  let head: RequestHead
  let id: RequestID
  /// When the answer was begun.
  var start: ContinuousClock.Instant
  /// What the head says of a write, if the route table has it read before the body.
  var write: WriteRequest?
  /// What the body asks to write, for the audit log; nil: the head says it.
  var written: AuditRecord.Subject?
  /// Whom the answer is streamed to.
  var watcher: Watcher?
  /// Empty until the whole request has arrived.
  var body: [UInt8] = []

  init(
    route: Route, endpoint: Endpoint, principal: Principal, head: RequestHead, id: RequestID,
    start: ContinuousClock.Instant
  ) {
    self.route = route
    self.endpoint = endpoint
    self.principal = principal
    self.head = head
    self.id = id
    self.start = start
  }
}

/// The query parameters of a request: each is known to its endpoint, and there once.
struct Query {
  private let parameters: [QueryParameters.Parameter]

  /// A query without parameters.
  init() { parameters = [] }

  /// Refuses what is not among `names`: a mistyped `tll=60` must not store a value for ever.
  init(_ query: ArraySlice<UInt8>?, names: [String]) throws(Problem) {
    guard let query, !query.isEmpty else {
      parameters = []
      return
    }
    do {
      parameters = try QueryParameters(query).parameters
    } catch {
      throw Problem(error)
    }
    for (index, parameter) in parameters.enumerated() {
      guard names.contains(parameter.name) else {
        let known = names.isEmpty ? "none" : names.joined(separator: ", ")
        throw .parameter(
          parameter.name, "There is no parameter of this name here. Known parameters: \(known).")
      }
      guard !parameters[..<index].contains(where: { $0.name == parameter.name }) else {
        throw .parameter(parameter.name, "Give this parameter once.")
      }
    }
  }

  /// The value of a parameter, decoded; nil if it was not given.
  subscript(_ name: String) -> [UInt8]? { parameters.first { $0.name == name }?.value }

  /// A whole number within `bounds`, in decimal digits; nil if it was not given.
  func integer(_ name: String, _ bounds: ClosedRange<Int64>) throws(Problem) -> Int64? {
    guard let value = self[name] else { return nil }
    guard !value.isEmpty, value.allSatisfy({ $0.decimalDigit != nil }),
      let number = Int64(String(decoding: value, as: UTF8.self)), bounds.contains(number)
    else {
      throw .parameter(
        name, "\(name) is a whole number from \(bounds.lowerBound) to \(bounds.upperBound).")
    }
    return number
  }

  /// `true` or `false`; nil if it was not given.
  func boolean(_ name: String) throws(Problem) -> Bool? {
    switch self[name].map({ String(decoding: $0, as: UTF8.self) }) {
    case nil: return nil
    case "true": return true
    case "false": return false
    default: throw .parameter(name, "\(name) is true or false.")
    }
  }
}

// MARK: - Keys

extension APIHandler {
  /// The key in a path: everything behind `/kv/`, decoded once.
  func key(of request: AcceptedRequest) throws(Problem) -> Key {
    guard let bytes = [UInt8](percentDecoding: request.route.parameter(in: request.head.path))
    else {
      throw Problem(.invalidKey, "Every % needs two hexadecimal digits behind it; write %25.")
    }
    return try key(bytes, for: request.principal)
  }

  /// A key from bytes that are decoded already, if `principal` may touch it.
  func key(_ bytes: [UInt8], for principal: Principal) throws(Problem) -> Key {
    let key: Key
    do throws(Key.Invalid) {
      key = try Key(validating: bytes)
    } catch {
      throw Problem(error)
    }
    guard principal.mayTouch(key) else {
      throw Problem(
        .forbidden,
        "This token is for keys that start with "
          + "\"\(String(decoding: principal.keyPrefix, as: UTF8.self))\".")
    }
    return key
  }
}
