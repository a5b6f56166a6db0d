//! The tables of causes and codes, and the traps that others fell into.

use std::collections::BTreeSet;

use vajra::failure::code::{Certainty, CodeKey};
use vajra::failure::tables::Tables;
use vajra::model::failure::{Class, Family, Money};
use vajra::model::outcome::{Outcome, OutcomeStatus, Stage};
use vajra::model::verdict::NextStep;

use super::{coded, declined, diagnosed, told};

fn cause(outcome: &Outcome, network: &str) -> String {
    diagnosed(outcome, network).cause.unwrap().to_string()
}

#[test]
fn every_cause_is_told_in_english_and_chinese_and_every_code_has_a_cause_and_a_source() {
    let tables = Tables::built_in();
    assert_eq!(tables.causes().count(), 60);
    for cause in tables.causes() {
        for locale in ["en", "zh-CN"] {
            let text = cause.message.get(locale).unwrap_or_else(|| panic!("{}", cause.name));
            assert!(!text.is_empty() && !text.contains('{'), "{}: {text}", cause.name);
        }
        assert!(!cause.retry.source.is_empty(), "{}", cause.name);
    }
    let codes = tables.codes();
    assert!(codes.len() > 1_500);
    for (key, code) in codes {
        assert!(tables.cause(&code.cause).is_some() && !code.source.is_empty(), "{key:?}");
    }
}

#[test]
fn lost_stolen_fraud_legal_and_risk_share_one_text() {
    let tables = Tables::built_in();
    let texts: BTreeSet<_> = [
        "CARD_LOST_OR_STOLEN",
        "SUSPECTED_FRAUD",
        "LEGAL_RESTRICTION",
        "RISK_BLOCKED_CHANNEL",
        "RISK_BLOCKED_PLATFORM",
    ]
    .map(|name| tables.cause(name).unwrap().message.clone())
    .into();
    assert_eq!(texts.len(), 1);
}

#[test]
fn a_code_means_what_its_network_means_by_it() {
    assert_eq!(cause(&declined("", "82"), "visa"), "CVV_INVALID");
    assert_eq!(cause(&declined("", "82"), "mastercard"), "DO_NOT_HONOR");
    let named = Outcome { network: Some("visa".into()), ..declined("iso8583", "82") };
    assert_eq!(cause(&named, "mastercard"), "CVV_INVALID");
    assert_eq!(cause(&declined("", "51"), "jcb"), "INSUFFICIENT_FUNDS");
}

#[test]
fn a_decline_without_a_code_means_what_its_advice_code_does() {
    let advised = |network: &str, advice_code: &str| {
        let outcome = Outcome { advice_code: Some(advice_code.into()), ..declined("", "") };
        cause(&outcome, network)
    };
    assert_eq!(advised("mastercard", "01"), "CARD_DETAILS_UPDATED");
    assert_eq!(advised("mastercard", "02"), "INSUFFICIENT_FUNDS");
    assert_eq!(advised("mastercard", "nobody's"), "UNCLASSIFIED");
    assert_eq!(advised("jcb", "01"), "UNCLASSIFIED");
}

#[test]
fn a_code_means_what_its_operation_means_by_it() {
    let of = |operation: &str| Outcome {
        operation: Some(operation.into()),
        ..declined("wechatpay", "NOTENOUGH")
    };
    assert_eq!(cause(&of("pay"), ""), "INSUFFICIENT_FUNDS");
    assert_eq!(cause(&of("refund"), ""), "MERCHANT_BALANCE_INSUFFICIENT");
}

#[test]
fn codes_are_found_however_they_are_written() {
    assert_eq!(cause(&declined("Alipay", "ACQ.SYSTEM_ERROR"), ""), "OUTCOME_UNKNOWN");
    assert_eq!(cause(&declined("STRIPE", "Insufficient_Funds"), ""), "INSUFFICIENT_FUNDS");
}

#[test]
fn approved_but_defective_is_never_a_decline() {
    for (provider, network, code) in [
        ("unionpay_online", "", "42"),
        ("unionpay_online", "", "74"),
        ("unionpay_online", "", "A1"),
        ("iso8583", "unionpay", "A2"),
        ("iso8583", "unionpay", "A6"),
        ("paypal", "", "0800"),
    ] {
        let diagnosis = diagnosed(&declined(provider, code), network);
        assert_eq!(diagnosis.money, Money::Unknown, "{provider} {code}");
        assert_eq!(diagnosis.class, Some(Class::Query), "{provider} {code}");
        assert!(!diagnosis.is_evidence, "{provider} {code}");
    }
}

#[test]
fn a_status_of_the_transport_is_no_decline() {
    for code in ["500", "502", "503", "504", "408", "404", "409"] {
        let diagnosis = diagnosed(&declined("http", code), "");
        assert_eq!(diagnosis.money, Money::Unknown, "{code}");
    }
    for code in ["400", "401", "403", "422"] {
        assert_eq!(diagnosed(&declined("http", code), "").money, Money::Declined, "{code}");
    }
    assert_eq!(diagnosed(&declined("grpc", "UNAVAILABLE"), "").money, Money::Unknown);
}

