/// What an HTTP server allows its clients.
public struct HTTPConfiguration: Sendable {
  /// Bounds of a request's head.
  public var limits = HTTPLimits()
  /// Connections over all loops; one more is answered 503 and closed.
  public var connectionsMax = 10_000
  /// Bytes of request bodies in memory over all loops, as far as they have arrived; a body that
  /// does not fit is answered 503. Those over 64 KiB leave a quarter of it to smaller ones.
  public var bodyBytesMax = 256 << 20
  /// Bytes of answers, over all loops; past it, the connection of a client that is slow to read its
  /// own is closed.
  public var answerBytesMax = 256 << 20
  /// From the first byte of a head to its end; then 408.
  public var headTimeout = Duration.seconds(10)
  /// In this time a body has to come in at `bytesPerSecondMin`, or to its end; then 408.
  public var bodyTimeout = Duration.seconds(10)
  /// In this time a client has to read an answer at `bytesPerSecondMin`, or to its end; then the
  /// connection is closed.
  public var writeTimeout = Duration.seconds(10)
  /// What comes or goes more slowly than this is broken off.
  public var bytesPerSecondMin = 4 << 10
  /// Between two requests; then the connection is closed.
  public var idleTimeout = Duration.seconds(60)
  /// After the last answer, for the client to read it before the connection is torn down.
  public var lingerTimeout = Duration.seconds(1)
  /// The same after a refusal, whose body may still be on its way.
  public var refusedTimeout = Duration.seconds(10)
  /// Bytes that are read and dropped after the last answer. More than any proxy passes on: the one
  /// in front lets bodies of 8 MiB through.
  public var lingerBytesMax = 16 << 20

  /// The defaults of DESIGN.md.
  public init() {}
}
