//! `vajra backtest` as a program: its exit status, what it says first, the keys of its report.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const MAP: &str =
    "[payment]\nid = 'id'\noccurred_at = 'ts'\namount = 'amount'\n[label]\nfraud = 'fraud'\n";

/// A directory with a bundle, a map and three payments.
fn prepared() -> TempDir {
    let directory = TempDir::new().unwrap();
    let put = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("policies/bundle.toml", "name = 't'\nbase_currency = 'EUR'\ntime_zone = 'UTC'\n");
    put("policies/reasons.toml", "[R]\nclass = 'FRAUD'\nmessage = { en = 'Sorry.' }\n");
    let rules = "rule \"large\" when payment.amount_base > 100 then block(\"R\");\n\
        rule \"far\" when payment.card.country == \"XX\" then block(\"R\");\n";
    put("policies/rules.rhai", rules);
    put("MAP.toml", MAP);
    put(
        "data.csv",
        "id,ts,amount,fraud\n1,2026-01-01T00:00:00Z,50,0\n2,2026-01-02T00:00:00Z,500,1\n3,2026-01-20T00:00:00Z,700,\n",
    );
    directory
}

fn vajra(directory: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vajra"))
        .arg("backtest")
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .output()
        .unwrap()
}

const PLAIN: &str = "--events data.csv --dataset MAP.toml --policies policies";

#[test]
fn the_report_has_the_keys_of_the_contract() {
    let directory = prepared();
    let arguments = format!("{PLAIN} --report r.json --html r.html --baseline policies");
    let output = vajra(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("Never in the data"), "{said}");
    assert!(said.contains("field payment.card.country: read by far"), "{said}");

    let text = std::fs::read_to_string(directory.path().join("r.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys = |value: &serde_json::Value| {
        value.as_object().unwrap().keys().cloned().collect::<Vec<String>>().join(" ")
    };
    for key in [
        "events",
        "labelled",
        "fraud",
        "seconds",
        "policy_version",
        "absent",
        "overall",
        "rules",
        "diff",
    ] {
        assert!(report.get(key).is_some(), "{key}");
    }
    let counts = "fraud_amount_caught good_amount_stopped hits precision recall";
    for key in counts.split(' ') {
        assert!(report["overall"].get(key).is_some() && report["rules"][0].get(key).is_some());
    }
    assert_eq!(report["events"], 3);
    assert_eq!(report["rules"][0]["name"], "large");
    let large = &report["rules"][0];
    assert_eq!(
        (&large["hits"], &large["true_positive"], &large["true_negative"]),
        (&2.into(), &1.into(), &1.into())
    );
    assert_eq!(report["rules"][1]["precision"], serde_json::Value::Null);
    let weeks = large["by_week"].as_array().unwrap();
    let starts: Vec<&str> = weeks.iter().map(|week| week["start"].as_str().unwrap()).collect();
    assert_eq!(starts, ["2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z", "2026-01-15T00:00:00Z"]);
    assert_eq!(keys(&weeks[1]), keys(&weeks[0]));
    assert_eq!((&weeks[1]["hits"], &weeks[2]["hits"]), (&0.into(), &1.into()));
    assert_eq!(report["diff"]["changed"], 0);
    assert!(directory.path().join("r.html").exists());
}

#[test]
fn a_problem_that_is_found_ends_with_1_and_what_cannot_run_with_2() {
    let directory = prepared();
    let put = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    put("wrong.toml", &MAP.replace("amount =", "amuont ="));
    put("junk.csv", "id,ts,amount,fraud\nx,y,z,w\n");
    let cases = [
        ("--events data.csv --dataset wrong.toml --policies policies", 1, "error[unknown-key]"),
        ("--events junk.csv --dataset MAP.toml --policies policies", 1, "junk.csv:2"),
        ("--events none.csv --dataset MAP.toml --policies policies", 2, "none.csv"),
        ("--events data.csv --dataset MAP.toml --policies none", 2, ""),
        (
            "--events data.csv --dataset MAP.toml MAP.toml --policies policies",
            2,
            "1 files and 2 maps",
        ),
        (&format!("{PLAIN} --data ."), 2, "hash.key"),
        (&format!("{PLAIN} --bad-rows-max 0 --decisions out.txt"), 2, "out.txt"),
    ];
    for (arguments, status, said) in cases {
        let output = vajra(directory.path(), arguments);
        let all = [output.stdout, output.stderr].concat();
        let all = String::from_utf8(all).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments}: {all}");
        assert!(all.contains(said), "{arguments}: {all}");
    }
    put("policies/rules.rhai", "rule \"r\" when payment.nothing > 1 then block(\"R\");");
    assert_eq!(vajra(directory.path(), PLAIN).status.code(), Some(1));
}
