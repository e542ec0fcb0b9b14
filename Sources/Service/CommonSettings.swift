package import EventLoop
package import Logging

/// The settings that all programs have.
package enum CommonSettings {
  package static func listen(_ fallback: String, _ meaning: String) -> Setting<SocketAddress> {
    guard let address = SocketAddress(fallback) else {
      preconditionFailure("\(fallback) is no address")
    }
    return Setting(
      description: SettingDescription(
        name: "KV_LISTEN", topic: .serving, fallback: fallback,
        allowed: "address:port, for instance \(fallback), [::1]:\(address.port) or "
          + ":\(address.port) (every address)",
        meaning: meaning + " Port 0 picks a free port and logs it."),
      fallback: address, parse: { SocketAddress($0) })
  }

  #if os(Linux)
    private static let backends: KeyValuePairs<String, PollerBackend> = [
      "epoll": .epoll, "dispatch": .dispatch,
    ]
  #else
    private static let backends: KeyValuePairs<String, PollerBackend> = ["dispatch": .dispatch]
  #endif

  package static let backend = Setting.choice(
    "KV_IO", .serving, PollerBackend.platformDefault, among: backends,
    shown: PollerBackend.platformDefault.rawValue,
    "How event loops wait for sockets. dispatch works everywhere and costs about twice the CPU.")

  package static let drain = Setting.seconds(
    "KV_DRAIN_SECONDS", .serving, 20, 0...3_600,
    "How long work in progress may take after SIGTERM before the process leaves anyway.")

  package static let logLevel = Setting.choice(
    "KV_LOG_LEVEL", .serving, Logger.Level.info,
    among: [
      "trace": .trace, "debug": .debug, "info": .info, "notice": .notice, "warning": .warning,
      "error": .error, "critical": .critical,
    ],
    shown: "info",
    "What is logged, as JSON lines on the standard error. debug has a line for every request.")

  package static let areCoreDumpsAllowed = Setting.choice(
    "KV_CORE_DUMPS", .serving, false, among: ["enabled": true], shown: "",
    "Lets a process that crashes leave a core dump, as far as the limits of its user allow. The "
      + "dump holds passwords, tokens, keys and values.")
}
