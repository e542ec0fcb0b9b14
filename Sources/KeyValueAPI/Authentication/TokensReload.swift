internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// Reads the tokens file again at every SIGHUP. A file with an error changes nothing.
struct TokensReload: Service {
  let path: String
  let authenticator: TokenAuthenticator
  let logger: Logger

  func run() async {
    let signals = await UnixSignalsSequence(trapping: .sighup)
    for await _ in signals.cancelOnGracefulShutdown() { reload() }
  }

  /// Reads the file once.
  func reload() {
    do throws(TokensFileError) {
      let file = try TokensFile.read(path: path)
      authenticator.replace(with: file)
      logger.notice("read the tokens file again", metadata: ["tokens": "\(file.principals.count)"])
      if let warning = TokensFile.permissionsWarning(path: path) { logger.warning("\(warning)") }
    } catch {
      logger.warning("the tokens file has errors; the tokens read before stay", error: error)
    }
  }
}
