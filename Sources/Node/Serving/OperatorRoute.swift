/// The paths that a process answers at which only operators and Prometheus speak to.
package enum OperatorRoute: String, CaseIterable {
  case health = "/health"
  case live = "/health/live"
  case ready = "/health/ready"
  case metrics = "/metrics"

  /// Finds the route of a path as it came.
  package init?(path: ArraySlice<UInt8>) {
    guard let route = Self.allCases.first(where: { path.elementsEqual($0.rawValue.utf8) }) else {
      return nil
    }
    self = route
  }
}
