/// A requirement's id in brackets in a comment, alone or followed by words of the requirement in quotation marks.
struct Citation {
    let id: String
    let quote: String?
    let place: String
}

/// The citations of one file, and what looks like one and is none.
struct CitedFile {
    private(set) var citations: [Citation] = []
    /// Where an id stands in a comment without brackets of its own.
    private(set) var bare: [Citation] = []

    init(_ file: SourceFile) {
        var block = ""
        var start = 0
        var previous = -1
        for comment in file.comments {
            // A quotation may go on in the next line of the same comment.
            if comment.line != previous + 1 {
                read(block, place: "\(file.path):\(start)")
                block = ""
                start = comment.line
            }
            block += comment.text + " "
            previous = comment.line
        }
        read(block, place: "\(file.path):\(start)")
    }

    private mutating func read(_ block: String, place: String) {
        guard block.contains("SCP-") else { return }
        for match in block.matches(of: /\[(SCP-[A-Z]+-[0-9]+)\](?:\s+"([^"]*)")?/) {
            let quote = match.output.2.map { normalized(String($0)) }
            citations.append(Citation(id: String(match.output.1), quote: quote, place: place))
        }
        for match in block.matches(of: /(.?)(SCP-[A-Z]+-[0-9]+)(.?)/)
        where match.output.1 != "[" || match.output.3 != "]" {
            bare.append(Citation(id: String(match.output.2), quote: nil, place: place))
        }
    }
}
