internal import Dispatch
internal import Foundation
internal import Logging
internal import ServiceLifecycle

/// Reads the tokens file again at every SIGHUP. A file with an error changes nothing.
struct TokensReload: Service {
  let path: String
  let authenticator: TokenAuthenticator
  let logger: Logger

  func run() async {
    let (signals, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    // Left alone, SIGHUP ends the process.
    signal(SIGHUP, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGHUP)
    source.setEventHandler { continuation.yield() }
    source.resume()
    defer { source.cancel() }
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
