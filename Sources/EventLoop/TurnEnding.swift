/// Has something to do once a turn, however often it was asked for during the turn: writing all the
/// commands that a C library has buffered with one system call, say.
public protocol TurnEnding: AnyObject {
  /// Called on the loop's thread after the turn's jobs have run.
  func endTurn()
}
