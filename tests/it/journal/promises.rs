//! What each durability promises, on a disk that loses what a real one may lose.

use proptest::prelude::*;
use vajra::engine::journal::{Journal as _, Position};
use vajra::journal::log::{Durability, Settings};

use super::fixture::{SETTINGS, append, entry, log, open, read, segments, settle, up_to};
use vajra::journal::simulated::SimulatedDisk;

const SYNC: Settings = Settings { durability: Durability::Sync, ..SETTINGS };

#[test]
fn what_was_appended_is_read_in_order_and_goes_on_after_a_restart() {
    let disk = SimulatedDisk::default();
    let first = log(&disk);
    append(&first, 1..=3);
    drop(first);
    let (second, found) = open(&disk, SETTINGS).unwrap();
    assert_eq!((found.last, found.losses.len()), (Position(3), 0));
    assert_eq!(second.append(&entry(4)).unwrap(), Position(4));
    append(&second, 5..=5);

    // The system has it as soon as somebody reads.
    let sequences: Vec<u64> =
        second.read(Position(2)).unwrap().map(|read| read.unwrap().1.sequence()).collect();
    assert_eq!(sequences, [2, 3, 4, 5]);
    drop(second);
    assert_eq!(read(&disk), up_to(5));
}

#[test]
fn in_interval_a_kill_loses_nothing_that_was_answered() {
    let disk = SimulatedDisk::default();
    let log = log(&disk);
    append(&log, 1..=10);
    settle(&log).unwrap();
    append(&log, 11..=12);
    assert_eq!(read(&disk.after_kill()), up_to(10));
    assert_eq!(log.status().written, Position(10));
    // One call to the system for all of them, after that for the header.
    assert_eq!(disk.writes(), 2);
}

#[test]
fn in_interval_a_crash_loses_only_what_came_after_the_last_sync() {
    let disk = SimulatedDisk::default();
    let log = log(&disk);
    append(&log, 1..=10);
    log.sync().unwrap();
    append(&log, 11..=12);
    settle(&log).unwrap();
    assert_eq!(read(&disk.after_crash(|| false)), up_to(10));
    assert_eq!(read(&disk.after_crash(|| true)), up_to(12));
}

#[test]
fn in_sync_a_crash_loses_nothing_that_was_answered() {
    let disk = SimulatedDisk::default();
    let (log, _) = open(&disk, SYNC).unwrap();
    for round in 0..20 {
        append(&log, round * 5 + 1..=round * 5 + 5);
        settle(&log).unwrap();
        assert_eq!(read(&disk.after_crash(|| false)), up_to(round * 5 + 5));
    }
}

#[test]
fn many_who_wait_share_a_sync() {
    let disk = SimulatedDisk::default();
    let (log, _) = open(&disk, SYNC).unwrap();
    let before = disk.syncs();
    disk.hold_syncs(true);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (1..=64)
            .map(|sequence| {
                append(&log, sequence..=sequence);
                scope.spawn(|| settle(&log))
            })
            .collect();
        disk.hold_syncs(false);
        for waiting in waiting {
            waiting.join().unwrap().unwrap();
        }
    });
    // One may have begun before the others were appended.
    assert!(disk.syncs() - before <= 64 / 2, "{}", disk.syncs() - before);
    assert_eq!(read(&disk.after_crash(|| false)), up_to(64));
}

#[test]
fn a_full_segment_is_followed_by_another_and_gives_back_its_room() {
    let disk = SimulatedDisk::default();
    let log = log(&disk);
    for hundred in 0..20 {
        append(&log, hundred * 100 + 1..=hundred * 100 + 100);
        log.sync().unwrap();
    }
    let status = log.status();
    assert!(status.segments >= 5, "{status:?}");
    assert_eq!(segments(&disk).len(), status.segments);
    assert!(status.bytes < 20 * 100 * 300, "{status:?}");
    assert_eq!(read(&disk.after_crash(|| false)), up_to(2_000));
    assert_eq!(read(&disk), up_to(2_000));
}

#[test]
fn a_restart_without_an_entry_leaves_no_segment_behind() {
    let disk = SimulatedDisk::default();
    for _ in 0..5 {
        drop(log(&disk));
    }
    assert_eq!(segments(&disk).len(), 1);
    append(&log(&disk), 1..=1);
    for _ in 0..5 {
        drop(log(&disk));
    }
    assert_eq!(segments(&disk).len(), 2);
    assert_eq!(read(&disk), up_to(1));
}

#[derive(Clone, Debug)]
enum Op {
    Append(u64),
    Settle,
    Sync,
    FailSyncs(u32),
    ShortenWrites(bool),
    Fill(Option<u64>),
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1_u64..60).prop_map(Op::Append),
        6 => Just(Op::Settle),
        4 => Just(Op::Sync),
        1 => (1_u32..4).prop_map(Op::FailSyncs),
        1 => any::<bool>().prop_map(Op::ShortenWrites),
        1 => prop_oneof![Just(None), (0_u64..40_000).prop_map(Some)].prop_map(Op::Fill),
        1 => Just(Op::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever fails on the way, and wherever it ends: what is read is the beginning of what was
    /// appended, and everything is in it that was promised to be.
    #[test]
    fn no_accident_loses_what_was_promised(
        ops in prop::collection::vec(op(), 1..40),
        keeps in prop::collection::vec(any::<bool>(), 1..400),
    ) {
        let settings = Settings { segment_bytes: 8 * 1_024, held_bytes_max: 1 << 24, ..SETTINGS };
        let disk = SimulatedDisk::default();
        let mut log = Some(open(&disk, settings).unwrap().0);
        let (mut appended, mut settled, mut synced) = (0, 0, 0);
        for op in ops {
            let open_log = log.as_ref().unwrap();
            match op {
                Op::Append(count) => {
                    for _ in 0..count {
                        if open_log.append(&entry(appended + 1)).is_ok() {
                            appended += 1;
                        }
                    }
                }
                Op::Settle => {
                    if settle(open_log).is_ok() {
                        settled = appended;
                    }
                }
                Op::Sync => {
                    if open_log.sync().is_ok() {
                        (settled, synced) = (appended, appended);
                    }
                }
                Op::FailSyncs(count) => disk.fail_syncs(count),
                Op::ShortenWrites(shorten) => disk.shorten_writes(shorten),
                Op::Fill(room) => disk.set_room(room),
                Op::Restart => {
                    disk.set_room(None);
                    disk.fail_syncs(0);
                    drop(log.take());
                    log = Some(open(&disk, settings).unwrap().0);
                    (settled, synced) = (appended, appended);
                }
            }
        }
        let killed = read(&disk.after_kill());
        prop_assert_eq!(&killed, &up_to(killed.len() as u64));
        prop_assert!(killed.len() as u64 >= settled && killed.len() as u64 <= appended);

        let mut keeps = keeps.into_iter().cycle();
        let crashed = disk.after_crash(|| keeps.next().unwrap());
        let (log, found) = open(&crashed, settings).unwrap();
        prop_assert!(found.last.0 >= synced && found.last.0 <= appended, "{found:?} {synced}");
        append(&log, found.last.0 + 1..=found.last.0 + 3);
        drop(log);
        prop_assert_eq!(read(&crashed), up_to(found.last.0 + 3));
    }
}
