//! Bytes of an entry.

use super::{Entry, Event};
use crate::list::{ChangeKind, ListChange};
use crate::model::codec::{
    Codec, Input, Malformed, encode_slice, encode_unsigned, record, variants,
};
use crate::policy::bundle::Files;

variants!(Entry {
    1 Score {
        1 content,
        2 received_at,
        3 occurred_at,
        4 amount_base,
        5 decision,
        6 features,
        7 locale,
    },
    2 Outcome {
        1 sequence,
        2 received_at,
        3 applied_at,
        4 effective_at,
        5 outcome,
        6 assessment,
    },
    3 Event { 1 sequence, 2 received_at, 3 applied_at, 4 effective_at, 5 event },
    4 List { 1 sequence, 2 at, 3 change },
    5 Publication { 1 sequence, 2 at, 3 policy_version, 4 files },
});

record!(Event { 1 name, 2 event_id, 3 payment_id, 4 content, 5 occurred_at });
record!(ListChange { 1 list, 2 value, 3 kind });

variants!(ChangeKind {
    1 Add { 1 expires_at, 2 reason },
    2 Remove { 1 reason },
});

impl Codec for Files {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_unsigned(out, self.0.len() as u64);
        for (path, content) in &self.0 {
            encode_slice(out, path.as_bytes());
            encode_slice(out, content);
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let count = input.count()?;
        let file = |_| Ok((input.text()?.to_owned(), input.slice()?.to_vec()));
        (0..count).map(file).collect::<Result<_, _>>().map(Self)
    }
}
