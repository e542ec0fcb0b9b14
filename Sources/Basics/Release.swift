/// Which release of the programs this is, and how it was built.
package enum Release {
  /// The version, also that of the API.
  package static let version = "0.4.0"

  /// The compiler.
  package static let swift: String = {
    #if compiler(>=6.4)
      "6.4+"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }()

  package static let mode: String = {
    #if DEBUG
      "debug"
    #else
      "release"
    #endif
  }()
}
