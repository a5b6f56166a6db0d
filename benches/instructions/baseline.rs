//! The committed counts: a name and a number a line.

use std::fmt::Write as _;

/// How far a count may be from the baseline, in percent.
const TOLERANCE: f64 = 3.0;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/baseline.txt");

/// What one time of a scenario takes.
pub(crate) struct Count {
    pub(crate) name: String,
    pub(crate) instructions: f64,
}

/// How a count stands to the baseline, with the difference in percent.
pub(crate) enum Verdict {
    Within(f64),
    Slower(f64),
    Faster(f64),
    New,
}

/// How each count stands.
pub(crate) fn compare(counts: &[Count]) -> Vec<Verdict> {
    let baseline = std::fs::read_to_string(PATH).unwrap_or_default();
    let known = |name: &str| {
        baseline.lines().find_map(|line| {
            let (known, instructions) = line.split_once(' ')?;
            (known == name).then(|| instructions.trim().parse::<f64>().ok())?
        })
    };
    let verdict = |count: &Count| match known(&count.name) {
        None => Verdict::New,
        Some(before) => match (count.instructions / before - 1.0) * 100.0 {
            share if share > TOLERANCE => Verdict::Slower(share),
            share if share < -TOLERANCE => Verdict::Faster(share),
            share => Verdict::Within(share),
        },
    };
    counts.iter().map(verdict).collect()
}

/// Makes these counts the baseline.
pub(crate) fn write(counts: &[Count]) {
    let mut text = String::new();
    for count in counts {
        writeln!(text, "{} {:.1}", count.name, count.instructions).expect("a string takes all");
    }
    std::fs::write(PATH, text).expect("the baseline can be written");
}
