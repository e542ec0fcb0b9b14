import Basics

/// A query (RFC 3986 §3.4) as `name=value` pairs, in the order in which they came.
///
/// Which names there may be, and how often, is for its reader to say.
public struct QueryParameters: Sendable {
  /// A pair, percent-decoded once.
  public struct Parameter: Equatable, Sendable {
    /// The name. Bytes that are not UTF-8 show as U+FFFD, so they equal no name that is known.
    public let name: String
    /// The value, empty for `name=`.
    public let value: [UInt8]

    /// The value as text; nil if it is not UTF-8.
    public var text: String? { String(validating: value, as: UTF8.self) }
  }

  /// What is wrong with a query.
  public enum Problem: Error, Equatable {
    /// A `%` without two hexadecimal digits behind it, in the parameter that is written so.
    case badEscape(parameter: String)
    /// A parameter without `=`, or without a name before it; empty between two `&`.
    case notAPair(parameter: String)
  }

  /// The pairs; none for an empty query.
  public let parameters: [Parameter]

  /// Splits `raw`, what stands behind the `?` of a request target. Without one there are no pairs.
  public init(_ raw: ArraySlice<UInt8>?) throws(Problem) {
    var parameters: [Parameter] = []
    if let raw, !raw.isEmpty {
      var start = raw.startIndex
      while start <= raw.endIndex {
        let end = raw[start...].firstIndex(of: UInt8(ascii: "&")) ?? raw.endIndex
        parameters.append(try QueryParameters.parameter(raw[start..<end]))
        start = end + 1
      }
    }
    self.parameters = parameters
  }

  private static func parameter(_ pair: ArraySlice<UInt8>) throws(Problem) -> Parameter {
    guard let equals = pair.firstIndex(of: .equals), equals > pair.startIndex else {
      throw .notAPair(parameter: String(decoding: pair, as: UTF8.self))
    }
    guard let name = [UInt8](percentDecoding: pair[..<equals]),
      let value = [UInt8](percentDecoding: pair[(equals + 1)...])
    else {
      throw .badEscape(parameter: String(decoding: pair, as: UTF8.self))
    }
    return Parameter(name: String(decoding: name, as: UTF8.self), value: value)
  }
}
