import Foundation

/// A drawing, made of a few shapes.
struct SVG {
    private var body: [String] = []
    let width: Int
    let height: Int

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ color: String) {
        body.append(
            "<rect x=\"\(short(x))\" y=\"\(short(y))\" width=\"\(short(width))\" height=\"\(short(height))\" "
                + "fill=\"\(color)\"/>")
    }

    mutating func line(_ points: [(x: Double, y: Double)], _ color: String, width: Double = 1) {
        let text = points.map { "\(short($0.x)),\(short($0.y))" }.joined(separator: " ")
        body.append("<polyline points=\"\(text)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"\(width)\"/>")
    }

    mutating func text(_ x: Double, _ y: Double, _ words: String, anchor: String = "start", size: Int = 12) {
        let escaped = words.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
        body.append(
            "<text x=\"\(short(x))\" y=\"\(short(y))\" font-size=\"\(size)\" "
                + "text-anchor=\"\(anchor)\">\(escaped)</text>")
    }

    var document: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" font-family="sans-serif">
        <rect width="100%" height="100%" fill="white"/>
        \(body.joined(separator: "\n"))
        </svg>

        """
    }
}

extension Results {
    /// Charts by the names of their files.
    var charts: [String: String] { ["targets": targetChart, "records": recordChart] }

    /// Every result that has a target: how far it got. Beyond the line it is met.
    private var targetChart: String {
        let rows = results.filter { $0.target != nil && ($0.target?.value ?? 0) > 0 && $0.value > 0 }
        var chart = SVG(width: 900, height: 70 + rows.count * 22)
        chart.text(10, 24, "Results against their targets (100 % and more: met)", size: 16)
        let (left, unit) = (430.0, 180.0)
        for (index, row) in rows.enumerated() {
            guard let target = row.target else { continue }
            let y = 44 + Double(index) * 22
            let share = target.direction == .atLeast ? row.value / target.value : target.value / row.value
            let color = share >= 1 ? "#2a7f4f" : "#b5532a"
            chart.text(left - 8, y + 13, row.name, anchor: "end")
            chart.rectangle(left, y, min(share, 1.6) * unit, 16, color)
            chart.text(left + min(share, 1.6) * unit + 6, y + 13, "\(short(row.value)) \(row.unit); \(target.text)")
        }
        let bottom = 44 + Double(rows.count) * 22
        chart.line([(left + unit, 36), (left + unit, bottom)], "#333333")
        return chart.document
    }

    /// Gigabytes a second by message size, of sealing, on logarithmic axes.
    private var recordChart: String {
        let curves = [
            ("engine seal", "#1f5fa8"), ("limit seal", "#7fb2e5"), ("engine open", "#2a7f4f"),
            ("limit open", "#8fd0aa"), ("engine both, with ACKs", "#6b4fa8"), ("TLS both", "#b5532a"),
        ]
        var chart = SVG(width: 900, height: 480)
        chart.text(10, 24, "Bytes of messages a second and core, in memory (GB/s; p10, best pass)", size: 16)
        let sizes = EngineGroups.sizes.map(Double.init)
        func x(_ size: Double) -> Double { 70 + 640 * log(size / sizes[0]) / log((sizes.last ?? 1) / sizes[0]) }
        func y(_ rate: Double) -> Double { 430 - 380 * (log10(rate) + 2) / 3 }
        for rate in [0.01, 0.1, 1, 10] {
            chart.line([(70, y(rate)), (710, y(rate))], "#dddddd")
            chart.text(62, y(rate) + 4, "\(rate)", anchor: "end")
        }
        // 1,400 would stand on top of 1K.
        for size in EngineGroups.sizes where size != 1_400 {
            chart.text(
                x(Double(size)), 450, size >= 1_024 && size % 1_024 == 0 ? "\(size / 1_024)K" : "\(size)",
                anchor: "middle")
        }
        for (index, curve) in curves.enumerated() {
            let points = EngineGroups.sizes.compactMap { size -> (x: Double, y: Double)? in
                guard
                    let figure = figures.first(where: { $0.group == "records \(size) B" && $0.name == curve.0 })
                else { return nil }
                return (x(Double(size)), y(Double(size) / figure.quiet))
            }
            chart.line(points, curve.1, width: 2)
            chart.rectangle(730, 60 + Double(index) * 22, 14, 14, curve.1)
            chart.text(750, 72 + Double(index) * 22, curve.0)
        }
        return chart.document
    }
}
