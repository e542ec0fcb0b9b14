internal import Observability

/// What this program is.
enum BuildInformation {
  /// The version, also that of the API.
  static let version = "0.2.0"

  /// The language version it was compiled with.
  static let swift: String = {
    #if compiler(>=6.4)
      "6.4+"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }()

  /// How it was compiled.
  static let mode: String = {
    #if DEBUG
      "debug"
    #else
      "release"
    #endif
  }()

  /// `kv_build_info`: always 1; its labels are what tells.
  static var sample: MetricSample {
    MetricSample(
      MetricsCatalogue.build,
      [
        MetricLabel("version", version), MetricLabel("swift", swift), MetricLabel("mode", mode),
        MetricLabel("store", "embedded"),
      ], 1)
  }
}
