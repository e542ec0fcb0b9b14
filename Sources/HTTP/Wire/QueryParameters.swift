import Basics

/// A query (RFC 3986 §3.4) as `name=value` pairs, in their order.
///
/// The caller decides which names are allowed, and how often.
public struct QueryParameters: Sendable {
  /// A pair, percent-decoded once.
  public struct Parameter: Equatable, Sendable {
    /// The name. Bytes that are not UTF-8 become U+FFFD, so that they equal no known name.
    public let name: String
    /// The value; empty for `name=`.
    public let value: [UInt8]

    /// The value as text; nil if it is not UTF-8.
    public var text: String? { String(validating: value, as: UTF8.self) }
  }

  /// What is wrong with a query. `parameter` is the text of the pair.
  public enum Problem: Error, Equatable {
    /// A `%` is not followed by two hexadecimal digits.
    case badEscape(parameter: String)
    /// A pair has no `=`, or no name before it. The text is empty between two `&`.
    case notAPair(parameter: String)
  }

  public let parameters: [Parameter]

  /// Parses `raw`, the part of a request target after the `?`. A query that is empty or nil has no
  /// pairs.
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
