//! Lists are changed while the server runs.

use vajra::server::client::Code;
use vajra::server::proto;

use super::harness::{payment, said, score, start};

fn on(list: &str, value: &str) -> proto::AddListEntryRequest {
    proto::AddListEntryRequest {
        list: list.to_owned(),
        value: value.to_owned(),
        reason: "seen before".to_owned(),
        ..proto::AddListEntryRequest::default()
    }
}

#[tokio::test]
async fn a_value_counts_from_when_it_is_added_until_it_is_removed() {
    let running = start();
    let (mut risk, mut lists) = (running.risk().await, running.lists().await);
    assert_eq!(said(&score(&mut risk, payment("p1", "c1")).await.unwrap()), "ALLOW");
    lists.add_list_entry(on("blocked", "owner of c1")).await.unwrap();
    assert_eq!(said(&score(&mut risk, payment("p2", "c1")).await.unwrap()), "BLOCK LISTED");
    let off = proto::RemoveListEntryRequest {
        list: "blocked".to_owned(),
        value: "owner of c1".to_owned(),
    };
    lists.remove_list_entry(off).await.unwrap();
    assert_eq!(said(&score(&mut risk, payment("p3", "c1")).await.unwrap()), "ALLOW");
    assert_eq!(running.metric("list_changes_total").await, Some(2.0));
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let running = start();
    let mut lists = running.lists().await;
    for value in ["e", "a", "c"] {
        lists.add_list_entry(on("blocked", value)).await.unwrap();
    }
    let mut request = proto::ListListEntriesRequest {
        list: "blocked".to_owned(),
        page_size: 3,
        page_token: String::new(),
    };
    let first = lists.list_list_entries(request.clone()).await.unwrap().into_inner();
    let values = |page: &proto::ListListEntriesResponse| {
        page.entries.iter().map(|entry| entry.value.clone()).collect::<Vec<_>>()
    };
    assert_eq!(values(&first), ["a", "c", "e"]);
    assert_eq!(first.entries[0].reason, "seen before");
    request.page_token = first.next_page_token;
    let second = lists.list_list_entries(request).await.unwrap().into_inner();
    assert_eq!(
        (values(&second), second.next_page_token.as_str()),
        (vec!["mallory".to_owned()], "")
    );
}

#[tokio::test]
async fn a_list_that_the_bundle_lacks_is_not_found_and_bad_values_are_named() {
    let running = start();
    let mut lists = running.lists().await;
    let error = lists.add_list_entry(on("bloked", "x")).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    let mut request = on("", "");
    request.expires_at = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let error = lists.add_list_entry(request).await.unwrap_err();
    assert_eq!(super::errors::violated(&error), ["list", "value", "expires_at"]);
}