#[test]
fn not_found_is_no_proof_that_nothing_was_taken() {
    for (provider, code) in [("wechatpay", "ORDERNOTEXIST"), ("unionpay_online", "34")] {
        let diagnosis = diagnosed(&declined(provider, code), "");
        assert_eq!(diagnosis.cause.as_deref(), Some("ORIGINAL_NOT_FOUND"));
        assert_eq!(diagnosis.money, Money::Unknown);
    }
}

#[test]
fn a_request_that_did_not_leave_was_not_sent_whatever_its_code() {
    let mut failed = coded(OutcomeStatus::Failed, "http", "500");
    assert_eq!(diagnosed(&failed, "").money, Money::Unknown);
    failed.stage = Some(Stage::NotSent);
    assert_eq!(diagnosed(&failed, "").money, Money::NotSent);
    // No code makes a timeout definite.
    let timed_out = coded(OutcomeStatus::TimedOut, "stripe", "insufficient_funds");
    assert_eq!(diagnosed(&timed_out, "").money, Money::Unknown);
}

#[test]
fn a_code_that_stands_nowhere_is_unclassified_and_counted() {
    let diagnosis = diagnosed(&declined("stripe", "no_such_code"), "");
    assert_eq!(diagnosis.cause.as_deref(), Some("UNCLASSIFIED"));
    assert!(diagnosis.is_unmapped && !diagnosis.is_evidence);
    assert_eq!(diagnosis.class, Some(Class::Never));
    // A guess counts as none until somebody confirms it, and is no unmapped code.
    let tables = Tables::built_in();
    let guess = tables.codes().into_iter().find(|(_, code)| code.certainty == Certainty::Guess);
    let (CodeKey { provider, network, code, .. }, _) = guess.unwrap();
    let guessed = diagnosed(&declined(provider, code), network);
    assert_eq!(guessed.cause.as_deref(), Some("UNCLASSIFIED"));
    assert!(!guessed.is_unmapped);
}

#[test]
fn evidence_is_a_decline_that_says_something_of_the_payer() {
    assert!(diagnosed(&declined("", "51"), "visa").is_evidence);
    assert!(diagnosed(&declined("", "43"), "visa").is_evidence);
    for (provider, code) in [("", "96"), ("", "1A"), ("stripe", "no_such_code"), ("adyen", "15")] {
        assert!(!diagnosed(&declined(provider, code), "visa").is_evidence, "{provider} {code}");
    }
    let diagnosis = diagnosed(&declined("", "96"), "visa");
    assert_eq!(diagnosis.family, Some(Family::Technical));
    assert!(!diagnosed(&coded(OutcomeStatus::TimedOut, "", ""), "").is_evidence);
}

#[test]
fn the_message_says_that_nothing_was_taken_only_where_that_is_known() {
    let said =
        |outcome: &Outcome, locale: &str| told(outcome, NextStep::AskCustomer, locale).unwrap();
    let broke = declined("", "51");
    assert!(said(&broke, "en").ends_with("No money was taken."), "{}", said(&broke, "en"));
    for locale in ["zh-CN", "zh", "zh-Hans-CN"] {
        assert!(said(&broke, locale).ends_with("本次未扣款。"), "{}", said(&broke, locale));
    }
    assert_eq!(said(&broke, "fr"), said(&broke, "en"));
    for unknown in [coded(OutcomeStatus::TimedOut, "", ""), declined("http", "500")] {
        let text = said(&unknown, "en");
        assert!(
            !text.contains("No money was taken") && text.contains("do not pay again"),
            "{text}"
        );
    }
    // What the cause promises does not hold while the money is unknown.
    let lost = coded(OutcomeStatus::TimedOut, "stripe", "insufficient_funds");
    assert!(said(&lost, "en").contains("do not pay again"));
    let authorized = coded(OutcomeStatus::Authorized, "", "");
    assert_eq!(told(&authorized, NextStep::Proceed, "en"), None);
}

#[test]
fn a_decline_beside_an_attempt_that_may_have_been_taken_promises_nothing() {
    let broke = declined("", "51");
    let beside_unknown = told(&broke, NextStep::Query, "en").unwrap();
    assert!(beside_unknown.contains("do not pay again"), "{beside_unknown}");
    let beside_paid = told(&broke, NextStep::Proceed, "en").unwrap();
    assert_eq!(beside_paid, "This order is already paid. No further payment is needed.");
    for text in [beside_unknown, beside_paid] {
        assert!(!text.contains("No money was taken"), "{text}");
    }
}

