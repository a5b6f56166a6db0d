//! The figures of a run as one table, after all that criterion says of each.

use std::time::Duration;

/// How many samples are taken of an engine, after those that warm it up.
pub(crate) const SAMPLES: usize = 30;

/// The medians of a run.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

struct Row {
    group: String,
    id: &'static str,
    nanos: f64,
}

impl Table {
    /// Adds an engine by the samples that were taken of it: how often it decided, and in what time.
    pub(crate) fn add(&mut self, group: &str, id: &'static str, samples: &[(u64, Duration)]) {
        // A run that only tests takes one.
        let Some(first) = samples.len().checked_sub(SAMPLES) else { return };
        let mut nanos: Vec<f64> = samples[first..]
            .iter()
            .map(|(count, spent)| {
                spent.as_secs_f64() * 1e9 / f64::from(u32::try_from(*count).unwrap())
            })
            .collect();
        nanos.sort_unstable_by(f64::total_cmp);
        self.0.push(Row { group: group.to_owned(), id, nanos: nanos[SAMPLES / 2] });
    }

    /// Prints all of it: what a decision takes, as a multiple of the yardstick and of Vajra.
    pub(crate) fn print(&self) {
        for group in self.0.chunk_by(|row, next| row.group == next.group) {
            println!("\n{:<24} {:>12} {:>10} {:>9}", group[0].group, "CPU", "× native", "× vajra");
            let of = |id| group.iter().find(|row| row.id == id).map(|row| row.nanos);
            for row in group {
                let times = |other: Option<f64>, decimals| {
                    other
                        .map_or("-".to_owned(), |other| format!("{:.decimals$}", row.nanos / other))
                };
                let (native, vajra) = (times(of("native"), 2), times(of("vajra"), 1));
                println!("{:<24} {:>9.3} µs {native:>10} {vajra:>9}", row.id, row.nanos / 1e3);
            }
        }
    }
}
