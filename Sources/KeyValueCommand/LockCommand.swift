internal import ArgumentParser
internal import Basics
internal import Dispatch
internal import FoundationEssentials
internal import KeyValueClient
internal import Synchronization
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

struct LockCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lock", abstract: "Runs a command while it holds a lock.",
    discussion: """
      The lock is the key NAME. It expires unless it is renewed, so a holder that dies leaves it \
      free. KV_LOCK_NAME and KV_LOCK_REVISION tell the command the name and the fencing token: \
      it grows from holder to holder, so a service that remembers the highest one it has seen can \
      refuse a holder that has lost the lock and does not know it yet.

      If the lock is lost, the command is ended with SIGTERM, and killed 10 seconds later. The \
      exit code is the command's.

      EXAMPLES:
        kv lock locks/backup -- ./backup.sh
        kv lock --wait locks/deploy -- make deploy
        kv lock --wait-for 30s --ttl 1m a -- sh -c 'report --token $KV_LOCK_REVISION'
      """)

  @Argument(help: "The key that is the lock.") var name: String
  @Argument(parsing: .postTerminator, help: "The command, after --.") var command: [String]

  @Option(help: ArgumentHelp("How long the lock lasts without renewal.", valueName: "time"))
  var ttl = TimeSpan(seconds: 15)

  @Flag(name: .customLong("wait"), help: "Wait while another holds the lock.")
  var waits = false

  @Option(help: ArgumentHelp("Wait, but not longer than this.", valueName: "time"))
  var waitFor: TimeSpan?

  @OptionGroup var server: ServerOptions

  func validate() throws {
    guard !command.isEmpty else { throw ValidationError("Give the command after --.") }
    guard ttl.seconds >= 2 else { throw ValidationError("--ttl is 2 seconds or more.") }
  }

  func run() async throws {
    let configuration = try server.configuration()
    let client = StoreClient(configuration)
    // Its own group lets the end of the command reach all that it has started. On a terminal the
    // command stays in the foreground with this program instead, so that it can read what is typed.
    let child = LockedCommand(hasOwnGroup: !Terminal.Stream.input.isTerminal)
    let code = try await EndSignals.handle({ child.forward($0) }) { () async throws -> Int32 in
      let lease = try await acquire(client, child)
      return try await hold(lease, client, child, configuration)
    }
    if code != 0 { throw ExitCode(code) }
  }

  // MARK: Taking it

  private func acquire(_ client: StoreClient, _ child: LockedCommand) async throws -> LockLease {
    let deadline = waitFor.map { MonotonicTime.now().adding(.seconds($0.seconds)) }
    var backoff = Backoff(first: .milliseconds(250), longest: .seconds(1))
    var hasTold = false
    while true {
      let start = MonotonicTime.now()
      do throws(ClientError) {
        let answer = try await client.send(request(taking: name))
        guard let revision = answer.revision else {
          throw .malformed("the server took the lock without an ETag")
        }
        return LockLease(revision: revision, start: start, time: .seconds(ttl.seconds))
      } catch {
        guard case .refused(let problem) = error, problem.status == 412 else { throw error }
      }
      let isOver = deadline.map { MonotonicTime.now() >= $0 } ?? !waits
      guard !isOver else { throw Failure(.conditionFailed, "another holds the lock \(name)") }
      if !hasTold { Terminal.note("Waiting for the lock \(name)") }
      hasTold = true
      // Asking again sees an expiry at once; events of it take up to 10 s.
      try? await Task.sleep(for: backoff.next())
    }
  }

  private func request(taking name: String) -> ClientRequest {
    var request = ClientRequest.entry("PUT", name)
    request.query("ttl", String(ttl.seconds))
    request.set("If-None-Match", "*")
    request.identify()
    request.body = Array("process \(getpid()) on \(ProcessInfo.processInfo.hostName)".utf8)
    return request
  }

  // MARK: Holding it

  private enum Event: Sendable {
    case ended(Int32)
    /// The renewals have stopped; whether because the lock is lost.
    case released(LockLease, isLost: Bool)
  }

  private func hold(
    _ lease: LockLease, _ client: StoreClient, _ child: LockedCommand,
    _ configuration: ClientConfiguration
  ) async throws -> Int32 {
    let (code, lease, isLost) = try await withThrowingTaskGroup(of: Event.self) { group in
      group.addTask { [name, command] in
        .ended(try await child.run(command, name: name, token: lease.token))
      }
      group.addTask { [name, ttl] in
        await Renewal(name: name, ttl: ttl).keep(lease, StoreClient(configuration))
      }
      var code: Int32 = 0
      var last = lease
      var wasLost = false
      for try await event in group {
        switch event {
        case .ended(let status):
          code = status
          group.cancelAll()
        case .released(let lease, let isLost):
          last = lease
          wasLost = isLost
          guard isLost else { continue }
          Terminal.note("kv: the lock \(name) is lost: the command is ended")
          child.terminate()
        }
      }
      return (code, last, wasLost)
    }
    if isLost { throw Failure(.lockLost, "the command was ended, because the lock was lost") }
    try await release(lease, client)
    return code
  }

  private func release(_ lease: LockLease, _ client: StoreClient) async throws {
    var request = ClientRequest.entry("DELETE", name)
    request.set("If-Match", "\"\(lease.revision)\"")
    request.identify()
    do throws(ClientError) {
      _ = try await client.send(request, within: .seconds(ttl.seconds))
    } catch {
      if case .refused(let problem) = error, [404, 412].contains(problem.status) {
        throw Failure(.lockLost, "the lock was lost before the command had ended")
      }
      Terminal.note("kv: the lock was not given back (\(error.message)): it expires within \(ttl)")
    }
  }

  /// Renews a lock until the task is cancelled or the lock is lost.
  private struct Renewal {
    let name: String
    let ttl: TimeSpan

    func keep(_ lease: LockLease, _ client: StoreClient) async -> Event {
      var lease = lease
      // A renewal without an answer is sent again as it was: it may have taken effect, and then
      // the server knows the result.
      var pending: (request: ClientRequest, start: MonotonicTime)?
      while true {
        switch lease.step(at: .now()) {
        case .wait(let pause):
          guard (try? await Task.sleep(for: pause)) != nil else {
            if let pending, let answer = try? await client.send(pending.request) {
              lease.renewed(revision: answer.revision ?? lease.revision, start: pending.start)
            }
            return .released(lease, isLost: false)
          }
        case .lost: return .released(lease, isLost: true)
        case .renew(let time):
          let renewal = pending ?? (request(renewing: lease.revision), .now())
          do throws(ClientError) {
            let answer = try await client.send(renewal.request, within: time)
            pending = nil
            lease.renewed(revision: answer.revision ?? lease.revision, start: renewal.start)
          } catch {
            if case .refused(let problem) = error, [404, 412].contains(problem.status) {
              return .released(lease, isLost: true)
            }
            pending = renewal
            lease.renewalFailed(at: .now())
          }
        }
      }
    }

    private func request(renewing revision: Int64) -> ClientRequest {
      var request = ClientRequest.entry("PATCH", name)
      request.set("Content-Type", "application/merge-patch+json")
      request.set("If-Match", "\"\(revision)\"")
      request.identify()
      request.body = Array("{\"ttl\":\(ttl.seconds)}".utf8)
      return request
    }
  }
}

