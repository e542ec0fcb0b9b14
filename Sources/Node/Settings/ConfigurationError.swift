/// Every setting that is wrong, so that one attempt at starting shows them all.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// At least one, in the order of `--help`.
  package let problems: [SettingProblem]
  /// Whose settings they are, for the hint at `--help`.
  package let program: String

  /// The problems of a program's settings.
  package init(_ problems: [SettingProblem], of program: String) {
    self.problems = problems
    self.program = program
  }

  /// One line a problem, for a person.
  package var description: String {
    let heading =
      problems.count == 1 ? "A setting is wrong:" : "\(problems.count) settings are wrong:"
    let hint = "See \(program) --help for all settings."
    return ([heading] + problems.map { "  \($0)" } + [hint]).joined(separator: "\n")
  }
}
