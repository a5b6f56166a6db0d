//! What becomes of card numbers: where they are found, refused, hashed.

use proptest::prelude::*;
use vajra::model::card_number::{HashKey, holds_card_number, is_card_number};
use vajra::model::field::Field;
use vajra::model::value::{Text, Value};

use super::{NOW, admit, history, intake, refusals, text, with, with_attribute};

const VISA: &str = "4111111111111111";

#[test]
fn a_card_number_in_an_id_or_a_phone_becomes_the_same_hash_everywhere_and_is_counted() {
    let hash = HashKey::new([7; 32]).hash(VISA);
    assert!(hash.starts_with("h:") && hash.len() == 34);
    assert_ne!(hash, HashKey::new([8; 32]).hash(VISA));
    for field in
        [Field::Id, Field::AccountId, Field::DeviceId, Field::MerchantId, Field::AccountPhone]
    {
        let admitted = admit(with(field, text(VISA)));
        assert_eq!(admitted.hashed, 1);
        assert_eq!(admitted.value.fields().get(field), &Value::Text(hash.clone()));
    }
    assert_eq!(intake().id("outcome_id", VISA).unwrap().value, hash);
    assert_eq!(intake().list_value("values[0]", VISA).unwrap().value, hash);
}

#[test]
fn a_card_number_has_one_hash_however_its_digits_are_grouped() {
    let hash = HashKey::new([7; 32]).hash(VISA);
    for grouped in ["4111 1111 1111 1111", "4111-1111-1111-1111", " 4111-11111111 1111"] {
        assert_eq!(intake().list_value("value", grouped).unwrap().value, hash);
        let admitted = admit(with(Field::AccountId, text(grouped)));
        assert_eq!(admitted.value.fields().get(Field::AccountId), &Value::Text(hash.clone()));
    }
}

#[test]
fn card_data_that_is_a_card_number_is_refused_in_every_place_of_the_contract() {
    let within = "paid with 4111 1111 1111 1111, thanks";
    for field in
        Field::ALL.iter().copied().filter(|field| field.path().starts_with("payment.card."))
    {
        let refused = refusals(with(field, text(VISA)));
        assert_eq!(refused.len(), 1, "{}", field.path());
        assert!(!refused[0].contains(VISA));
    }
    for field in [
        Field::Description,
        Field::CardHolderName,
        Field::BillingLine1,
        Field::ShippingLine1,
        Field::DeviceUserAgent,
    ] {
        assert_eq!(refusals(with(field, text(within))).len(), 1, "{}", field.path());
    }
    for value in
        [text(within), Value::Int(4_111_111_111_111_111), Value::Float(4_111_111_111_111_111.0)]
    {
        assert_eq!(refusals(with_attribute("note", value)).len(), 1);
    }
}

#[test]
fn a_history_is_never_refused_for_a_card_number() {
    let hash = HashKey::new([7; 32]).hash(VISA);
    let mut fields = with(Field::CardToken, text(VISA));
    fields.set(Field::Description, text("a 4111111111111111 b 4111-1111 1111-1111."));
    fields.set_attribute(Text::from("cc"), Value::Int(4_111_111_111_111_111));
    let admitted = history().payment(fields, NOW).unwrap();
    let fields = admitted.value.fields();
    assert_eq!(admitted.hashed, 4);
    assert_eq!(fields.get(Field::CardToken).as_text(), Some(hash.as_str()));
    assert_eq!(fields.attribute("cc").as_text(), Some(hash.as_str()));
    assert_eq!(
        fields.get(Field::Description).as_text(),
        Some(format!("a {hash} b {hash}.").as_str())
    );
}

#[test]
fn a_card_number_needs_a_length_a_beginning_and_luhn() {
    for number in [
        "4222222222222",       // 13, begins with 4
        "4111111111111111",    // 16, 4
        "5555555555554444",    // 16, 51 to 55
        "2223003122003222",    // 16, 2221 to 2720
        "378282246310005",     // 15, 37
        "30569309025904",      // 14, 30
        "38520000023237",      // 14, 38
        "3530111333300000",    // 16, 35
        "6011111111111117",    // 16, 6
        "6799990100000000019", // 19, 6
        "4111 1111-1111 1111", // spaces and dashes are ignored
        " 4111--11111111  1111 ",
    ] {
        assert!(is_card_number(number), "{number}");
        assert!(holds_card_number(number), "{number}");
    }
    for number in [
        "4111111111111112",     // fails Luhn
        "411111111111116",      // 15 digits do not begin with 4
        "5612345678901234",     // 56 is no scheme
        "9999999999999995",     // nor is 9
        "2720990000000007x",    // a letter
        "41111111111111111111", // 20 digits
        "0000000000000000",
        "411111111111",
        "",
    ] {
        assert!(!is_card_number(number), "{number}");
    }
}

