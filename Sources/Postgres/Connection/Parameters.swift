/// The parameters of one statement in binary format, back to back in one buffer.
struct Parameters {
  /// Object identifiers of types: the same in PostgreSQL and CockroachDB (pg_type.dat).
  private enum TypeID {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let int8: UInt32 = 20
    static let text: UInt32 = 25
    static let textArray: UInt32 = 1009
    static let byteaArray: UInt32 = 1001
    static let int8Array: UInt32 = 1016
    static let timestamptz: UInt32 = 1184
  }

  /// One parameter: its type, and where it stands in `buffer`.
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
  mutating func add(_ bytes: [UInt8]?) { add(TypeID.bytea, bytes) }

  /// A TEXT.
  mutating func add(text: String?) { add(TypeID.text, text.map { Array($0.utf8) }) }

  /// An INT8.
  mutating func add(_ number: Int64?) {
    guard let number else { return slots.append(Slot(type: TypeID.int8, range: nil)) }
    let start = buffer.count
    append(number)
    slots.append(Slot(type: TypeID.int8, range: start..<buffer.count))
  }

  /// A BOOL.
  mutating func add(flag: Bool) { add(TypeID.bool, [flag ? 1 : 0]) }

  /// A TIMESTAMPTZ, given in µs since 1970. PostgreSQL counts from 2000-01-01.
  mutating func add(timestamp microseconds: Int64) {
    let start = buffer.count
    append(microseconds - 946_684_800_000_000)
    slots.append(Slot(type: TypeID.timestamptz, range: start..<buffer.count))
  }

  private mutating func add(_ type: UInt32, _ bytes: [UInt8]?) {
    guard let bytes else { return slots.append(Slot(type: type, range: nil)) }
    let start = buffer.count
    buffer += bytes
    slots.append(Slot(type: type, range: start..<buffer.count))
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
    add(TypeID.textArray, of: TypeID.text, elements.lazy.map { Optional($0) }) { parameters, text in
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

  /// An INT8[] that may be NULL as a whole.
  mutating func add(optionalNumbers elements: [Int64]?) {
    guard let elements else { return slots.append(Slot(type: TypeID.int8Array, range: nil)) }
    add(numbers: elements.lazy.map { Optional($0) })
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
