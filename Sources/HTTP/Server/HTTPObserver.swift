/// Hears what happens on the connections of one loop, to count it.
public protocol HTTPObserver {
  /// A connection was accepted.
  func connectionOpened()
  /// A connection was closed.
  func connectionClosed()
  /// A connection was answered 503 and closed because of the bound on connections.
  func connectionRefused()
  /// Bytes came in.
  func received(bytes: Int)
  /// Bytes went out.
  func sent(bytes: Int)
  /// A request was refused by HTTP itself, before any handler saw it.
  func refused(_ status: Status)
}
