import HTTP

/// What a client would like of a write (RFC 7240), as far as it is known here.
struct Preferences: Sendable {
  /// `return=minimal`: no document in the answer.
  let wantsMinimal: Bool
  /// `respond-async`: an answer as soon as the write can't be lost.
  let isAsynchronous: Bool
  /// `handling=strict`: no queueing of a write that the database can't take.
  let isStrict: Bool
  /// `wait`, in seconds: for how long to wait for the final answer before a 202.
  let wait: Int?

  /// Reads the fields. Wishes that are unknown, malformed or out of bounds are passed over (§2).
  init(_ head: RequestHead, waitSecondsMax: Int) {
    guard head.first(.prefer) != nil else {
      wantsMinimal = false
      isAsynchronous = false
      isStrict = false
      wait = nil
      return
    }
    let prefer = PreferHeader(values: head.all(.prefer))
    wantsMinimal = prefer["return"] == "minimal"
    isAsynchronous = prefer["respond-async"] == ""
    isStrict = prefer["handling"] == "strict"
    wait = prefer["wait"].flatMap(Int.init).flatMap { $0 < 0 ? nil : min($0, waitSecondsMax) }
  }

  /// Adds `Preference-Applied` (§3), if anything that was asked for was done.
  func appendApplied(to fields: inout FieldBlock, isQueued: Bool, isMinimal: Bool) {
    var applied: [String] = []
    if isQueued, isAsynchronous {
      applied.append("respond-async")
      if let wait { applied.append("wait=\(wait)") }
    }
    if isMinimal, wantsMinimal { applied.append("return=minimal") }
    if isStrict { applied.append("handling=strict") }
    if !applied.isEmpty { fields.append("Preference-Applied", applied.joined(separator: ", ")) }
  }
}
