import HTTP

/// Tells requests that a web page of another site has made from all others.
///
/// Where no token is needed, a page that its reader happens to visit could otherwise write to a
/// server on the reader's own machine: a POST with a plain body asks for no permission (Fetch
/// Standard, "CORS-preflight request"). Programs other than browsers send neither field.
enum CrossSite {
  /// Whether a browser says that `head` comes from another site.
  static func isSource(of head: RequestHead) -> Bool {
    if let site = head.first(.secFetchSite) {
      // W3C Fetch Metadata §2.4; `none` is the reader's own doing.
      return !site.elementsEqual("same-origin".utf8) && !site.elementsEqual("none".utf8)
    }
    guard let origin = head.first(.origin) else { return false }
    // RFC 6454 §7: scheme "://" host [":" port], or `null` for who does not say.
    guard let host = head.first(.host), let end = authorityStart(of: origin) else { return true }
    return !origin[end...].elementsEqual(host, by: { lowercased($0) == lowercased($1) })
  }

  private static func authorityStart(of origin: ArraySlice<UInt8>) -> Int? {
    guard let colon = origin.firstIndex(of: UInt8(ascii: ":")),
      origin[colon...].starts(with: "://".utf8)
    else { return nil }
    return colon + 3
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }
}
