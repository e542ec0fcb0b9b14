internal import ArgumentParser
internal import Embedded

/// What the process says to its caller at the end: the codes of sysexits.h. Usage errors are 64, by
/// ArgumentParser.
enum ExitStatus {
  /// EX_UNAVAILABLE: the address is taken, or can't be listened on.
  static let unavailable = ExitCode(69)
  /// EX_CANTCREAT: the data folder can't be made, written to or is in use.
  static let dataFolder = ExitCode(73)
  /// EX_IOERR: the database is damaged, or its file system is full.
  static let inputOutput = ExitCode(74)
  /// EX_CONFIG: a setting is wrong.
  static let configuration = ExitCode(78)

  /// Why the embedded store can't start: 73 asks for another folder, 74 for a look at the disk.
  static func of(_ error: EmbeddedError) -> ExitCode {
    switch error {
    case .notAFolder, .notWritable, .locked, .foreign, .newerSchema: dataFolder
    case .corrupt, .noSpace, .failed: inputOutput
    }
  }
}
