public import Foundation

/// A real server that tests use, in a process of its own. It ends with the tests, even if they
/// crash.
public final class ServiceProcess: @unchecked Sendable {
  // `@unchecked`: `isReaped` and `status` are behind the lock, all else is constant.
  private let lock = NSLock()
  private var isReaped = false
  private var status: Int32 = 0
  /// Its process id, for signals.
  public let identifier: pid_t
  /// The file that its output goes to.
  public let outputPath: String

  /// Starts a program.
  /// - Parameters:
  ///   - command: the program, which is searched on the PATH, and its arguments.
  ///   - environment: variables in addition to those of the tests.
  ///   - user: runs it if the tests run as root, which servers like PostgreSQL refuse.
  ///   - outputPath: the file that its output is appended to.
  public init(
    _ command: [String], environment: [String: String] = [:], user: String? = nil,
    outputPath: String
  ) throws {
    self.outputPath = outputPath
    var words = ["setpriv", "--pdeathsig", "KILL"]
    if let user, geteuid() == 0 {
      words += ["--reuid", user, "--regid", user, "--clear-groups"]
    }
    words += command
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let result = SpawningThread.run { [words] in
      Self.spawn(words, variables.map { "\($0)=\($1)" }, outputPath)
    }
    guard result > 0 else {
      throw ServiceFailure("\(words[0]): \(String(cString: strerror(-result)))")
    }
    identifier = result
  }

  /// Returns the process id, or the negative number of the error.
  private static func spawn(
    _ words: [String], _ variables: [String], _ outputPath: String
  ) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(
      &actions, STDOUT_FILENO, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    var arguments = words.map { strdup($0) } + [nil]
    var environment = variables.map { strdup($0) } + [nil]
    defer {
      for pointer in arguments + environment { free(pointer) }
    }
    var child: pid_t = 0
    let code = posix_spawnp(&child, words[0], &actions, nil, &arguments, &environment)
    return code == 0 ? child : -code
  }

  deinit { kill() }

  /// Sends a signal, unless the process has ended.
  public func signal(_ number: Int32) {
    lock.withLock {
      if !isReaped { _ = Foundation.kill(identifier, number) }
    }
  }

  /// Freezes it: a server that hangs.
  public func pause() { signal(SIGSTOP) }

  /// Lets it continue.
  public func resume() { signal(SIGCONT) }

  /// Ends it at once, and waits until it has gone.
  public func kill() {
    signal(SIGKILL)
    reap(options: 0)
  }

  /// Ends it with SIGTERM, or with SIGKILL if it does not end in time.
  public func stop(within seconds: Double = 10) {
    signal(SIGTERM)
    let end = Date(timeIntervalSinceNow: seconds)
    while isRunning {
      if Date() > end { return kill() }
      Polling.pause()
    }
  }

  /// Whether it has not ended yet.
  public var isRunning: Bool {
    reap(options: WNOHANG)
    return lock.withLock { !isReaped }
  }

  /// Waits until it has ended by itself; returns its exit code, or -1 after a signal.
  public func waitForExit(seconds: Double = 60) throws -> Int32 {
    try Polling.wait(for: "end of process \(identifier)", seconds: seconds) { !isRunning }
    return lock.withLock { status & 0x7F == 0 ? status >> 8 & 0xFF : -1 }
  }

  /// What it has printed.
  public var output: String {
    (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? ""
  }

  private func reap(options: Int32) {
    lock.withLock {
      if isReaped { return }
      if waitpid(identifier, &status, options) == identifier { isReaped = true }
    }
  }
}

/// A server that tests need did not start, or refused a command.
public struct ServiceFailure: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// A thread that never ends, from which servers are started.
///
/// For PR_SET_PDEATHSIG the parent of a process is the thread that started it (prctl(2)): a server
/// that was started on a thread of a pool would be killed when the pool ends that thread.
private enum SpawningThread {
  private static let jobs = Jobs()

  /// Runs `body` on the thread and returns its result.
  static func run(_ body: @escaping @Sendable () -> Int32) -> Int32 { jobs.run(body) }

  /// A queue of jobs, which run one after the other.
  private final class Jobs: @unchecked Sendable {
    // `@unchecked`: `waiting` and `results` are behind the condition's lock.
    private let condition = NSCondition()
    private var waiting: [(number: Int, body: @Sendable () -> Int32)] = []
    private var results: [Int: Int32] = [:]
    private var count = 0

    init() {
      Thread.detachNewThread { [unowned self] in work() }
    }

    func run(_ body: @escaping @Sendable () -> Int32) -> Int32 {
      condition.lock()
      defer { condition.unlock() }
      count += 1
      let number = count
      waiting.append((number, body))
      condition.broadcast()
      while true {
        if let result = results.removeValue(forKey: number) { return result }
        condition.wait()
      }
    }

    private func work() {
      condition.lock()
      while true {
        guard !waiting.isEmpty else {
          condition.wait()
          continue
        }
        let job = waiting.removeFirst()
        condition.unlock()
        let result = job.body()
        condition.lock()
        results[job.number] = result
        condition.broadcast()
      }
    }
  }
}

enum TemporaryFolder {
  /// Makes a folder whose name begins with `kv-` and `name`; returns its path.
  static func make(_ name: String) throws -> String {
    var template = Array("/tmp/kv-\(name)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ServiceFailure("no temporary folder") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
