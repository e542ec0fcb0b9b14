import HTTP

/// The query parameters of a request, each of which its endpoint knows and has once.
struct Query {
  private let parameters: [QueryParameters.Parameter]

  /// Takes a query apart and refuses what is not among `names`: a mistyped `tll=60` must not store
  /// a value for ever.
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
    guard !value.isEmpty, value.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }),
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
