/// A statement to send: its text, and its parameters in binary.
///
/// A statement that is sent repeatedly has a constant text, so that it can be prepared: see
/// `PreparedStatements`.
struct Statement {
  private(set) var text: String
  let parameters: Parameters

  /// The SQL that reads the clock.
  static let clock = "clock_timestamp()"

  init(_ text: String, _ parameters: Parameters = Parameters()) {
    self.text = text
    self.parameters = parameters
  }

  /// The same statement with other SQL for reading the clock.
  func reading(_ clock: String) -> Statement {
    if clock == Statement.clock { return self }
    var statement = self
    statement.text.replace(Statement.clock, with: clock)
    return statement
  }
}

/// A statement, and how each of its rows is read.
struct Query<Row>: Sendable {
  let statement: Statement
  private let read: @Sendable (Columns) -> Row

  init(
    _ text: String, _ parameters: Parameters = Parameters(),
    read: @escaping @Sendable (Columns) -> Row
  ) {
    statement = Statement(text, parameters)
    self.read = read
  }

  /// The rows in the result of this statement.
  func rows(of result: ResultSet) -> Rows<Row> { Rows(of: result, read: read) }
}

/// The statements that a connection has prepared, and under which names. No I/O.
///
/// A statement is prepared when it is sent for the second time: parsing and planning it takes the
/// server longer than executing it for a few rows. A name lives as long as its connection. Behind a
/// pooler, which may give every transaction another session, nothing is prepared.
struct PreparedStatements {
  /// How to send a statement.
  enum Way: Equatable {
    /// With its text and its parameters.
    case unnamed
    /// First its text, to be prepared under this name; then by the name.
    case prepare(String)
    /// By its name, with its parameters.
    case named(String)
  }

  private enum State {
    case seen
    case preparing
    case ready
  }

  /// Whether the session is the connection's own.
  var isAllowed = false
  private var states: [String: (number: Int, state: State)] = [:]

  /// More texts than there are in this module.
  private static let textsMax = 100

  /// How to send a statement now. After `prepare`, the caller reports the result to `ended`.
  mutating func way(of text: String) -> Way {
    guard isAllowed else { return .unnamed }
    guard let known = states[text] else {
      if states.count < Self.textsMax { states[text] = (states.count, .seen) }
      return .unnamed
    }
    switch known.state {
    case .seen:
      states[text]?.state = .preparing
      return .prepare(Self.name(known.number))
    // Whether preparing succeeds is not known yet.
    case .preparing: return .unnamed
    case .ready: return .named(Self.name(known.number))
    }
  }

  /// The server has prepared a statement, or has failed to.
  mutating func ended(_ text: String, isPrepared: Bool) {
    states[text]?.state = isPrepared ? .ready : .seen
  }

  private static func name(_ number: Int) -> String { "kv\(number)" }
}

/// The parameters of one statement in binary format, back to back in one buffer.
struct Parameters {
  /// Object identifiers of types, which are the same in PostgreSQL and CockroachDB (pg_type.dat).
  private enum TypeID {
    static let bytea: UInt32 = 17
    static let int8: UInt32 = 20
    static let text: UInt32 = 25
    static let textArray: UInt32 = 1009
    static let byteaArray: UInt32 = 1001
    static let int8Array: UInt32 = 1016
    static let timestamptz: UInt32 = 1184
  }

  /// One parameter: its type, and its place in `buffer`.
  struct Slot {
    let type: UInt32
    /// Nil for NULL.
    let range: Range<Int>?
  }

  private(set) var slots: [Slot] = []
  private(set) var buffer: [UInt8] = []

  init(reserving bytes: Int = 0) { buffer.reserveCapacity(bytes) }

  // MARK: Scalars

  /// A BYTEA.
  mutating func add(_ bytes: [UInt8]?) {
    guard let bytes else { return slots.append(Slot(type: TypeID.bytea, range: nil)) }
    let start = buffer.count
    buffer += bytes
    slots.append(Slot(type: TypeID.bytea, range: start..<buffer.count))
  }

  /// An INT8.
  mutating func add(_ number: Int64) {
    let start = buffer.count
    append(number)
    slots.append(Slot(type: TypeID.int8, range: start..<buffer.count))
  }

  /// A TIMESTAMPTZ, given in µs since 1970. PostgreSQL counts from 2000-01-01.
  mutating func add(timestamp microseconds: Int64) {
    let start = buffer.count
    append(microseconds - 946_684_800_000_000)
    slots.append(Slot(type: TypeID.timestamptz, range: start..<buffer.count))
  }

  // MARK: Arrays

  /// A BYTEA[].
  mutating func add(array elements: some Collection<[UInt8]?>) {
    add(TypeID.byteaArray, of: TypeID.bytea, elements) { parameters, bytes in
      parameters.append(Int32(bytes.count))
      parameters.buffer += bytes
    }
  }

  /// A TEXT[].
  mutating func add(texts elements: some Collection<String>) {
    add(optionalTexts: elements.lazy.map { Optional($0) })
  }

  /// A TEXT[] with NULL for nil.
  mutating func add(optionalTexts elements: some Collection<String?>) {
    add(TypeID.textArray, of: TypeID.text, elements) { parameters, text in
      parameters.append(Int32(text.utf8.count))
      parameters.buffer += text.utf8
    }
  }

  /// An INT8[].
  mutating func add(numbers elements: some Collection<Int64?>) {
    add(TypeID.int8Array, of: TypeID.int8, elements) { parameters, number in
      parameters.append(Int32(8))
      parameters.append(number)
    }
  }

  /// The binary format of arrays (array_recv): dimensions, whether there are NULLs, the type of the
  /// elements, for each dimension its size and lower bound; then length and bytes of each element,
  /// -1 for NULL.
  private mutating func add<Element>(
    _ type: UInt32, of elementType: UInt32, _ elements: some Collection<Element?>,
    _ append: (inout Parameters, Element) -> Void
  ) {
    let start = buffer.count
    self.append(elements.isEmpty ? 0 : Int32(1))
    self.append(elements.contains { $0 == nil } ? 1 : Int32(0))
    self.append(Int32(bitPattern: elementType))
    if !elements.isEmpty {
      self.append(Int32(elements.count))
      self.append(Int32(1))
      for element in elements {
        if let element { append(&self, element) } else { self.append(Int32(-1)) }
      }
    }
    slots.append(Slot(type: type, range: start..<buffer.count))
  }

  private mutating func append(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.bigEndian) { buffer += $0 }
  }
}
