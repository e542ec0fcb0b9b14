import Basics
import DequeModule
import HTTP
import KeyValueStore

/// Room for documents that may hold many values. It is taken before the first value is read: values
/// that are read faster than they can be sent would fill the memory. Belongs to a loop.
final class AnswerRoom {
  private let limits: APILimits
  private let surroundings: APISurroundings
  /// Requests that wait; the first of them polls.
  private var waiters = 0
  /// The others, in their order.
  private var queue: Deque<CheckedContinuation<Void, Never>> = []

  private static let pause = Duration.milliseconds(5)
  private static let none = Problem(StoreError.overloaded(retryAfter: 1))

  init(limits: APILimits, surroundings: APISurroundings) {
    self.limits = limits
    self.surroundings = surroundings
  }

  /// Makes an answer once there is room for it; 503 if there is none in time.
  func hold(
    _ bytes: Int, for make: () async throws(Problem) -> Response
  ) async throws(Problem) -> Response {
    try await take(bytes)
    do throws(Problem) {
      var response = try await make()
      response.roomTaken = bytes
      return response
    } catch {
      surroundings.returnRoom(bytes)
      throw error
    }
  }

  /// Those that came first are first. Polls: room is returned on other loops too, and a wait here
  /// is rare.
  private func take(_ bytes: Int) async throws(Problem) {
    if waiters == 0, surroundings.takeRoom(bytes) { return }
    guard waiters < limits.roomWaitersMax else { throw Self.none }
    waiters += 1
    defer {
      waiters -= 1
      queue.popFirst()?.resume()
    }
    let end = ContinuousClock.now + limits.roomWait
    if waiters > 1 { await withCheckedContinuation { queue.append($0) } }
    // On a busy loop, pauses are longer than they are meant to be.
    for _ in 0..<Int(limits.roomWait.nanoseconds / Self.pause.nanoseconds)
    where ContinuousClock.now < end {
      if surroundings.takeRoom(bytes) { return }
      await surroundings.pause(Self.pause)
    }
    throw Self.none
  }
}
