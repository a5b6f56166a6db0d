//! What outlives the server: with a data directory, what was answered is there again.

use std::path::Path;
use std::process::Command;

use vajra::config::Config;
use vajra::journal::log::{Durability, Settings};
use vajra::server::live::Source;
use vajra::server::proto::AddListEntryRequest;

use super::harness::{BUNDLE, declined, files, payment, quiet, said, score, start_with};

fn config(data: &Path, durability: Durability) -> Config {
    let journal = Settings { durability, ..quiet().journal };
    Config { data: Some(data.to_owned()), journal, ..quiet() }
}

/// The exit status and what a command writes.
fn journal(data: &Path, action: &str) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vajra"))
        .args(["journal", action, "--data"])
        .arg(data)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    for durability in [Durability::Interval, Durability::Sync] {
        let data = tempfile::tempdir().unwrap();
        let config = config(data.path(), durability);
        let source = || Source::Files(files(BUNDLE));
        let running = start_with(&config, source());
        let mut client = running.risk().await;
        let mut before = Vec::new();
        for id in ["p1", "p2", "p3", "p4"] {
            before.push(score(&mut client, payment(id, "c1")).await.unwrap());
        }
        assert_eq!(said(&before[3]), "BLOCK CARD_TESTING");
        let reported = client.report_outcome(declined("p1")).await.unwrap().into_inner();
        let entry = AddListEntryRequest {
            list: "blocked".to_owned(),
            value: "carol".to_owned(),
            ..AddListEntryRequest::default()
        };
        running.lists().await.add_list_entry(entry).await.unwrap();
        drop(client);
        running.server.stop();

        let running = start_with(&config, source());
        let mut client = running.risk().await;
        for (id, before) in ["p1", "p2", "p3", "p4"].into_iter().zip(&before) {
            assert_eq!(&score(&mut client, payment(id, "c1")).await.unwrap(), before);
        }
        let again = client.report_outcome(declined("p1")).await.unwrap().into_inner();
        assert!(again.repeated && again.sequence == reported.sequence);
        assert_eq!(
            said(&score(&mut client, payment("p5", "c1")).await.unwrap()),
            "BLOCK CARD_TESTING"
        );
        let mut carol = payment("p6", "c6");
        carol.account =
            Some(vajra::server::proto::Account { id: "carol".to_owned(), ..Default::default() });
        assert_eq!(said(&score(&mut client, carol).await.unwrap()), "BLOCK LISTED");
        assert!(running.metric("journal_segments").await.unwrap() >= 2.0);
        assert_eq!(running.metric("journal_failing").await, Some(0.0));
        drop(client);
        running.server.stop();

        // A publication, four scores, an outcome, a list change; two more scores.
        let (status, said) = journal(data.path(), "check");
        assert_eq!((status, said.as_str()), (0, "9 entries up to position 9 are whole\n"));
        let (status, said) = journal(data.path(), "stat");
        assert!(status == 0 && said.contains("2 segments, 9 entries"), "{said}");
        let (status, said) = journal(data.path(), "dump");
        assert_eq!((status, said.lines().count()), (0, 9));
        let first: serde_json::Value = serde_json::from_str(said.lines().nth(1).unwrap()).unwrap();
        assert_eq!(first["decision"]["verdict"], "allow");
        assert_eq!(first["fields"]["payment.card.token"], "c1");
        assert_eq!(first["features"]["card.attempts_1h"], 0);
    }
}

#[tokio::test]
async fn a_damaged_journal_keeps_the_server_from_starting_and_is_told() {
    let data = tempfile::tempdir().unwrap();
    let config = config(data.path(), Durability::Interval);
    let source = || Source::Files(files(BUNDLE));
    let running = start_with(&config, source());
    let mut client = running.risk().await;
    for id in ["p1", "p2", "p3"] {
        score(&mut client, payment(id, "c1")).await.unwrap();
    }
    drop(client);
    // Two servers on one directory are one too many.
    let refused = vajra::server::Server::start(&config, source()).unwrap_err().to_string();
    assert!(refused.ends_with("the directory is in use by another process"), "{refused}");
    running.server.stop();

    let segment = data.path().join("journal/00000000000000000001.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(2).position(|window| window == b"p2").unwrap();
    bytes[at] ^= 4;
    std::fs::write(&segment, bytes).unwrap();
    let refused = vajra::server::Server::start(&config, source()).unwrap_err().to_string();
    assert!(refused.contains("where position 3 begins"), "{refused}");
    let (status, said) = journal(data.path(), "check");
    assert!(status == 1 && said.contains("error: `00000000000000000001.log` is damaged"), "{said}");
    let (status, _) = journal(&data.path().join("nowhere"), "check");
    assert_eq!(status, 2);
}
