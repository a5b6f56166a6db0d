//! Disks that fill up, fail and stall: what is answered meanwhile, and that it ends by itself.

use vajra::engine::journal::{Journal as _, Position};
use vajra::journal::log::{OnFailure, Settings, Settled};
use vajra::journal::segments::Retention;
use vajra::journal::simulated::SimulatedDisk;
use vajra::model::time::{Span, Timestamp};

use super::fixture::{SETTINGS, append, entry, log, open, read, segments, settle, up_to};

#[test]
fn a_full_disk_is_refused_and_forgotten_once_there_is_room() {
    let disk = SimulatedDisk::default();
    let log = log(&disk);
    append(&log, 1..=10);
    log.sync().unwrap();
    disk.set_room(Some(500));
    append(&log, 11..=20);

    let refused = settle(&log).unwrap_err();
    assert!(refused.contains("it cannot be written"), "{refused}");
    let refused = log.append(&entry(21)).unwrap_err().to_string();
    assert!(refused.starts_with("the journal is unavailable: it cannot be written"), "{refused}");
    assert!(log.sync().is_err());
    assert!(log.status().failure.is_some());

    // What was taken before is kept, and written once there is room.
    disk.set_room(None);
    log.sync().unwrap();
    assert!(log.status().failure.is_none());
    append(&log, 21..=25);
    assert_eq!(settle(&log), Ok(Settled::Kept));
    assert_eq!(read(&disk.after_kill()), up_to(25));
}

#[test]
fn it_can_be_said_that_a_full_disk_is_answered_over_while_there_is_room_in_memory() {
    let settings = Settings { on_failure: OnFailure::Answer, held_bytes_max: 20_000, ..SETTINGS };
    let disk = SimulatedDisk::default();
    let (log, _) = open(&disk, settings).unwrap();
    disk.set_room(Some(0));
    append(&log, 1..=5);
    assert_eq!(settle(&log), Ok(Settled::Degraded));
    append(&log, 6..=10);
    assert_eq!(settle(&log), Ok(Settled::Degraded));

    let mut next = 11;
    while log.append(&entry(next)).is_ok() {
        next += 1;
    }
    assert!(next > 50 && log.status().held_bytes <= 20_000, "{next}");
    let refused = log.append(&entry(next)).unwrap_err().to_string();
    assert!(refused.ends_with("the disk is behind by 20000 bytes"), "{refused}");

    disk.set_room(None);
    log.sync().unwrap();
    assert_eq!(settle(&log), Ok(Settled::Kept));
    append(&log, next..=next);
    log.sync().unwrap();
    assert_eq!(read(&disk.after_crash(|| false)), up_to(next));
}

#[test]
fn after_a_failed_sync_what_it_was_to_bring_is_written_anew() {
    for failures in 1..4 {
        let disk = SimulatedDisk::default();
        let log = log(&disk);
        append(&log, 1..=10);
        log.sync().unwrap();
        append(&log, 11..=20);
        settle(&log).unwrap();
        disk.fail_syncs(failures);
        append(&log, 21..=22);
        while log.sync().is_err() {}

        // The next sync of the old file would have come back well, and have kept nothing.
        assert_eq!(read(&disk.after_crash(|| false)), up_to(22));
        assert_eq!(segments(&disk).len(), 2);
        assert_eq!(segments(&disk)[1], "00000000000000000011.log");
        append(&log, 23..=30);
        log.sync().unwrap();
        assert_eq!(read(&disk.after_crash(|| false)), up_to(30));
        assert!(log.status().failures >= 1);
    }
}

#[test]
fn a_sync_that_stalls_holds_up_no_one_in_interval() {
    let disk = SimulatedDisk::default();
    let log = log(&disk);
    disk.hold_syncs(true);
    append(&log, 1..=10);
    std::thread::scope(|scope| {
        let syncing = scope.spawn(|| log.sync());
        for sequence in 11..=50 {
            append(&log, sequence..=sequence);
            settle(&log).unwrap();
        }
        assert_eq!(read(&disk.after_kill()), up_to(50));
        assert_eq!(log.status().synced, Position(0));
        disk.hold_syncs(false);
        syncing.join().unwrap().ok();
    });
    log.sync().unwrap();
    assert_eq!(log.status().synced, Position(50));
}

#[test]
fn segments_are_given_up_by_age_and_size_but_not_before_they_are_held_elsewhere() {
    let disk = SimulatedDisk::default();
    let log = log(&disk);
    for first in (1..=2_000).step_by(100) {
        append(&log, first..=first + 99);
        log.sync().unwrap();
    }
    let listed = log.with_segments(|segments, _| segments.list());
    let give_up = |retention, floor, now| {
        log.with_segments(|segments, disk| segments.give_up(disk, retention, floor, now).unwrap())
    };
    let (all, late) = (Position(2_000), Timestamp::from_secs(2_000));
    let none = Retention { age: None, bytes: None };
    assert_eq!(give_up(none, all, late), []);
    let old = Retention { age: Some(Span::from_secs(2_000)), bytes: None };
    assert_eq!(give_up(old, all, late), []);
    let much = Retention { age: None, bytes: Some(0) };
    assert_eq!(give_up(much, Position(listed[0].last.0 - 1), late), []);

    // The age of a segment is that of its latest entry; the time of an entry is its number here.
    let age = 2_000 - listed[1].last.0.cast_signed() - 1;
    let old = Retention { age: Some(Span::from_secs(age)), bytes: None };
    assert_eq!(give_up(old, all, late), listed[..2]);
    let bytes = listed[3..].iter().map(|segment| segment.bytes).sum();
    assert_eq!(give_up(Retention { age: None, bytes: Some(bytes) }, all, late), listed[2..3]);
    assert_eq!(read(&disk), (listed[3].first.0..=2_000).collect::<Vec<_>>());
    drop(log);
    // The same is known after a restart.
    let (log, _) = open(&disk, SETTINGS).unwrap();
    let again = log.with_segments(|segments, _| segments.list());
    assert_eq!(again[..listed.len() - 3], listed[3..]);
}