#[test]
fn a_declined_refund_says_nothing_of_the_payer_and_of_their_money() {
    let refund = Outcome { operation: Some("refund".into()), ..declined("wechatpay", "NOTENOUGH") };
    assert!(!diagnosed(&refund, "").is_evidence && !refund.settles());
    let text = told(&refund, NextStep::Proceed, "en").unwrap();
    assert!(text.starts_with("Your refund is delayed") && !text.contains("No money"), "{text}");
    // The same code on a payment is evidence.
    let paid = Outcome { operation: Some("pay".into()), ..refund };
    assert!(diagnosed(&paid, "").is_evidence && paid.settles());
}

#[test]
fn what_makes_a_row_looser_is_warned_of_and_what_could_never_hold_is_refused() {
    let header = "provider,operation,network,code,cause,outcome,advice,source,certainty\n";
    let looser = format!(
        "{header}unionpay_online,*,*,42,DO_NOT_HONOR,,,\"our\nown\",read\n\
        x,*,*,1,DO_NOT_HONOR,DECLINED,,our own,read\nx,*,*,2,DO_NOT_HONOR,NOT_SENT,,our own,read\n"
    );
    let (tables, problems) = Tables::with_overrides(None, Some(&looser));
    let told: Vec<_> = problems.iter().map(|it| (it.line, it.is_warning)).collect();
    assert_eq!(told, [(2, true), (4, false), (5, false)]);
    let defective = tables.diagnose(&declined("unionpay_online", "42"), None);
    assert_eq!(defective.money, Money::Declined);

    let cause = |more: &str| {
        format!(
            "[OURS]\nfamily = \"technical\"\nclass = \"QUERY\"\nhealth = \"none\"\nevidence = false\n\
             message = {{ en = \"Ours.\" }}\n{more}\n"
        )
    };
    for (more, is_right) in [
        ("outcome = \"UNKNOWN\"\nlimits = \"HOLD\"", true),
        ("outcome = \"UNKNOWN\"\nlimits = \"RELEASE\"", false),
        ("outcome = \"DECLINED\"\nlimits = \"RELEASE\"\nretry = { waits = [\"1x\"] }", false),
    ] {
        let (_, problems) = Tables::with_overrides(Some(&cause(more)), None);
        assert_eq!(problems.is_empty(), is_right, "{more}: {problems:?}");
    }
}

#[test]
fn a_bundle_overrides_tables_and_rows_and_hears_of_every_problem() {
    let causes = "[OUR_OWN]\nfamily = \"non_technical\"\nclass = \"CUST\"\noutcome = \"DECLINED\"\n\
        limits = \"RELEASE\"\nhealth = \"none\"\nevidence = true\nmessage = { en = \"Ours.\" }\n";
    let header = "provider,operation,network,code,cause,outcome,advice,source,certainty\n";
    let rows = format!(
        "{header}house,*,*,1,OUR_OWN,,never,our own,read\n\
                        stripe,*,*,insufficient_funds,OUR_OWN,,,our own,read\n"
    );
    let (tables, problems) = Tables::with_overrides(Some(causes), Some(&rows));
    assert_eq!(problems, []);
    let of = |outcome: &Outcome| tables.diagnose(outcome, None).cause.unwrap().to_string();
    assert_eq!(of(&declined("house", "1")), "OUR_OWN");
    assert_eq!(of(&declined("stripe", "insufficient_funds")), "OUR_OWN");
    assert_eq!(of(&declined("stripe", "expired_card")), "CARD_EXPIRED");

    let wrong = format!(
        "{header}a,*,*,1,INSUFICIENT_FUNDS,,,x,read\nb,*,*,1,CARD_EXPIRED,MAYBE,,x,read\n\
         c,*,*,1,CARD_EXPIRED,,soon,x,read\nd,*,*,1,CARD_EXPIRED,,,x,sure\n\
         e,*,*,1,CARD_EXPIRED,,,x,read\ne,*,*,1,CARD_EXPIRED,,,x,read\nf,*,*,,CARD_EXPIRED,,,x,read\n"
    );
    let wrong_cause = "[low]\nfamily = \"x\"\n[NO_TEXT]\nfamily = \"technical\"\nclass = \"FIX\"\n\
        outcome = \"DECLINED\"\nlimits = \"RELEASE\"\nhealth = \"none\"\nevidence = true\n\
        message = { de = \"Nein.\" }\n";
    let (_, problems) = Tables::with_overrides(Some(wrong_cause), Some(&wrong));
    let told: Vec<_> = problems.iter().map(|it| (it.file, it.line)).collect();
    let codes = [2, 3, 4, 5, 7, 8].map(|line| ("failures.csv", line));
    assert_eq!(told[2..], codes);
    assert!(told[..2].iter().all(|(file, _)| *file == "causes.toml"), "{told:?}");
    assert!(problems[2].message.contains("did you mean `INSUFFICIENT_FUNDS`?"), "{problems:?}");
}
