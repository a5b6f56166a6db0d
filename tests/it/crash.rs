//! The program is killed at random moments and started again on what it left, and is held against what
//! it had acknowledged.
//!
//! Each round drives a server from several clients at once, kills it (`SIGKILL`: nothing is flushed, no
//! handler runs) while requests are under way, segments rotate and bundles are published, starts it again on
//! the same directory, and asks everything again. What had been answered is answered the same; what had not
//! is either there whole or not at all. At the end a server that has been running is looked at, killed, and
//! started once more: what it replays from its journal is what it knew.
//!
//! `VAJRA_KILLS` sets the number of rounds, `VAJRA_SEED` the moments and the load.
#![expect(clippy::large_futures, reason = "a call of the generated client is one, and tests wait")]
#![expect(clippy::disallowed_methods, reason = "a test spawns its callers by itself")]

mod client;
mod ledger;
mod sight;

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::server::process::{Place, Process};
use client::Client;
use ledger::Ledger;
use sight::Sight;

const BUNDLE: &[(&str, &str)] = &[
    (
        "bundle.toml",
        r#"
            name = "crash"
            base_currency = "EUR"
            time_zone = "UTC"
        "#,
    ),
    (
        "rules.rhai",
        r#"
            entity card    = payment.card.token;
            entity account = payment.account.id;
            feature attempts  = count(attempt)                      by card over "30d";
            feature declines  = count(declined)                     by card over "30d";
            feature disputes  = count(disputed)                     by card over "30d";
            feature spent     = sum(authorized, payment.amount_base) by card over "30d";
            feature cards     = distinct(attempt, payment.card.token) by account over "30d";
            feature last_amount = last(attempt, payment.amount)     by card;
            feature logins    = count(login)                        by account over "30d";

            rule "listed"   when payment.card.token in list("blocked") then block("LISTED");
            rule "disputed" when card.disputes > 200 then challenge("DISPUTED", "otp");
            rule "busy"     when card.attempts > 1_000_000 || card.declines > 1_000_000 then score(1, "BUSY");
            rule "seen"     when account.cards > 1_000_000 || account.logins > 1_000_000 then score(1, "BUSY");
            rule "spender"  when card.spent > 1_000_000_00 || card.last_amount < 0 then score(1, "BUSY");

            limit "month" = sum(payment.amount_base) by card over "30d" max 100_000_00 then block("LIMIT");
        "#,
    ),
    (
        "reasons.toml",
        r#"
            [LISTED]
            class = "LIST"
            message = { en = "This payment is not possible." }
            [DISPUTED]
            class = "FRAUD"
            message = { en = "Please confirm this payment." }
            [BUSY]
            class = "FRAUD"
            message = { en = "Please confirm this payment." }
            [LIMIT]
            class = "LIMIT"
            message = { en = "Please try again later." }
        "#,
    ),
    ("lists/blocked.csv", "value\nmallory\n"),
];

/// Small enough that rounds of a fraction of a second rotate segments.
const SETTINGS: [(&str, &str); 1] = [("VAJRA__JOURNAL__SEGMENT_BYTES", "1048576")];

const CLIENTS: u64 = 4;

/// How often a test of the suite kills.
const KILLS: u64 = if cfg!(feature = "heavy") { 50 } else { 5 };

/// How many of the last rounds are asked again after each kill; at the end all are.
const RECENT: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_disk_has_it_before_the_answer() {
    survive("sync").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_with_the_process_when_the_system_has_it_before_the_answer() {
    survive("interval").await;
}

async fn survive(durability: &str) {
    let number = |name: &str, default| {
        std::env::vars().find(|(known, _)| known == name).map_or(default, |(_, text)| {
            text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
        })
    };
    let (kills, seed) = (number("VAJRA_KILLS", KILLS), number("VAJRA_SEED", 1));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut settings = SETTINGS.to_vec();
    settings.push(("VAJRA__JOURNAL__DURABILITY", durability));
    let place = Place::with(BUNDLE);
    let mut rounds: Vec<Ledger> = Vec::new();
    for round in 0..kills {
        let mut process = Process::start_at(place.clone(), &settings);
        let (grpc, _) = process.addresses();
        for ledger in rounds.iter_mut().rev().take(RECENT) {
            ledger.ask_again(grpc).await;
        }
        let mut clients = Vec::new();
        for client in 0..CLIENTS {
            let seed = random.random();
            clients.push(Client::connect(grpc, round * CLIENTS + client, seed).await);
        }
        let driven: Vec<_> =
            clients.into_iter().map(|client| tokio::task::spawn(client.drive())).collect();
        let pauses = [(); 2].map(|()| Duration::from_millis(random.random_range(10..200)));
        tokio::time::sleep(pauses[0]).await;
        if random.random_bool(0.5) {
            publish(&place, round);
        }
        tokio::time::sleep(pauses[1]).await;
        process.kill();
        let mut ledger = Ledger::default();
        for driven in driven {
            ledger.merge(driven.await.unwrap());
        }
        assert!(ledger.acknowledged() > 0, "round {round}: nothing was acknowledged");
        rounds.push(ledger);
    }
    let sight = {
        let mut process = Process::start_at(place.clone(), &settings);
        let (grpc, _) = process.addresses();
        for ledger in &mut rounds {
            ledger.ask_again(grpc).await;
        }
        let sight = Sight::take(grpc, &rounds).await;
        process.kill();
        sight
    };
    let process = Process::start_at(place.clone(), &settings);
    let (grpc, _) = process.addresses();
    sight.assert_equals(&Sight::take(grpc, &rounds).await);
}

/// Adds a rule to the bundle, as an editor does it: whole or not at all.
fn publish(place: &Place, round: u64) {
    let (path, next) = (place.bundle().join("rules.rhai"), place.bundle().join(".rules.rhai~"));
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str(&format!(
        "feature attempts_{round} = count(attempt) by card over \"{}d\";\n\
         rule \"added {round}\" when card.attempts_{round} > 1_000_000 then score(1, \"BUSY\");\n",
        round % 20 + 1
    ));
    std::fs::write(&next, text).unwrap();
    std::fs::rename(&next, &path).unwrap();
}
