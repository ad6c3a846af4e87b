//! Charts as SVG: lines on logarithmic axes in small panels, and calls as bars on a time axis.

use std::fmt::Write;

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 34.0;
const GAP: f64 = 56.0;
/// Readable on white and on black.
const INK: &str = "#6e7781";
const LINE: &str = "#2f81f7";

/// One quantity over the same horizontal axis.
pub(crate) struct Panel {
    pub title: &'static str,
    pub points: Vec<(f64, f64)>,
    /// How a value is written.
    pub show: fn(f64) -> String,
    /// A bound to draw, and its name.
    pub bound: Option<(f64, &'static str)>,
}

/// Panels, two in a row.
pub(crate) fn panels(x_title: &str, panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(2) as f64;
    let (width, height) = (2.0 * (LEFT + WIDTH) + 40.0, rows * (TOP + HEIGHT + GAP));
    let mut svg = open(width, height);
    for (n, panel) in panels.iter().enumerate() {
        let (x, y) = ((n % 2) as f64 * (LEFT + WIDTH + 10.0), (n / 2) as f64 * (TOP + HEIGHT + GAP));
        draw(&mut svg, panel, x_title, x + LEFT, y + TOP);
    }
    svg + "</svg>\n"
}

fn open(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"{INK}\">\n"
    )
}

fn draw(svg: &mut String, panel: &Panel, x_title: &str, left: f64, top: f64) {
    let xs = Axis::over(panel.points.iter().map(|p| p.0));
    let ys = Axis::over(panel.points.iter().map(|p| p.1).chain(panel.bound.map(|b| b.0)));
    let at = |(x, y): (f64, f64)| (left + xs.place(x) * WIDTH, top + HEIGHT - ys.place(y) * HEIGHT);
    let _ = writeln!(svg, "<text x=\"{left:.0}\" y=\"{:.0}\" font-weight=\"600\">{}</text>", top - 14.0, panel.title);
    for y in ys.decades() {
        let (_, py) = at((xs.low(), y));
        let _ = writeln!(
            svg,
            "<path d=\"M{left:.0} {py:.1}h{WIDTH:.0}\" stroke=\"{INK}\" stroke-opacity=\".25\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            py + 4.0,
            (panel.show)(y)
        );
    }
    for x in xs.decades() {
        let (px, _) = at((x, ys.low()));
        let bottom = top + HEIGHT + 16.0;
        let _ = writeln!(svg, "<text x=\"{px:.1}\" y=\"{bottom:.0}\" text-anchor=\"middle\">{}</text>", thousands(x));
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{x_title}</text>",
        left + WIDTH / 2.0,
        top + HEIGHT + 32.0
    );
    if let Some((bound, name)) = panel.bound {
        let (_, y) = at((xs.low(), bound));
        let _ = writeln!(
            svg,
            "<path d=\"M{left:.0} {y:.1}h{WIDTH:.0}\" stroke=\"#d29922\" stroke-dasharray=\"5 4\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#d29922\">{name}</text>",
            left + WIDTH,
            y - 4.0
        );
    }
    line(svg, panel, at);
}

fn line(svg: &mut String, panel: &Panel, at: impl Fn((f64, f64)) -> (f64, f64)) {
    let path: Vec<String> = panel.points.iter().map(|p| at(*p)).map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    let _ = writeln!(svg, "<path d=\"M{}\" fill=\"none\" stroke=\"{LINE}\" stroke-width=\"2\"/>", path.join("L"));
    for (n, point) in panel.points.iter().enumerate() {
        let (x, y) = at(*point);
        let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{LINE}\"/>");
        let anchor = if n + 1 == panel.points.len() { "end" } else { "middle" };
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"{LINE}\">{}</text>",
            y - 7.0,
            (panel.show)(point.1)
        );
    }
}

/// A logarithmic axis from one power of ten to another.
struct Axis {
    from: i32,
    to: i32,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let (mut from, mut to) = (i32::MAX, i32::MIN);
        for v in values.filter(|v| *v > 0.0) {
            from = from.min(v.log10().floor() as i32);
            to = to.max(v.log10().ceil() as i32);
        }
        if from > to { Self { from: 0, to: 1 } } else { Self { from, to: to.max(from + 1) } }
    }

    fn place(&self, value: f64) -> f64 {
        (value.max(1e-12).log10() - f64::from(self.from)) / f64::from(self.to - self.from)
    }

    fn low(&self) -> f64 {
        10f64.powi(self.from)
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        (self.from..=self.to).map(|e| 10f64.powi(e))
    }
}

pub(crate) fn thousands(n: f64) -> String {
    let digits = format!("{n:.0}");
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(c);
    }
    text
}

/// One call on a time axis, milliseconds.
pub(crate) struct Bar {
    pub name: String,
    pub from: f64,
    pub to: f64,
    /// On the longest chain.
    pub chain: bool,
}

/// Calls below each other, from the start of the process to its end.
pub(crate) fn bars(bars: &[Bar], end: f64) -> String {
    let (left, row, width) = (210.0, 18.0, 520.0);
    let height = bars.len() as f64 * row + 40.0;
    let mut svg = open(left + width + 60.0, height);
    let x = |ms: f64| left + ms / end * width;
    let step =
        [5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 250.0, 500.0].into_iter().find(|s| end / s <= 10.0).unwrap_or(1000.0);
    let mut tick = 0.0;
    while tick <= end {
        let _ = writeln!(
            svg,
            "<path d=\"M{0:.1} 6v{1:.0}\" stroke=\"{INK}\" stroke-opacity=\".25\"/>\
             <text x=\"{0:.1}\" y=\"{2:.0}\" text-anchor=\"middle\">{tick:.0} ms</text>",
            x(tick),
            height - 30.0,
            height - 8.0
        );
        tick += step;
    }
    for (n, bar) in bars.iter().enumerate() {
        let y = 8.0 + n as f64 * row;
        let color = if bar.chain { "#d29922" } else { LINE };
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"12\" rx=\"2\" fill=\"{color}\"/>",
            left - 8.0,
            y + 10.0,
            bar.name,
            x(bar.from),
            (x(bar.to) - x(bar.from)).max(1.5)
        );
    }
    svg + "</svg>\n"
}
