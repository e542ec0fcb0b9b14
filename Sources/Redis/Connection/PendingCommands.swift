/// The commands whose replies have not come, oldest first: replies come in their order.
struct PendingCommands {
  private var slots: [PendingCommand?] = Array(repeating: nil, count: 64)
  private var head = 0
  private(set) var count = 0
  /// Bytes of all of them.
  private(set) var bytes = 0

  var isEmpty: Bool { count == 0 }

  var first: PendingCommand? { count == 0 ? nil : slots[head] }

  mutating func append(_ command: PendingCommand) {
    if count == slots.count { grow() }
    slots[(head + count) & (slots.count - 1)] = command
    count += 1
    bytes += command.count
  }

  mutating func popFirst() -> PendingCommand? {
    guard count > 0 else { return nil }
    let command = slots[head].take()
    head = (head + 1) & (slots.count - 1)
    count -= 1
    bytes -= command?.count ?? 0
    return command
  }

  /// Takes back the newest.
  mutating func popLast() -> PendingCommand? {
    guard count > 0 else { return nil }
    count -= 1
    let command = slots[(head + count) & (slots.count - 1)].take()
    bytes -= command?.count ?? 0
    return command
  }

  /// Gives the newest commands more time.
  mutating func postpone(newest: Int, by duration: Duration) {
    for offset in max(0, count - newest)..<count {
      let index = (head + offset) & (slots.count - 1)
      guard let deadline = slots[index]?.deadline else { continue }
      slots[index]?.deadline = deadline.adding(duration)
    }
  }

  /// The number of slots stays a power of two.
  private mutating func grow() {
    var larger: [PendingCommand?] = []
    larger.reserveCapacity(slots.count * 2)
    larger.append(contentsOf: slots[head...])
    larger.append(contentsOf: slots[..<head])
    larger.append(contentsOf: repeatElement(nil, count: slots.count))
    slots = larger
    head = 0
  }
}
