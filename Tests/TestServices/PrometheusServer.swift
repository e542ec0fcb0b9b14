import Foundation

/// A Prometheus that scrapes itself.
public final class PrometheusServer: Sendable {
  private let process: ServiceProcess
  private let folder: String
  /// Where it listens, on 127.0.0.1.
  public let port: UInt16
  /// The job of its only target.
  public let job = "prometheus"

  /// Starts one that scrapes itself every second.
  public init() throws {
    folder = try PostgresServer.makeFolder()
    port = try Ports.free()
    let settings = """
      global:
        scrape_interval: 1s
        scrape_timeout: 1s
      scrape_configs:
        - job_name: \(job)
          static_configs:
            - targets: [127.0.0.1:\(port)]
      """
    try PostgresServer.makeFile(folder + "/prometheus.yml", Data((settings + "\n").utf8))
    process = try ServiceProcess(
      [
        "prometheus", "--config.file=\(folder)/prometheus.yml",
        "--web.listen-address=127.0.0.1:\(port)", "--storage.tsdb.path=\(folder)/data",
        "--log.level=warn",
      ], outputPath: folder + "/prometheus.log")
    try Ports.wait(for: port, of: process)
  }

  deinit { remove() }

  /// Ends it and removes its folder.
  public func remove() {
    process.kill()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Freezes it: a server that hangs.
  public func pause() { process.pause() }

  /// Lets it continue.
  public func resume() { process.resume() }

  /// Its address.
  public var url: String { "http://127.0.0.1:\(port)" }
}
