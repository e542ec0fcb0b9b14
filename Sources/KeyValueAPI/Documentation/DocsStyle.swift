extension DocsPage {
  /// The page's only style sheet: light or dark as the reader's system is, one column that a phone
  /// can show.
  static let style = """
    :root{color-scheme:light dark;--ink:#1c2330;--soft:#5a6475;--line:#d9dee7;--paper:#fff;\
    --card:#f6f8fb;--get:#0b6e4f;--put:#8a5300;--post:#0b57a4;--delete:#b3261e}
    @media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa5b8;--line:#313a49;\
    --paper:#12161d;--card:#1a2029;--get:#5cd6a5;--put:#f0b45c;--post:#7db8ff;--delete:#ff8f87}}
    *{box-sizing:border-box}html{scroll-behavior:smooth}
    body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
    main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}
    h1{font-size:2rem;margin:0 0 .5rem}h2{margin:3rem 0 .25rem;padding-top:1rem;\
    border-top:1px solid var(--line)}
    h3{margin:0;font-size:1.05rem;overflow-wrap:anywhere}h4{margin:1rem 0 .25rem;font-size:.9rem;\
    color:var(--soft)}
    p{margin:.4rem 0}a{color:inherit}nav{columns:3 14rem;margin:1.5rem 0;font-size:.92rem}
    nav a{display:block;text-decoration:none;padding:.1rem 0;overflow-wrap:anywhere}
    nav a:hover{text-decoration:underline}
    article{background:var(--card);border:1px solid var(--line);border-radius:10px;\
    padding:1rem 1.15rem;margin:1rem 0}
    code,pre{font:.86em/1.5 ui-monospace,monospace}
    pre{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;\
    overflow-x:auto;margin:.4rem 0}
    .m{font:700 .8rem ui-monospace,monospace;margin-right:.5rem}
    .get{color:var(--get)}.put{color:var(--put)}.post{color:var(--post)}.delete{color:var(--delete)}
    table{border-collapse:collapse;width:100%;font-size:.92rem}
    td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;\
    border-bottom:1px solid var(--line);overflow-wrap:anywhere}
    tr:last-child>td{border-bottom:0}td:first-child{white-space:nowrap}
    dt{margin-top:1rem;font-weight:600}dd{margin:.1rem 0 0;color:var(--soft)}
    dt:target,article:target{outline:2px solid var(--post);outline-offset:6px;border-radius:4px}
    .soft{color:var(--soft)}
    @media(max-width:40rem){td:first-child{white-space:normal}\
    pre{white-space:pre-wrap;overflow-wrap:anywhere}}
    """
}
