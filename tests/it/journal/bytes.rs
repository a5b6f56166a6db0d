//! The bytes of an entry: what is read is what was written, and nothing else is taken for one.

use proptest::prelude::*;
use vajra::engine::journal::Entry;
use vajra::list::{ChangeKind, ListChange};
use vajra::model::codec::{Codec, Context, FieldCodes, Input, Malformed};
use vajra::model::field::{Field, Fields};
use vajra::model::packed::Packed;
use vajra::model::time::Timestamp;
use vajra::model::value::Value;

use super::entries::{entry, features};

fn bytes(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    entry.encode(&mut bytes);
    bytes
}

fn read<T: Codec>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut context = Context::own();
    context.add_features(features());
    read_with(bytes, &mut context)
}

fn read_with<T: Codec>(bytes: &[u8], context: &mut Context) -> Result<T, Malformed> {
    let mut input = Input::new(bytes, context);
    let read = T::decode(&mut input)?;
    input.end()?;
    Ok(read)
}

proptest! {
    #[test]
    fn every_entry_comes_back_as_it_was(entry in entry()) {
        prop_assert_eq!(read(&bytes(&entry)), Ok(entry));
    }

    #[test]
    fn an_entry_that_is_cut_off_is_none(entry in entry(), cut in any::<prop::sample::Index>()) {
        let mut bytes = bytes(&entry);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(read::<Entry>(&bytes).is_err());
    }

    #[test]
    fn whatever_the_bytes_reading_ends(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _either = read::<Entry>(&bytes);
    }
}

#[test]
fn a_number_that_only_a_later_version_knows_is_told() {
    let sequence = 7;
    let kind = ChangeKind::Remove { reason: None };
    let change = ListChange { list: "l".into(), value: "v".into(), kind };
    let entry = Entry::List { sequence, at: Timestamp::EPOCH, change };
    let mut later = bytes(&entry);
    let end = later.pop();
    later.extend([99, 1]);
    later.extend(end);

    let told = read::<Entry>(&later).unwrap_err().to_string();
    assert_eq!(told, "`Entry` has the number 99, which only a later version knows");
    let told = read::<Entry>(&[77, 0]).unwrap_err().to_string();
    assert_eq!(told, "`Entry` has the number 77, which only a later version knows");
}

#[test]
fn fields_that_were_packed_by_another_build_keep_their_meaning() {
    let mut fields = Fields::new();
    fields.set(Field::Id, Value::Text("p".into()));
    fields.set(Field::CardToken, Value::Text("c".into()));
    fields.set_attribute("plan".into(), Value::Int(3));
    let mut written = Vec::new();
    Packed::new(&fields, &[]).encode(&mut written);

    // A build that knew the fields in the opposite order.
    let paths: Vec<&str> = Field::ALL.iter().rev().map(|field| field.path()).collect();
    let codes = FieldCodes::of_paths(paths.iter().copied()).unwrap();
    let mut context = Context::own();
    context.fields = codes;
    let read: Packed = read_with(&written, &mut context).unwrap();

    let opposite = |field: Field| Field::ALL[Field::ALL.len() - 1 - field as usize];
    let mut expected = Fields::new();
    expected.set(opposite(Field::Id), Value::Text("p".into()));
    expected.set(opposite(Field::CardToken), Value::Text("c".into()));
    expected.set_attribute("plan".into(), Value::Int(3));
    assert_eq!(read.unpack(), expected);
    assert_eq!(FieldCodes::of_paths(["payment.id", "payment.soul"]), Err("payment.soul".into()));
}
