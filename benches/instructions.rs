//! How many instructions the hot paths take, counted by callgrind and held against a committed baseline.
//!
//! A count is the same on a busy machine as on an idle one, so that it can refuse a change that a clock
//! could not. The seeds of hash tables are drawn anew in each process and move it by less than a
//! thousandth part; another compiler or C library may move it by more, and the baseline is then renewed.
//!
//! * Without arguments it counts all scenarios and fails when one takes 3 % more or less than the
//!   baseline says: less is no failure of the code, but an old baseline would hide the next regression.
//! * `-- --renew` writes the baseline.
//! * `-- --test` runs each scenario once and counts nothing.
//!
//! The program runs itself under valgrind, which must be installed.
#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::inconsistent_digit_grouping,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops when something is wrong; amounts are in minor units"
)]

#[path = "instructions/baseline.rs"]
mod baseline;
#[path = "instructions/scenario.rs"]
mod scenario;
#[path = "peers/vajra_side.rs"]
mod vajra_side;
#[path = "peers/workload.rs"]
mod workload;

use std::process::Command;

use baseline::{Count, Verdict};
use scenario::{SCENARIOS, Scenario};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if let [role, name] = arguments.as_slice()
        && role == "run"
    {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
        run(scenario.expect("a scenario has that name"));
    } else if has("--test") {
        SCENARIOS.iter().for_each(run);
    } else {
        let counts = SCENARIOS.iter().map(count).collect::<Vec<_>>();
        if has("--renew") {
            baseline::write(&counts);
        } else if !agree(&counts) {
            std::process::exit(1);
        }
    }
}

/// Prepares a scenario and does what is counted of it.
fn run(scenario: &Scenario) {
    let mut work = (scenario.prepare)();
    measured(&mut *work);
}

/// What callgrind counts is what happens in here.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}

/// Counts a scenario in a process of its own.
fn count(scenario: &Scenario) -> Count {
    let directory = tempfile::tempdir().expect("a place for what callgrind writes");
    let out = directory.path().join("callgrind.out");
    let program = std::env::current_exe().expect("it runs");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=instructions::measured"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["run", scenario.name])
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let written = std::fs::read_to_string(out).expect("callgrind wrote its file");
    let total = written
        .lines()
        .find_map(|line| line.strip_prefix("summary: "))
        .and_then(|total| total.trim().parse::<u64>().ok())
        .expect("callgrind says how many there were");
    assert!(total > 0, "callgrind found nothing to count");
    let instructions = total as f64 / f64::from(scenario.times);
    println!("{:<32} {instructions:>12.1} instructions", scenario.name);
    Count { name: scenario.name.to_owned(), instructions }
}

/// Says how each count stands to the baseline; false when one is not within it.
fn agree(counts: &[Count]) -> bool {
    let mut all = true;
    for (count, verdict) in counts.iter().zip(baseline::compare(counts)) {
        match verdict {
            Verdict::Within(share) => println!("{:<32} {share:>+8.2} %", count.name),
            Verdict::Slower(share) => {
                println!("{:<32} {share:>+8.2} %: slower than the baseline allows", count.name);
                all = false;
            }
            Verdict::Faster(share) => {
                println!("{:<32} {share:>+8.2} %: faster, so renew the baseline", count.name);
                all = false;
            }
            Verdict::New => {
                println!("{:<32} has no baseline: renew it", count.name);
                all = false;
            }
        }
    }
    if !all {
        println!(
            "renew it with `cargo bench --bench instructions -- --renew`, and say why in the commit"
        );
    }
    all
}
