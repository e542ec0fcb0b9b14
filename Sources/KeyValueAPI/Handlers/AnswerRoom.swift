import HTTP
import KeyValueStore

// Room for documents that may hold many values, taken before the first of them is read: what is
// read faster than it can be sent would fill the memory.
extension APIHandler {
  /// What a document with values takes at the most: the values, and what is made of them.
  var roomForValues: Int { limits.pageBytesMax + limits.answerBytesMax }

  /// Makes an answer once there is room for it; 503 if there is none in time.
  func withRoom(
    for bytes: Int, _ make: () async throws(Problem) -> Response
  ) async throws(Problem) -> Response {
    try await takeRoom(bytes)
    do throws(Problem) {
      var response = try await make()
      response.roomTaken = bytes
      return response
    } catch {
      surroundings.returnRoom(bytes)
      throw error
    }
  }

  /// Looks again and again: room comes back on other loops, too, and a wait here is rare.
  private func takeRoom(_ bytes: Int) async throws(Problem) {
    if surroundings.takeRoom(bytes) { return }
    guard roomWaiters < limits.roomWaitersMax else { throw Self.noRoom }
    roomWaiters += 1
    defer { roomWaiters -= 1 }
    let end = ContinuousClock.now + limits.roomWait
    // A busy loop makes pauses longer than they are meant to be.
    for _ in 0..<Int(limits.roomWait / Self.roomPause) where ContinuousClock.now < end {
      await surroundings.pause(Self.roomPause)
      if surroundings.takeRoom(bytes) { return }
    }
    throw Self.noRoom
  }

  private static let roomPause = Duration.milliseconds(25)
  private static let noRoom = Problem(StoreError.overloaded(retryAfter: 1))
}
