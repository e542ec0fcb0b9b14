/// A doubly linked list of slots.
struct SlotChain {
  private var first = SlotTable.none
  private var last = SlotTable.none
  /// Slots in the chain.
  private(set) var count = 0

  /// The slot that has been in the chain, or was moved to its front, the longest time ago.
  var back: Int? { last == SlotTable.none ? nil : Int(last) }

  mutating func pushFront(_ index: Int, in slots: inout SlotTable) {
    let slot = Int32(index)
    slots[index].previous = SlotTable.none
    slots[index].next = first
    if first == SlotTable.none { last = slot } else { slots[Int(first)].previous = slot }
    first = slot
    count += 1
  }

  mutating func remove(_ index: Int, in slots: inout SlotTable) {
    let previous = slots[index].previous
    let next = slots[index].next
    if previous == SlotTable.none { first = next } else { slots[Int(previous)].next = next }
    if next == SlotTable.none { last = previous } else { slots[Int(next)].previous = previous }
    count -= 1
  }

  mutating func moveToFront(_ index: Int, in slots: inout SlotTable) {
    if first == Int32(index) { return }
    remove(index, in: &slots)
    pushFront(index, in: &slots)
  }
}
