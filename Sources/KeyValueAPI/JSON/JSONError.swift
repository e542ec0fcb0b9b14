/// Why bytes are not a JSON text that is accepted here, and where.
struct JSONError: Error, Equatable {
  /// What is wrong.
  let reason: Reason
  /// At which byte, from 0.
  let offset: Int

  /// What can be wrong with a text.
  enum Reason: String {
    case unexpectedEnd = "the text ends too early"
    case unexpectedByte = "this character is not allowed here"
    case trailingBytes = "something follows the document"
    case invalidUTF8 = "these bytes are not UTF-8"
    case controlCharacter = "a control character in a string must be escaped"
    case invalidEscape = "this escape does not exist"
    case loneSurrogate = "half of a surrogate pair stands alone"
    case invalidNumber = "this is not a number"
    case tooDeep = "arrays and objects are nested more than 64 deep"
    case tooManyValues = "there are more than a million values and names"
    case duplicateMember = "this object names a member twice"
  }

  /// A sentence for the client.
  var sentence: String { "The body is not usable JSON: \(reason.rawValue), at byte \(offset)." }
}
