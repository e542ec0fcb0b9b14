/// What is wrong with one setting, and what to do about it.
package struct SettingProblem: Equatable, Sendable, CustomStringConvertible {
  /// The environment variable.
  package let name: String
  /// What was given, fit to be printed; nil: nothing, or a secret.
  package let value: String?
  /// What to change.
  package let advice: String

  /// The value of a secret is not kept.
  package init(_ setting: SettingDescription, value: String?, advice: String) {
    name = setting.name
    self.value = setting.isSecret ? nil : value.map(Self.printable)
    self.advice = advice
  }

  /// `KV_LOOPS="0": allowed is 1 to 256`
  package var description: String { "\(name)\(value.map { "=\($0)" } ?? ""): \(advice)" }

  /// In quotes, without control characters, and not endless.
  private static func printable(_ value: String) -> String {
    String(value.prefix(80)).debugDescription + (value.count > 80 ? "…" : "")
  }
}
