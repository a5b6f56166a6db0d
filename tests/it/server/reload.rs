//! Bundles go live while the server runs, whole or not at all.

use std::path::Path;
use std::time::Duration;

use vajra::config::Config;
use vajra::server::live::Source;

use super::harness::{BUNDLE, Running, payment, quiet, said, score, score_of, start_with, until};

fn write(directory: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn changed(from: &str, to: &str) -> String {
    let (_, rules) = BUNDLE.iter().find(|(path, _)| *path == "rules.rhai").unwrap();
    assert!(rules.contains(from));
    rules.replace(from, to)
}

fn watch(directory: &Path, poll: Duration) -> Running {
    let config = Config { policies_poll: poll, ..quiet() };
    start_with(&config, Source::Directory(directory.to_owned()))
}

async fn until_published(running: &Running, times: u64) {
    until("a bundle went live", || async {
        running.status().await["policy"]["published"] == times
    })
    .await;
}

const SLOW: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_changed_file_goes_live_and_features_keep_their_state() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), BUNDLE);
    let running = watch(directory.path(), SLOW);
    let mut client = running.risk().await;
    for id in ["p1", "p2"] {
        assert_eq!(said(&score(&mut client, payment(id, "c1")).await.unwrap()), "ALLOW");
    }
    let before = running.status().await["policy"]["version"].clone();
    write(directory.path(), &[("rules.rhai", &changed("attempts_1h >= 3", "attempts_1h >= 2"))]);
    until_published(&running, 2).await;
    assert_ne!(running.status().await["policy"]["version"], before);
    let answer = score(&mut client, payment("p3", "c1")).await.unwrap();
    assert_eq!(said(&answer), "BLOCK CARD_TESTING");
}

#[tokio::test]
async fn asked_again_the_stored_answer_is_given_in_its_own_words() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), BUNDLE);
    let running = watch(directory.path(), SLOW);
    let mut client = running.risk().await;
    for id in ["p1", "p2", "p3"] {
        score(&mut client, payment(id, "c1")).await.unwrap();
    }
    let stored = score(&mut client, payment("p4", "c1")).await.unwrap();
    assert_eq!(stored.reasons[0].message, "Please try again later.");

    let (_, reasons) = BUNDLE.iter().find(|(path, _)| *path == "reasons.toml").unwrap();
    write(directory.path(), &[("reasons.toml", &reasons.replace("again later", "tomorrow"))]);
    until_published(&running, 2).await;
    let mut again = score_of(payment("p4", "c1"));
    again.locale = "zh-CN".to_owned();
    assert_eq!(client.score(again).await.unwrap().into_inner(), stored);
    let answer = score(&mut client, payment("p5", "c1")).await.unwrap();
    assert_eq!(answer.reasons[0].message, "Please try tomorrow.");
}

#[tokio::test]
async fn a_broken_bundle_is_refused_and_shown_and_the_old_one_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), BUNDLE);
    let running = watch(directory.path(), SLOW);
    let mut client = running.risk().await;
    write(
        directory.path(),
        &[("rules.rhai", &changed("card.attempts_1h >=", "card.attemts_1h >="))],
    );
    until("the bundle was refused", || async { running.status().await["policy"]["refused"] != 0 })
        .await;
    let status = running.status().await;
    assert_eq!(status["policy"]["published"], 1);
    let diagnostics = status["policy"]["last_refused"]["diagnostics"].as_array().unwrap();
    let problem = diagnostics.iter().find(|problem| problem["severity"] == "error").unwrap();
    assert_eq!(problem["file"], "rules.rhai");
    assert_eq!(problem["name"], "unknown-feature");
    assert!(problem["line"].as_u64().unwrap() > 0);
    assert!(running.metric("policy_reload_failures_total").await.unwrap() >= 1.0);
    assert_eq!(said(&score(&mut client, payment("p1", "c1")).await.unwrap()), "ALLOW");

    write(directory.path(), BUNDLE);
    until("the refusal is forgotten", || async {
        running.status().await["policy"]["last_refused"].is_null()
    })
    .await;
    assert_eq!(running.status().await["policy"]["published"], 1);
}

#[tokio::test]
async fn an_editor_that_renames_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), BUNDLE);
    let running = watch(directory.path(), SLOW);
    let draft = directory.path().join(".rules.rhai.swp");
    std::fs::write(&draft, changed("attempts_1h >= 3", "attempts_1h >= 1")).unwrap();
    std::fs::rename(&draft, directory.path().join("rules.rhai")).unwrap();
    until_published(&running, 2).await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_symlink_swap_of_kubernetes_is_noticed() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write(&root.join("..2026_01"), BUNDLE);
    symlink("..2026_01", root.join("..data")).unwrap();
    for entry in ["bundle.toml", "rules.rhai", "reasons.toml", "rates.toml", "lists"] {
        symlink(Path::new("..data").join(entry), root.join(entry)).unwrap();
    }
    let running = watch(root, SLOW);
    let mut client = running.risk().await;
    assert_eq!(said(&score(&mut client, payment("p1", "c1")).await.unwrap()), "ALLOW");

    write(&root.join("..2026_02"), BUNDLE);
    write(
        &root.join("..2026_02"),
        &[("rules.rhai", &changed("attempts_1h >= 3", "attempts_1h >= 1"))],
    );
    symlink("..2026_02", root.join("..data_tmp")).unwrap();
    std::fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    std::fs::remove_dir_all(root.join("..2026_01")).unwrap();
    until_published(&running, 2).await;
    let answer = score(&mut client, payment("p2", "c1")).await.unwrap();
    assert_eq!(said(&answer), "BLOCK CARD_TESTING");
}

#[tokio::test]
async fn without_a_notice_the_poll_finds_it() {
    // The directory is swapped as a whole, which nobody who watches the old one is told.
    let parent = tempfile::tempdir().unwrap();
    let live = parent.path().join("live");
    write(&live, BUNDLE);
    let running = watch(&live, Duration::from_millis(10));
    std::fs::rename(&live, parent.path().join("old")).unwrap();
    let next = parent.path().join("next");
    write(&next, BUNDLE);
    write(&next, &[("rules.rhai", &changed("attempts_1h >= 3", "attempts_1h >= 1"))]);
    std::fs::rename(&next, &live).unwrap();
    until_published(&running, 2).await;
}

#[tokio::test]
async fn no_request_fails_or_sees_half_a_bundle_while_bundles_change() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), BUNDLE);
    let running = watch(directory.path(), SLOW);
    let mut client = running.risk().await;
    // Either bundle has both names changed together: an answer never mixes them.
    let other = changed("rule \"many logins\"", "rule \"logins\"").replace(
        "rule \"spender\" when card.spent_1h > 20_00",
        "rule \"all\" when payment.amount >= 0",
    );
    for round in 0..5 {
        let text = if round % 2 == 0 { other.clone() } else { changed("large", "large") };
        write(directory.path(), &[("rules.rhai", &text)]);
        let before = running.status().await["policy"]["published"].clone();
        let mut number = 0;
        while running.status().await["policy"]["published"] == before {
            assert!(number < 100_000, "never: a bundle went live");
            let id = format!("p{round}-{number}");
            let mut request = score_of(payment(&id, &id));
            request.trace = true;
            let answer = client.score(request).await.unwrap().into_inner();
            let rules: Vec<_> = answer.trace.iter().map(|trace| trace.rule.as_str()).collect();
            assert_eq!(rules.contains(&"logins"), rules.contains(&"all"), "{rules:?}");
            assert_eq!(rules.contains(&"many logins"), rules.contains(&"spender"), "{rules:?}");
            number += 1;
        }
    }
}
