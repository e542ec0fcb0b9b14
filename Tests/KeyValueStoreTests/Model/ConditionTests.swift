import KeyValueStore
import Testing

@Suite("Conditions")
struct ConditionTests {
  let five = Revision(5)

  @Test("If-Match holds for an entry that it names")
  func ifMatch() {
    #expect(Condition(ifMatch: .any).holds(for: five))
    #expect(!Condition(ifMatch: .any).holds(for: nil))
    #expect(Condition(ifMatch: .revisions([Revision(4), five])).holds(for: five))
    #expect(!Condition(ifMatch: .revisions([Revision(4)])).holds(for: five))
    #expect(!Condition(ifMatch: .revisions([five])).holds(for: nil))
    #expect(!Condition(ifMatch: .revisions([])).holds(for: five))
  }

  @Test("If-None-Match holds for a key without an entry that it names")
  func ifNoneMatch() {
    #expect(Condition(ifNoneMatch: .any).holds(for: nil))
    #expect(!Condition(ifNoneMatch: .any).holds(for: five))
    #expect(!Condition(ifNoneMatch: .revisions([five])).holds(for: five))
    #expect(Condition(ifNoneMatch: .revisions([Revision(4)])).holds(for: five))
    #expect(Condition(ifNoneMatch: .revisions([five])).holds(for: nil))
    #expect(Condition(ifNoneMatch: .revisions([])).holds(for: five))
  }

  @Test("Both must hold, and none always does")
  func both() {
    let condition = Condition(
      ifMatch: .revisions([five, Revision(6)]), ifNoneMatch: .revisions([Revision(6)]))
    #expect(condition.holds(for: five))
    #expect(!condition.holds(for: Revision(6)))
    #expect(!condition.isEmpty && Condition.none.isEmpty)
    #expect(Condition.none.holds(for: nil) && Condition.none.holds(for: five))
  }
}
