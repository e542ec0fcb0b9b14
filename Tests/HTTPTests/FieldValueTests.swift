import Testing

@testable import HTTP

@Suite("Field values")
struct FieldValueTests {
  private func values(_ texts: [String]) -> [ArraySlice<UInt8>] { texts.map { [UInt8]($0)[...] } }

  private static func strong(_ opaque: String) -> EntityTag {
    EntityTag(isWeak: false, opaque: opaque)
  }

  static let tagLists: [([String], EntityTagList)] = [
    (["*"], .any),
    ([" ,\t* ,"], .any),
    (["", "*"], .any),
    (["\"a\""], .tags([strong("a")])),
    (["\"\""], .tags([strong("")])),
    (["W/\"a\""], .tags([EntityTag(isWeak: true, opaque: "a")])),
    (
      ["\"a\",\"b\" , W/\"c\""],
      .tags([strong("a"), strong("b"), EntityTag(isWeak: true, opaque: "c")])
    ),
    (["\"a\"", "\"b\""], .tags([strong("a"), strong("b")])),
    ([",, \"a\",\t,"], .tags([strong("a")])),
    (["\"a,b\""], .tags([strong("a,b")])),
    (["\"\\\""], .tags([strong("\\")])),
    (["\"*!#~\u{e9}\""], .tags([strong("*!#~\u{e9}")])),
  ]

  @Test("Lists of entity tags are read", arguments: tagLists)
  func entityTags(texts: [String], expected: EntityTagList) {
    #expect(EntityTagList.parse(values: values(texts)) == expected)
  }

  @Test(
    "Malformed lists of entity tags are refused",
    arguments: [
      [], [""], [" , ,"], ["a"], ["\"a"], ["a\""], ["\"a\"b"], ["\"a\" \"b\""], ["\"a\"\"b\""],
      ["w/\"a\""], ["W\"a\""], ["W/a"], ["W/ \"a\""], ["W"], ["\"a b\""], ["\"a\tb\""],
      ["\"a\u{7f}\""], ["*, \"a\""], ["\"a\", *"], ["*", "\"a\""], ["* *"], ["*, *"], ["**"],
      ["\"a\\\"b\""], ["\"a\"; q=1"], ["\"a\"", "b"],
    ])
  func badEntityTags(texts: [String]) {
    #expect(EntityTagList.parse(values: values(texts)) == nil)
  }

  @Test("Preferences are read in any case, over several lines, with their values")
  func preferences() {
    let prefer = PreferHeader(
      values: values([
        "Respond-Async, WAIT = 5 ; x=y, ,return=\"mini\\mal\"",
        "handling=strict;a;b=\"c,d\", empty=\"\"",
      ]))
    #expect(prefer["respond-async"] == "")
    #expect(prefer["wait"] == "5")
    #expect(prefer["return"] == "minimal")
    #expect(prefer["handling"] == "strict")
    #expect(prefer["empty"] == "")
    #expect(prefer["x"] == nil && prefer["a"] == nil && prefer["b"] == nil && prefer["d\""] == nil)
  }

  @Test("Of two preferences with one name the first counts")
  func firstPreference() {
    let prefer = PreferHeader(values: values(["wait=1, wait=2", "Wait=3"]))
    #expect(prefer["wait"] == "1")
  }

  @Test("A malformed preference is skipped, the others count")
  func malformedPreference() {
    for text in [
      "=", "wait=", "wait=;", "wait 5", "wait=5 6", "wait=\"", "wait=\"5\\", "(", "wait=@",
    ] {
      #expect(PreferHeader(values: values([text])) == PreferHeader(values: []), "\(text)")
      #expect(PreferHeader(values: values([text, "a=1"]))["a"] == "1", "\(text)")
    }
    #expect(PreferHeader(values: values(["wait=@, a=\"x,y\", (,b"]))["a"] == "x,y")
    #expect(PreferHeader(values: values(["wait=@, a=1, (,b"]))["b"] == "")
  }

  @Test(
    "no-cache is found",
    arguments: [
      ["no-cache"], ["max-age=0, No-Cache"], ["x=\"a, b\" ,no-cache"], [",", "no-cache"],
      ["(, no-cache , max-age=1"],
    ])
  func noCache(texts: [String]) {
    #expect(CacheControl(values: values(texts)).isNoCache)
  }

  @Test(
    "A directive that only resembles no-cache is ignored",
    arguments: [
      [], [""], ["max-age=0"], ["no-cached"], ["x=\"a, no-cache\""], ["xno-cache"], ["no-cache=a"],
      ["x=\"no-cache"], ["no-cache x"], ["no-store"],
    ])
  func notNoCache(texts: [String]) {
    #expect(!CacheControl(values: values(texts)).isNoCache)
  }

  @Test("The sets of characters hold what the grammars name")
  func octetSets() {
    let alphanumerics = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    let token = Set((alphanumerics + "!#$%&'*+-.^_`|~").utf8)
    let registeredName = Set((alphanumerics + "-._~!$&'()*+,;=").utf8)
    let literal = Set("abcdefABCDEF0123456789:.".utf8)
    let target = Set(UInt8(0x21)...0x7E).subtracting("\"<>#\\".utf8)
    for byte in UInt8.min...UInt8.max {
      #expect(OctetSet.token.contains(byte) == token.contains(byte))
      #expect(OctetSet.registeredName.contains(byte) == registeredName.contains(byte))
      #expect(OctetSet.addressLiteral.contains(byte) == literal.contains(byte))
      #expect(OctetSet.target.contains(byte) == target.contains(byte))
      #expect(byte.endsLine == (byte < 0x20 && byte != 9 || byte == 0x7F))
    }
  }
}

@Suite("Media types")
struct MediaTypeTests {
  private func read(_ text: String) -> MediaType? { MediaType(Array(text.utf8)[...]) }

  @Test(
    "Type and subtype are recognized in any case, whatever parameters follow",
    arguments: ["text/plain", "Text/PLAIN", "text/plain;charset=utf-8", "text/plain \t; a=\"/;\""])
  func named(_ text: String) throws {
    let type = try #require(read(text))
    #expect(type.isNamed("text/plain"))
    #expect(!type.isNamed("text/plai") && !type.isNamed("text/plaid"))
  }

  @Test(
    "A text without a type or a subtype, or with other characters, is no media type",
    arguments: ["", "/", "text", "text/", "/plain", "te xt/plain", "text/pl/ain", ";text/plain"])
  func malformed(_ text: String) { #expect(read(text) == nil) }
}
