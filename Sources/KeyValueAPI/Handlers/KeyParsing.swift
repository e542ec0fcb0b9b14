import Basics
import HTTP
import KeyValueStore

extension APIHandler {
  /// The key in a path: everything behind `/kv/`, decoded once.
  func key(of call: Call) throws(Problem) -> Key {
    guard
      let bytes = [UInt8](percentDecoding: call.head.path.dropFirst(Route.valuePrefix.count))
    else {
      throw Problem(.invalidKey, "Every % needs two hexadecimal digits behind it; write %25.")
    }
    return try key(bytes, for: call.principal)
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
