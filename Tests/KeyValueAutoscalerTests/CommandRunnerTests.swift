import Foundation
import Testing

@testable import KeyValueAutoscaler

/// With real processes.
@Suite("Running commands", .serialized)
struct CommandRunnerTests {
  private func runner(_ timeout: Duration = .seconds(30)) -> CommandRunner {
    CommandRunner(timeout: timeout, environment: ["PATH": "/usr/bin:/bin", "WORD": "kept"])
  }

  private func shell(_ script: String, _ timeout: Duration = .seconds(30)) async -> CommandOutcome {
    await runner(timeout).run(["sh", "-c", script])
  }

  @Test("A command that ends well has succeeded, whatever it prints")
  func success() async {
    #expect(await shell("echo out; echo err >&2") == .succeeded)
    #expect(await runner().run(["/bin/true"]) == .succeeded)
    // Far more than a pipe holds.
    #expect(await shell("yes | head -c 1000000 >&2; yes | head -c 1000000") == .succeeded)
  }

  @Test("One that fails tells its status and the end of its errors")
  func failure() async {
    #expect(await shell("echo why >&2; exit 3") == .failed("exited(3)", errors: "why"))
    let long = await shell("yes | head -c 100000 >&2; echo last >&2; exit 1")
    guard case .failed("exited(1)", let errors) = long else {
      Issue.record("\(long)")
      return
    }
    #expect(errors.utf8.count <= 4_096)
    #expect(errors.hasSuffix("y\nlast"))
  }

  @Test("One that does not exist is named")
  func absence() async {
    guard case .notStarted(let why) = await runner().run(["no-such-program-here"]) else {
      Issue.record("it was started")
      return
    }
    #expect(why.contains("no-such-program-here"))
  }

  @Test("It gets the environment that it is given, and no other")
  func environment() async {
    setenv("KV_NOT_FOR_COMMANDS", "1", 1)
    defer { unsetenv("KV_NOT_FOR_COMMANDS") }
    #expect(await shell("test \"$WORD\" = kept && test -z \"$KV_NOT_FOR_COMMANDS\"") == .succeeded)
  }

  @Test("One that takes too long is ended, with all that it started")
  func timeout() async throws {
    let start = ContinuousClock.now
    let outcome = await shell("sleep 97 & echo $! >&2; wait", .seconds(1))
    guard case .timedOut(let errors) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(ContinuousClock.now - start < .seconds(20))
    try await isGone(try #require(Int32(errors)))
  }

  @Test("What it leaves running on purpose is not waited for")
  func background() async throws {
    let start = ContinuousClock.now
    // It keeps the standard error open, as a careless daemon would.
    let outcome = await shell("setsid sleep 20 & exit 0")
    #expect(outcome == .succeeded)
    #expect(ContinuousClock.now - start < .seconds(15))
  }

  @Test("One that ignores the request to end is ended by force when the process leaves")
  func cancellation() async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "kv-\(UUID()).pid")
    defer { try? FileManager.default.removeItem(at: file) }
    let script = "trap '' TERM; echo $$ > '\(file.path)'; while :; do sleep 1; done"
    let runner = runner(.seconds(60))
    let start = ContinuousClock.now
    let task = Task { await runner.run(["sh", "-c", script]) }
    var process: Int32?
    while process == nil, ContinuousClock.now - start < .seconds(20) {
      let text = try? String(contentsOf: file, encoding: .utf8)
      process = text.flatMap { Int32($0.dropLast()) }
      await Task.yield()
    }
    task.cancel()
    #expect(await task.value == .cancelled)
    #expect(ContinuousClock.now - start < .seconds(40))
    try await isGone(try #require(process))
  }

  private func isGone(_ process: Int32) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while kill(process, 0) == 0, !isZombie(process) {
      guard ContinuousClock.now < end else {
        Issue.record("process \(process) goes on")
        return
      }
      await Task.yield()
    }
  }

  /// What lost its parent is waited for by the first process, which may take its time.
  private func isZombie(_ process: Int32) -> Bool {
    let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    return stat?.contains(") Z ") ?? true
  }
}
