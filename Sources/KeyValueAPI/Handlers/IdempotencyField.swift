internal import Basics
internal import COpenSSL
internal import HTTP
internal import KeyValueStore

/// The `Idempotency-Key` field (draft-ietf-httpapi-idempotency-key-header §2) and the request that
/// it stands for.
enum IdempotencyField {
  /// Reads the field; nil without one. It is a quoted string (RFC 8941 §3.3.3), but most clients
  /// send the bare text, which means the same.
  static func parse(_ head: RequestHead, charactersMax: Int) throws(Problem) -> String? {
    guard let first = head.first(.idempotencyKey) else { return nil }
    guard head.all(.idempotencyKey).count == 1 else {
      throw .header("Idempotency-Key", "Send Idempotency-Key once.")
    }
    guard let text = first.first == UInt8(ascii: "\"") ? unquoted(first) : bare(first),
      !text.isEmpty, text.count <= charactersMax
    else {
      throw .header(
        "Idempotency-Key",
        "An idempotency key is a quoted string of 1 to \(charactersMax) visible ASCII characters.")
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The key as the store keeps it: unique to its sender, bound to the request.
  ///
  /// Two requests are the same if their methods, paths, queries, conditions and bodies are, and the
  /// rights of their senders: a token may be replaced by one of the same name with other rights.
  /// `refused` are the places of a batch's operations that are not run, which also depends on the
  /// limits of this process. What the outcome itself tells of the request, such as its content
  /// type, is compared when the outcome is read.
  static func key(
    _ name: String, of request: AcceptedRequest, refusing refused: [Int] = []
  ) -> IdempotencyKey {
    let (head, sender) = (request.head, request.principal)
    var parts: [UInt8] = []
    append(head.method.name.utf8, to: &parts)
    append(head.path, to: &parts)
    append(head.query ?? [], to: &parts)
    for field in [FieldName.ifMatch, .ifNoneMatch] {
      let values = head.all(field)
      parts.append(UInt8(values.count))
      for value in values { append(value, to: &parts) }
    }
    // Only if it is there, so that requests to older versions of this server stay the same.
    for value in head.all(.ifUnmodifiedSince) { append(value, to: &parts) }
    append(Digest.sha256(request.body), to: &parts)
    if !sender.name.isEmpty {
      append(sender.scopes.map(\.rawValue).sorted().joined(separator: ",").utf8, to: &parts)
      append(sender.keyPrefix, to: &parts)
    }
    if !refused.isEmpty {
      append(refused.map { String($0) }.joined(separator: ",").utf8, to: &parts)
    }
    // Neither a principal's name nor a key holds a line feed, so the pair can't be read two ways.
    return IdempotencyKey(name: sender.name + "\n" + name, fingerprint: Digest.sha256(parts))
  }

  /// Each part follows its length, so that different requests have different bytes.
  private static func append(_ part: some Collection<UInt8>, to parts: inout [UInt8]) {
    parts.append(decimal: Int64(part.count))
    parts.append(UInt8(ascii: ":"))
    parts.append(contentsOf: part)
  }

  /// `sf-string`: visible ASCII and spaces, where `\` stands before `"` and `\` only.
  private static func unquoted(_ field: ArraySlice<UInt8>) -> [UInt8]? {
    guard field.count >= 2, field.last == UInt8(ascii: "\"") else { return nil }
    var text: [UInt8] = []
    var isEscaped = false
    for byte in field.dropFirst().dropLast() {
      let isSpecial = byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
      guard (0x20...0x7E).contains(byte) else { return nil }
      if isEscaped {
        guard isSpecial else { return nil }
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
        continue
      } else if isSpecial {
        return nil
      }
      text.append(byte)
    }
    return isEscaped ? nil : text
  }

  private static func bare(_ field: ArraySlice<UInt8>) -> [UInt8]? {
    let isVisible = field.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") }
    return isVisible ? Array(field) : nil
  }
}

/// SHA-256 (FIPS 180-4) by libcrypto.
enum Digest {
  /// The 32 bytes of the digest.
  static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    SHA256(bytes, bytes.count, &digest)
    return digest
  }
}
