package import Observability

/// What this program is.
package enum BuildInformation {
  /// The version, also that of the API.
  package static let version = "0.3.0"

  /// The language version it was compiled with.
  package static let swift: String = {
    #if compiler(>=6.4)
      "6.4+"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }()

  /// How it was compiled.
  package static let mode: String = {
    #if DEBUG
      "debug"
    #else
      "release"
    #endif
  }()

  /// `kv_build_info`: always 1; its labels are what tells. `store` is what keys are kept in.
  package static func sample(store: String) -> MetricSample {
    MetricSample(
      MetricsCatalogue.build,
      [
        MetricLabel("version", version), MetricLabel("swift", swift), MetricLabel("mode", mode),
        MetricLabel("store", store),
      ], 1)
  }
}
