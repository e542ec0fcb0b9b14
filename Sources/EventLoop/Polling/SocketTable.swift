/// The sockets that a poller watches, each under a token that no later socket will ever have.
///
/// A batch of events can name a socket that an earlier event of the same batch has closed; its
/// token then finds nothing.
final class SocketTable {
  private var slots: [Slot] = []
  private var free: [Int] = []

  private struct Slot {
    var socket: Socket?
    var generation: UInt32
  }

  /// Keeps `socket` and returns its token.
  func insert(_ socket: Socket) -> UInt64 {
    let index: Int
    if let reused = free.popLast() {
      index = reused
    } else {
      index = slots.count
      slots.append(Slot(socket: nil, generation: 0))
    }
    slots[index].socket = socket
    return UInt64(slots[index].generation) << 32 | UInt64(index)
  }

  /// Forgets the socket of `token`.
  func remove(_ token: UInt64) {
    let index = Int(token & 0xFFFF_FFFF)
    slots[index].socket = nil
    slots[index].generation &+= 1
    free.append(index)
  }

  /// The socket of `token`, if it is still there.
  subscript(token: UInt64) -> Socket? {
    let slot = slots[Int(token & 0xFFFF_FFFF)]
    return slot.generation == UInt32(token >> 32) ? slot.socket : nil
  }

  /// Shows every socket to `body`, which may remove the one it is shown.
  func forEach(_ body: (Socket) -> Void) {
    for index in slots.indices {
      if let socket = slots[index].socket { body(socket) }
    }
  }
}
