enum DocsPage { static func render() -> [UInt8] { [] } }
