/// How much waits in the queues, when it was last looked at.
public struct QueueDepth: Equatable, Sendable {
  /// Writes that nobody has taken yet.
  public let ready: Int
  /// Writes that this consumer has taken and not settled.
  public let unsettled: Int
  /// Writes that were put aside for good.
  public let dead: Int

  /// What two queues hold.
  public init(ready: Int, unsettled: Int, dead: Int) {
    self.ready = ready
    self.unsettled = unsettled
    self.dead = dead
  }
}