/// The command that runs under a lock, and the signals that are meant for it.
private final class LockedCommand: Sendable {
  private let hasOwnGroup: Bool
  /// The process, once it runs.
  private let process = Mutex<Int32?>(nil)
  private static let grace = Duration.seconds(10)

  init(hasOwnGroup: Bool) { self.hasOwnGroup = hasOwnGroup }

  func run(_ words: [String], name: String, token: Int64) async throws -> Int32 {
    defer { process.withLock { $0 = nil } }
    return try await ChildProcess.run(
      .words(words), environment: ["KV_LOCK_NAME": name, "KV_LOCK_REVISION": String(token)],
      hasOwnGroup: hasOwnGroup
    ) { identifier in process.withLock { $0 = identifier } }
  }

  /// Passes a signal on. Without a command there is nothing to wait for: the program ends.
  func forward(_ number: Int32) {
    process.withLock { process in
      guard let process else { exit(128 + number) }
      // On a terminal, Ctrl-C has reached the command too.
      if hasOwnGroup {
        kill(-process, number)
      } else if number != SIGINT {
        kill(process, number)
      }
    }
  }

  /// Asks the command to end, and later kills it.
  func terminate() {
    process.withLock { process in
      guard let process else { return }
      kill(hasOwnGroup ? -process : process, SIGTERM)
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + Self.grace.seconds) { [self] in
      process.withLock { process in
        guard let process else { return }
        kill(hasOwnGroup ? -process : process, SIGKILL)
      }
    }
  }
}
