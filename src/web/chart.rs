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

/// One bar of a [`Measured`] chart.
#[derive(Clone, Debug, PartialEq)]
pub struct One {
    pub label: String,
    pub amount: u64,
    /// It reaches the threshold.
    pub over: bool,
    pub x: String,
    pub w: String,
    pub y: String,
    pub h: String,
}

/// A chart of one kind of number, with the line that it should stay below.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    pub title: String,
    /// What is counted, such as `pushes`.
    pub unit: String,
    pub bars: Vec<One>,
    pub max: u64,
    pub threshold: Option<u64>,
    /// The height of the threshold's line.
    pub line: Option<String>,
    pub width: u32,
    pub height: u32,
    pub empty: bool,
}

/// The height of a chart that stands among others.
const SMALL: u32 = 80;

impl Measured {
    /// From labels with their numbers, oldest first.
    pub fn new(
        title: impl Into<String>,
        unit: impl Into<String>,
        threshold: Option<u64>,
        rows: impl IntoIterator<Item = (String, u64)>,
    ) -> Self {
        let rows: Vec<_> = rows.into_iter().collect();
        let max = rows.iter().map(|(_, amount)| *amount).max().unwrap_or(0);
        let top = max.max(threshold.unwrap_or(0)).max(1);
        let step = f64::from(WIDTH) / rows.len().max(1) as f64;
        let tall = |count: u64| count as f64 / top as f64 * f64::from(SMALL);
        let bars = rows.into_iter().enumerate().map(|(index, (label, amount))| One {
            label,
            amount,
            over: threshold.is_some_and(|threshold| threshold > 0 && amount >= threshold),
            x: format!("{:.1}", index as f64 * step + step * 0.15),
            w: format!("{:.1}", step * 0.7),
            y: format!("{:.1}", f64::from(SMALL) - tall(amount)),
            h: format!("{:.1}", tall(amount)),
        });
        let line = threshold.filter(|threshold| *threshold > 0).map(|threshold| format!("{:.1}", f64::from(SMALL) - tall(threshold)));
        let (title, unit) = (title.into(), unit.into());
        Self { title, unit, bars: bars.collect(), max, threshold, line, width: WIDTH, height: SMALL, empty: max == 0 }
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
    #[test]
    fn a_threshold_is_a_line_at_its_height_and_bars_that_reach_it_stand_out() {
        let chart = Measured::new("t", "pushes", Some(50), [("a".to_owned(), 100), ("b".to_owned(), 49)]);
        assert_eq!((chart.line.as_deref(), chart.max), (Some("40.0"), 100));
        assert_eq!(chart.bars.iter().map(|bar| (bar.over, bar.h.as_str())).collect::<Vec<_>>(), [(true, "80.0"), (false, "39.2")]);
        // Far below, the line is the top.
        let low = Measured::new("t", "pushes", Some(1_000), [("a".to_owned(), 1)]);
        assert_eq!((low.line.as_deref(), low.bars[0].over), (Some("0.0"), false));
        assert!(Measured::new("t", "pushes", Some(5), []).empty && Measured::new("t", "pushes", None, []).line.is_none());
    }
}
