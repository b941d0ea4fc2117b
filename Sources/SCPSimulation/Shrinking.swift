/// The shortest script that still fails, or near enough: pieces are left out, large ones first, as long as what remains
/// fails (delta debugging, Zeller 1999). The script of a failing seed becomes one that a person can read.
///
/// - Parameters:
///   - script: the steps, which fail as they are.
///   - fails: runs a script from the start and says whether it still fails. It is called up to
///     O(n log n) times for most scripts.
public func shrink<Step>(_ script: [Step], while fails: ([Step]) throws -> Bool) rethrows -> [Step] {
    var script = script
    var size = max(1, script.count / 2)
    while true {
        var start = 0
        var isShorter = false
        while start < script.count {
            let shorter = Array(script[..<start] + script[min(script.count, start + size)...])
            if try fails(shorter) {
                script = shorter
                isShorter = true
            } else {
                start += size
            }
        }
        if size == 1, !isShorter { return script }
        if !isShorter { size = max(1, size / 2) }
    }
}
