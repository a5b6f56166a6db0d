//! Small drawings in SVG. Coordinates are whole numbers, so that equal reports give equal bytes.

use std::fmt::Write as _;

use crate::backtest::report::Week;

const HEIGHT: u64 = 160;
const WIDTH: u64 = 960;
const SPARK_HEIGHT: u64 = 24;
const SPARK_WIDTH: u64 = 160;

/// A bar a week: fraud stopped and let through upwards, good payments stopped downwards.
pub(super) fn weeks(weeks: &[Week]) -> String {
    let up_max = weeks.iter().map(|week| week.counts.true_positive + week.counts.false_negative);
    let down_max = weeks.iter().map(|week| week.counts.false_positive);
    let max = up_max.chain(down_max).max().unwrap_or_default().max(1);
    let step = scaled(1, length(weeks).max(1), WIDTH).max(1);
    let bar = step.saturating_sub(2).max(1);
    let mut svg = format!(
        "<svg class=\"weeks\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"fraud and good payments by week\">\n",
        width = (step * length(weeks)).max(1),
        height = 2 * HEIGHT,
    );
    let mut left = 0;
    for week in weeks {
        let counts = &week.counts;
        let caught = scaled(counts.true_positive, max, HEIGHT);
        let missed = scaled(counts.true_positive + counts.false_negative, max, HEIGHT) - caught;
        let good = scaled(counts.false_positive, max, HEIGHT);
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            svg,
            "<g><title>{}: fraud {} stopped, {} let through; {} good stopped</title>\
             <rect class=\"caught\" x=\"{left}\" y=\"{}\" width=\"{bar}\" height=\"{caught}\"/>\
             <rect class=\"missed\" x=\"{left}\" y=\"{}\" width=\"{bar}\" height=\"{missed}\"/>\
             <rect class=\"good\" x=\"{left}\" y=\"{HEIGHT}\" width=\"{bar}\" height=\"{good}\"/></g>",
            week.start,
            counts.true_positive,
            counts.false_negative,
            counts.false_positive,
            HEIGHT - caught,
            HEIGHT - caught - missed,
        );
        left += step;
    }
    let _ = writeln!(svg, "<line x1=\"0\" x2=\"{left}\" y1=\"{HEIGHT}\" y2=\"{HEIGHT}\"/>\n</svg>");
    svg
}

/// A small line of counts.
pub(super) fn spark(counts: &[u64]) -> String {
    let max = counts.iter().copied().max().unwrap_or_default();
    if max == 0 || counts.len() < 2 {
        return String::new();
    }
    let last = length(counts) - 1;
    let mut points = String::new();
    for (place, count) in (0_u64..).zip(counts) {
        let x = scaled(place, last, SPARK_WIDTH);
        let y = SPARK_HEIGHT - scaled(*count, max, SPARK_HEIGHT);
        let _ = write!(points, "{x},{y} ");
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {SPARK_WIDTH} {SPARK_HEIGHT}\" role=\"img\" \
         aria-label=\"hits by week, at most {max}\"><polyline points=\"{}\"/></svg>",
        points.trim_end()
    )
}

#[expect(clippy::integer_division, reason = "a whole number of units is what is drawn")]
fn scaled(count: u64, max: u64, to: u64) -> u64 {
    count * to / max
}

fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}
