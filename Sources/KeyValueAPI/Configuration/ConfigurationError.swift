/// Every setting that is wrong, so that one attempt at starting shows them all.
struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// At least one, in the order of `Settings.all`.
  let problems: [SettingProblem]

  var description: String {
    let heading =
      problems.count == 1 ? "A setting is wrong:" : "\(problems.count) settings are wrong:"
    return ([heading] + problems.map { "  \($0)" } + ["See kv-api --help for all settings."])
      .joined(separator: "\n")
  }
}
