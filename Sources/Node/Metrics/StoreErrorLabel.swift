internal import KeyValueStore

/// The values of the label `error`.
enum StoreErrorLabel: UInt8, CaseIterable {
  case unavailable, tooSlow, overloaded, outcomeUnknown, idempotencyInFlight, rejected

  init(_ error: StoreError) {
    self =
      switch error {
      case .unavailable: .unavailable
      case .tooSlow: .tooSlow
      case .overloaded: .overloaded
      case .outcomeUnknown: .outcomeUnknown
      case .idempotencyInFlight: .idempotencyInFlight
      case .rejected: .rejected
      }
  }

  var text: String {
    switch self {
    case .unavailable: "unavailable"
    case .tooSlow: "too_slow"
    case .overloaded: "overloaded"
    case .outcomeUnknown: "outcome_unknown"
    case .idempotencyInFlight: "idempotency_in_flight"
    case .rejected: "rejected"
    }
  }
}
