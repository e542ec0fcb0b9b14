/// The paths that a worker answers at.
enum OperatorRoute: String, CaseIterable {
  case health = "/health"
  case live = "/health/live"
  case ready = "/health/ready"
  case metrics = "/metrics"

  /// Finds the route of a path as it came.
  init?(path: ArraySlice<UInt8>) {
    guard let route = Self.allCases.first(where: { path.elementsEqual($0.rawValue.utf8) }) else {
      return nil
    }
    self = route
  }
}
