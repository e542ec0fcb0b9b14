/// Members by prefix, and a quick answer to: whose prefix does this key begin with?
///
/// The prefixes are sorted, and each knows the longest other one that it begins with. All prefixes
/// of a key lie on one such chain, which a binary search finds: with thousands of prefixes, a key
/// that matches one of them costs a dozen comparisons.
struct PrefixIndex<Member: AnyObject> {
  private final class Node {
    let prefix: [UInt8]
    /// The longest shorter prefix that `prefix` begins with.
    var parent: Node?
    var members: [Member] = []

    init(_ prefix: [UInt8], parent: Node?) {
      self.prefix = prefix
      self.parent = parent
    }
  }

  /// In the order of their prefixes, each with at least one member.
  private var nodes: [Node] = []
  /// How many members there are.
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// Adds a member, which must not be among them.
  mutating func insert(_ member: Member, prefix: [UInt8]) {
    count += 1
    let place = place(of: prefix)
    if place > 0, nodes[place - 1].prefix == prefix {
      nodes[place - 1].members.append(member)
      return
    }
    let node = Node(prefix, parent: longest(of: prefix, before: place))
    node.members.append(member)
    for index in descendants(of: prefix, from: place) where nodes[index].parent === node.parent {
      nodes[index].parent = node
    }
    nodes.insert(node, at: place)
  }

  /// Removes a member, if it is there.
  mutating func remove(_ member: Member, prefix: [UInt8]) {
    let place = place(of: prefix)
    guard place > 0, nodes[place - 1].prefix == prefix else { return }
    let node = nodes[place - 1]
    guard let index = node.members.firstIndex(where: { $0 === member }) else { return }
    count -= 1
    // Their order does not matter.
    node.members.swapAt(index, node.members.count - 1)
    node.members.removeLast()
    guard node.members.isEmpty else { return }
    nodes.remove(at: place - 1)
    for index in descendants(of: prefix, from: place - 1) where nodes[index].parent === node {
      nodes[index].parent = node.parent
    }
  }

  /// Calls `body` with every member whose prefix `key` begins with. It must not change the index.
  func forEach(matching key: [UInt8], _ body: (Member) -> Void) {
    var node = longest(of: key, before: place(of: key))
    while let matching = node {
      for member in matching.members { body(member) }
      node = matching.parent
    }
  }

  /// Calls `body` with every member. It must not change the index.
  func forEach(_ body: (Member) -> Void) {
    for node in nodes { for member in node.members { body(member) } }
  }

  /// How many prefixes are not after `bytes`.
  private func place(of bytes: [UInt8]) -> Int {
    var (low, high) = (0, nodes.count)
    while low < high {
      let middle = (low + high) / 2
      if bytes.lexicographicallyPrecedes(nodes[middle].prefix) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return low
  }

  /// The longest prefix that `bytes` begins with. `place` is that of `bytes`: whatever lies between
  /// a prefix of `bytes` and `bytes` in the order begins with that prefix, too.
  private func longest(of bytes: [UInt8], before place: Int) -> Node? {
    var node = place > 0 ? nodes[place - 1] : nil
    while let candidate = node, !bytes.starts(with: candidate.prefix) { node = candidate.parent }
    return node
  }

  /// Where the prefixes stand that begin with `prefix`; the first of them would be at `place`.
  private func descendants(of prefix: [UInt8], from place: Int) -> Range<Int> {
    var end = place
    while end < nodes.count, nodes[end].prefix.starts(with: prefix) { end += 1 }
    return place..<end
  }
}
