internal import ServiceLifecycle
internal import Synchronization

/// Has the services looked after, round after round, or just once.
struct ScalingService: Service {
  let makeScaler: @Sendable () -> Scaler
  /// From the beginning of one round to that of the next; nil: there is only one.
  let interval: Duration?
  /// What became of the only round.
  let result = LastResult()

  /// Works until the process is told to leave. A command that runs then is ended.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      var scaler = makeScaler()
      var next = ContinuousClock.now
      repeat {
        result.value = await scaler.round()
        guard let interval else { return }
        // A round that took longer than that is followed by the next one at once, and by one only.
        next = max(next + interval, ContinuousClock.now)
        try? await Task.sleep(until: next)
      } while !Task.isCancelled
    }
  }
}

/// Tells whoever waits for the end of a service how its last round went.
final class LastResult: Sendable {
  private let result = Mutex<Scaler.Result?>(nil)

  /// Nil: there was no round.
  var value: Scaler.Result? {
    get { result.withLock { $0 } }
    set { result.withLock { $0 = newValue } }
  }
}