#[test]
fn a_card_number_within_a_text_touches_no_letter_or_digit() {
    for held in [
        "card 4111111111111111",
        "4111111111111111.",
        "(4111-1111-1111-1111)",
        "tok_4111111111111111",
        "12 4111 1111 1111 1111 7",
        "卡 4111111111111111",
    ] {
        assert!(holds_card_number(held), "{held}");
    }
    for free in [
        "ref4111111111111111",
        "4111111111111111a",
        "41111111111111110",
        "4111.1111.1111.1111",
        "id 4111  1111  1111  1111",
        "卡4111111111111111",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/120.0.6099.109 Safari/537.36",
    ] {
        assert!(!holds_card_number(free), "{free}");
    }
}

/// Digits that pass Luhn, from a beginning and a length.
fn number_of(beginning: &str, len: usize, filling: &[u8]) -> String {
    let mut digits: Vec<u32> = beginning.bytes().map(|byte| u32::from(byte - b'0')).collect();
    digits.extend(filling.iter().map(|digit| u32::from(digit % 10)));
    digits.truncate(len - 1);
    let odd: u32 =
        digits.iter().rev().step_by(2).map(|d| if d * 2 > 9 { d * 2 - 9 } else { d * 2 }).sum();
    let even: u32 = digits.iter().rev().skip(1).step_by(2).sum();
    digits.push((10 - (odd + even) % 10) % 10);
    digits.iter().map(u32::to_string).collect()
}

fn schemes() -> impl Strategy<Value = (String, usize)> {
    prop_oneof![
        prop::sample::select(vec![13, 16, 19]).prop_map(|len| ("4".to_owned(), len)),
        (51_u32..=55).prop_map(|start| (start.to_string(), 16)),
        (2221_u32..=2720).prop_map(|start| (start.to_string(), 16)),
        prop::sample::select(vec!["34", "37"]).prop_map(|start| (start.to_owned(), 15)),
        prop::sample::select(vec!["30", "36", "38"]).prop_map(|start| (start.to_owned(), 14)),
        Just(("35".to_owned(), 16)),
        (16_usize..=19).prop_map(|len| ("6".to_owned(), len)),
    ]
}

proptest! {
    #[test]
    fn every_number_of_a_scheme_is_found_whatever_its_separators(
        (beginning, len) in schemes(),
        filling in prop::collection::vec(0_u8..10, 19),
        dashes in prop::collection::vec(prop::sample::select(vec!["", "", " ", "-"]), 19),
        changed in 0_usize..13,
    ) {
        let number = number_of(&beginning, len, &filling);
        let spaced: String = number.chars().zip(dashes).flat_map(|(digit, dash)| [digit.to_string(), dash.to_owned()]).collect();
        prop_assert!(is_card_number(&spaced));
        let within = format!("before {} after", spaced.trim_end_matches([' ', '-']));
        prop_assert!(holds_card_number(&within));
        let (hashed, count) = HashKey::new([1; 32]).hash_within(&within);
        prop_assert_eq!(count, 1);
        prop_assert!(!holds_card_number(&hashed));
        // One digit changed never passes Luhn again.
        let mut wrong = number.into_bytes();
        wrong[changed] = if wrong[changed] == b'9' { b'0' } else { wrong[changed] + 1 };
        prop_assert!(!is_card_number(std::str::from_utf8(&wrong).unwrap()));
    }

    #[test]
    fn no_text_makes_the_search_for_card_numbers_panic(sent in "\\PC*|[0-9 -é]{0,60}") {
        let key = HashKey::new([1; 32]);
        let (replaced, count) = key.hash_within(&sent);
        prop_assert_eq!(count > 0, holds_card_number(&sent));
        if count == 0 {
            prop_assert_eq!(replaced.as_str(), sent.as_str());
        }
    }
}
