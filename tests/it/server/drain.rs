//! The program ends without losing a request.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio_stream::StreamExt as _;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use vajra::config::Config;
use vajra::server::client::{Code, RiskServiceClient, connect};
use vajra::server::live::Source;
use vajra::server::proto::ScoreStreamRequest;

use super::harness::{BUNDLE, files, get, payment, quiet, score, score_of, start_with, until};
use super::process::Process;

#[tokio::test]
async fn under_load_every_request_that_was_counted_is_answered() {
    let mut process = Process::start(&[("VAJRA__DRAIN__DELAY", "100ms")]);
    let (grpc, http) = process.addresses();
    let answered = Arc::new(AtomicU64::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for caller in 0..8 {
        let (answered, is_over) = (Arc::clone(&answered), Arc::clone(&is_over));
        let mut client = RiskServiceClient::new(connect(grpc).await.unwrap());
        callers.push(tokio::task::spawn(async move {
            for number in 0_u64.. {
                let id = format!("p{caller}-{number}");
                match score(&mut client, payment(&id, &id)).await {
                    Ok(_) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                    // Refused before it was read: it is sent to another server.
                    Err(error) => {
                        assert!(is_over.load(Ordering::Relaxed), "{error:?}");
                        assert!(
                            matches!(error.code(), Code::Unavailable | Code::Cancelled),
                            "{error:?}"
                        );
                        return;
                    }
                }
            }
        }));
    }
    // A stream that stays open, and somebody who watches the health, hold nothing up.
    let mut client = RiskServiceClient::new(connect(grpc).await.unwrap());
    let (messages, receiver) = tokio::sync::mpsc::channel(1);
    let receiver = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = client.score_stream(receiver).await.unwrap().into_inner();
    let mut health = HealthClient::new(connect(grpc).await.unwrap());
    let everything = HealthCheckRequest { service: String::new() };
    let _watching = health.watch(everything.clone()).await.unwrap();

    until("there is load", || async { answered.load(Ordering::Relaxed) > 200 }).await;
    is_over.store(true, Ordering::Relaxed);
    process.signal("-TERM");
    until("it says that it is not ready", || async {
        get(http, "/readyz", "").await.status == 503
    })
    .await;
    let told = health.check(everything).await.unwrap().into_inner().status();
    assert_eq!(told, tonic_health::pb::health_check_response::ServingStatus::NotServing);
    // During the delay it still answers, streams as well.
    let request = Some(score_of(payment("streamed", "streamed")));
    messages.send(ScoreStreamRequest { correlation_id: "m1".to_owned(), request }).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().correlation_id, "m1");
    let ended = answers.next().await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    for caller in callers {
        caller.await.unwrap();
    }
    let line = process.line("ended");
    assert_eq!(process.ended().await.code(), Some(0));
    let decided = line["decided"].as_u64().unwrap();
    assert_eq!(decided, answered.load(Ordering::Relaxed) + 1);
}

#[tokio::test]
async fn an_interrupt_while_it_drains_ends_it_at_once() {
    let mut process = Process::start(&[("VAJRA__DRAIN__DELAY", "1h")]);
    let _ = process.addresses();
    process.signal("-TERM");
    process.line("draining");
    process.signal("-INT");
    assert_eq!(process.ended().await.code(), Some(1));
}

#[tokio::test]
async fn to_be_terminated_twice_cuts_nothing_short() {
    let mut process = Process::start(&[("VAJRA__DRAIN__DELAY", "100ms")]);
    let _ = process.addresses();
    process.signal("-TERM");
    process.line("draining");
    process.signal("-TERM");
    process.line("ended");
    assert_eq!(process.ended().await.code(), Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn the_hash_key_is_made_once_and_only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let process = Process::start(&[]);
    process.line("serving");
    let path = process.place.data().join("hash.key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read(&path).unwrap().len(), 32);
    // No draft of it is left.
    let mut names: Vec<_> = std::fs::read_dir(process.place.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["hash.key", "journal"]);
}

#[cfg(unix)]
#[test]
fn a_hash_key_that_others_could_read_is_taken_from_them_and_goes_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hash.key");
    std::fs::write(&path, [7; 32]).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let config = Config { data: Some(directory.path().to_owned()), ..quiet() };
    let _running = start_with(&config, Source::Files(files(BUNDLE)));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read(&path).unwrap(), [7; 32]);
}

#[test]
fn a_setting_that_does_not_exist_is_refused_before_anything_runs() {
    let output = Command::new(env!("CARGO_BIN_EXE_vajra"))
        .arg("serve")
        .env("VAJRA__SERVER__LISTN", "127.0.0.1:0")
        .env("VAJRA__DRAIN__MAX", "soon")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains(
            "`VAJRA__SERVER__LISTN`: there is no such setting; the nearest is `server.listen`"
        ),
        "{told}"
    );
    assert!(told.contains("`VAJRA__DRAIN__MAX`"), "{told}");
}
