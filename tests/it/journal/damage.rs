//! Damage: what is told of it, and what is lost when it is said that losses are accepted.

use vajra::engine::journal::{Journal as _, Position};
use vajra::journal::damage::{Damage, Loss};
use vajra::journal::log::Settings;
use vajra::journal::reader::Range;
use vajra::journal::simulated::SimulatedDisk;

use super::fixture::{SETTINGS, append, entry, log, open, read, read_range, segments, up_to};

const LENIENT: Range = Range { accepts_loss: true, ..Range::ALL };

/// A disk with several segments, all of it synced.
fn disk_of(entries: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let log = log(&disk);
    for first in (1..=entries).step_by(100) {
        append(&log, first..=(first + 99).min(entries));
        log.sync().unwrap();
    }
    drop(log);
    disk
}

/// Where the record of an entry begins in the file that has it.
fn place_of(disk: &SimulatedDisk, sequence: u64) -> (String, usize) {
    let mark = format!("e{sequence}");
    for name in segments(disk) {
        let mut found = None;
        disk.tamper(&name, |bytes| {
            found = bytes.windows(mark.len()).position(|window| window == mark.as_bytes());
        });
        if let Some(at) = found {
            // The frame, the kind, the sequence, the time, the event's name, and the id's length.
            let mut start = at;
            disk.tamper(&name, |bytes| {
                start = (0..at)
                    .rev()
                    .find(|from| bytes[from + 8..from + 16] == sequence.to_le_bytes())
                    .unwrap();
            });
            return (name, start);
        }
    }
    panic!("no entry {sequence}")
}

fn told(damage: Option<Damage>) -> String {
    damage.map(|damage| damage.to_string()).unwrap_or_default()
}

#[test]
fn a_flipped_bit_is_told_with_its_place_and_what_comes_after_can_be_had() {
    for bit in 0..8 {
        let disk = disk_of(50);
        let (name, offset) = place_of(&disk, 20);
        disk.tamper(&name, |bytes| bytes[offset + bit * 7] ^= 1 << bit);

        let (sequences, _, damage) = read_range(&disk, Range::ALL);
        assert_eq!(sequences, up_to(19));
        let bytes = {
            let (_, next) = place_of(&disk, 21);
            next - offset
        };
        assert_eq!(
            told(damage),
            format!(
                "`{name}` is damaged at byte {offset}, where position 20 begins: {bytes} bytes are \
                 of no use, the next whole entry is at position 21"
            )
        );
        let (sequences, losses, damage) = read_range(&disk, LENIENT);
        assert_eq!(sequences, (1..=50).filter(|one| *one != 20).collect::<Vec<_>>());
        assert!(matches!(losses[..], [Loss::Corrupt(_)]) && damage.is_none());

        // What the last segment says of itself is looked at before anything is written after it.
        let refused = open(&disk, SETTINGS).unwrap_err();
        assert!(matches!(refused, Damage::Corrupt(_)), "{refused}");
        let lenient = Settings { accepts_loss: true, ..SETTINGS };
        let (log, found) = open(&disk, lenient).unwrap();
        assert_eq!((found.last, found.losses.len()), (Position(50), 1));
        assert_eq!(log.append(&entry(51)).unwrap(), Position(51));
    }
}

#[test]
fn an_end_that_was_being_written_is_cut_off_and_told() {
    let disk = SimulatedDisk::default();
    let log = log(&disk);
    append(&log, 1..=30);
    log.sync().unwrap();
    append(&log, 31..=40);
    log.read(Position(1)).unwrap();
    let killed = disk.after_kill();
    let (name, offset) = place_of(&killed, 36);
    killed.tamper(&name, |bytes| bytes.truncate(offset + 100));

    let (log, found) = open(&killed, SETTINGS).unwrap();
    assert_eq!(found.last, Position(35));
    let told: Vec<_> = found.losses.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [format!(
            "`{name}` was being written when it ended: 100 bytes from byte {offset} on are cut \
             off, the entries from position 36 to 36 were not on the disk"
        )]
    );
    append(&log, 36..=37);
    drop(log);
    assert_eq!(read(&killed), up_to(37));
}

#[test]
fn a_missing_segment_is_told_with_what_it_had() {
    use vajra::journal::disk::Disk as _;
    let disk = disk_of(2_000);
    let names = segments(&disk);
    disk.remove(&names[2]).unwrap();

    let first: u64 = names[2].trim_end_matches(".log").parse().unwrap();
    let next: u64 = names[3].trim_end_matches(".log").parse().unwrap();
    let (sequences, _, damage) = read_range(&disk, Range::ALL);
    assert_eq!(sequences, up_to(first - 1));
    let last = next - 1;
    assert_eq!(
        told(damage),
        format!("the entries from position {first} to {last} are missing before `{}`", names[3])
    );
    let (sequences, losses, damage) = read_range(&disk, LENIENT);
    assert_eq!(sequences.len() as u64, 2_000 - (next - first));
    let lost = [Loss::Missing { first: Position(first), last: Position(last) }];
    assert!(losses == lost && damage.is_none(), "{losses:?}");
}

#[test]
fn the_first_entries_are_not_missed_by_one_who_begins_later() {
    use vajra::journal::disk::Disk as _;
    let disk = disk_of(2_000);
    let names = segments(&disk);
    disk.remove(&names[0]).unwrap();
    let begins: u64 = names[1].trim_end_matches(".log").parse().unwrap();

    assert_eq!(read(&disk), (begins..=2_000).collect::<Vec<_>>());
    let from = |from| read_range(&disk, Range { from: Position(from), ..Range::ALL });
    assert_eq!(from(1_500).0, (1_500..=2_000).collect::<Vec<_>>());
    let (sequences, _, damage) = from(begins - 1);
    assert!(sequences.is_empty());
    let asked = begins - 1;
    assert_eq!(
        told(damage),
        format!("the journal begins at position {begins}, entries from {asked} on were asked for")
    );
    assert_eq!(from(5_000).0, Vec::<u64>::new());
}

#[test]
fn files_that_are_not_ours_are_told_apart() {
    let told_of = |change: &dyn Fn(&mut Vec<u8>)| {
        let disk = disk_of(10);
        disk.tamper("00000000000000000001.log", |bytes| change(bytes));
        told(Some(open(&disk, SETTINGS).unwrap_err()))
    };
    let name = "`00000000000000000001.log`";
    let foreign = told_of(&|bytes| bytes[..8].copy_from_slice(b"SQLite f"));
    assert_eq!(foreign, format!("{name} is no segment of this journal: it begins otherwise"));
    let newer = told_of(&|bytes| bytes[8] = 2);
    assert_eq!(
        newer,
        format!(
            "{name} has the version 2 of the format, 1 is known here: it was written by a later \
             version"
        )
    );
    let damaged = told_of(&|bytes| bytes[40] ^= 1);
    assert!(damaged.starts_with(&format!("{name} is damaged at byte 0")), "{damaged}");

    // A segment of another journal, and one under another name.
    use vajra::journal::disk::Disk as _;
    let disk = disk_of(10);
    disk.rename("00000000000000000001.log", "00000000000000000003.log").unwrap();
    let (_, _, damage) = read_range(&disk, Range::ALL);
    assert!(told(damage).ends_with("is no segment of this journal: it was renamed"));
}

#[test]
fn one_process_at_a_time_has_a_directory() {
    let disk = SimulatedDisk::default();
    let log = log(&disk);
    let told = open(&disk, SETTINGS).unwrap_err().to_string();
    assert_eq!(told, "the directory is in use by another process");
    drop(log);
    open(&disk, SETTINGS).unwrap();
}
