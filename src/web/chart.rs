//! Bar charts, drawn by the server. The template shows the same numbers as a table behind each.

/// One bar: what was delivered, and on top what was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub label: String,
    pub delivered: u64,
    pub refused: u64,
    pub x: String,
    pub w: String,
    pub y1: String,
    pub h1: String,
    pub y2: String,
    pub h2: String,
}

/// A chart of stacked bars, in units of its own view box.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub title: String,
    pub bars: Vec<Bar>,
    /// The height of the tallest bar, in pushes.
    pub max: u64,
    pub width: u32,
    pub height: u32,
    pub empty: bool,
}

const WIDTH: u32 = 720;
const HEIGHT: u32 = 160;

impl Chart {
    /// From labels with their delivered and refused counts, oldest first.
    pub fn stacked(title: impl Into<String>, rows: impl IntoIterator<Item = (String, u64, u64)>) -> Self {
        let rows: Vec<_> = rows.into_iter().collect();
        let max = rows.iter().map(|(_, delivered, refused)| delivered + refused).max().unwrap_or(0);
        let step = f64::from(WIDTH) / rows.len().max(1) as f64;
        let tall = |count: u64| if max == 0 { 0.0 } else { count as f64 / max as f64 * f64::from(HEIGHT) };
        let bars = rows.into_iter().enumerate().map(|(index, (label, delivered, refused))| {
            let (h1, h2) = (tall(delivered), tall(refused));
            let y1 = f64::from(HEIGHT) - h1;
            Bar {
                label,
                delivered,
                refused,
                x: format!("{:.1}", index as f64 * step + step * 0.15),
                w: format!("{:.1}", step * 0.7),
                y1: format!("{y1:.1}"),
                h1: format!("{h1:.1}"),
                y2: format!("{:.1}", y1 - h2),
                h2: format!("{h2:.1}"),
            }
        });
        Self { title: title.into(), bars: bars.collect(), max, width: WIDTH, height: HEIGHT, empty: max == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tallest_bar_fills_the_height_and_parts_are_stacked() {
        let chart = Chart::stacked("t", [("a".to_owned(), 3, 1), ("b".to_owned(), 0, 0)]);
        let first = &chart.bars[0];
        assert_eq!((first.y1.as_str(), first.h1.as_str(), first.y2.as_str(), first.h2.as_str()), ("40.0", "120.0", "0.0", "40.0"));
        assert_eq!((chart.max, chart.empty), (4, false));
        assert!(Chart::stacked("t", []).empty);
    }
}
