//! How requests come off the wire and answers go onto it.
//!
//! tonic's own codec answers INTERNAL to bytes that are no message, and ends a stream at the first of
//! them. Here what cannot be decoded is the caller's mistake, named by its field, and a message of a
//! stream is handed on undecoded, so that its error is its own.
// CRITICAL PATH: a change here carries its number from `benches/rpc.rs`.

use std::marker::PhantomData;

use prost::bytes::{Buf as _, Bytes};
use prost::{DecodeError, Message};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::model::intake::Violation;
use crate::server::proto::ScoreRequest;
use crate::server::refusal::Refusal;

/// What can be read off the wire.
pub(super) trait FromWire: Sized {
    /// Reads one message.
    ///
    /// # Errors
    /// What is wrong with it.
    fn from_wire(bytes: &mut DecodeBuf<'_>) -> Result<Self, Refusal>;
}

/// A message of a stream whose payload is not decoded yet.
#[derive(Clone, Debug)]
pub(super) struct StreamMessage {
    /// How long it was, in bytes.
    pub length: usize,
    envelope: Result<Envelope, DecodeError>,
}

/// `ScoreStreamRequest`, its fields as they came.
#[derive(Clone, PartialEq, Eq, Message)]
struct Envelope {
    #[prost(bytes = "bytes", tag = "1")]
    correlation_id: Bytes,
    #[prost(bytes = "bytes", optional, tag = "2")]
    request: Option<Bytes>,
}

/// Encodes `T`, decodes `U`.
#[derive(Debug)]
pub(super) struct WireCodec<T, U> {
    types: PhantomData<(T, U)>,
}

/// Encodes an answer.
#[derive(Debug)]
pub(super) struct WireEncoder<T>(PhantomData<T>);

/// Decodes a request.
#[derive(Debug)]
pub(super) struct WireDecoder<U>(PhantomData<U>);

// === impl FromWire ===

impl<M: Message + Default> FromWire for M {
    fn from_wire(bytes: &mut DecodeBuf<'_>) -> Result<Self, Refusal> {
        Self::decode(bytes).map_err(|error| undecodable("", &error))
    }
}

impl FromWire for StreamMessage {
    fn from_wire(bytes: &mut DecodeBuf<'_>) -> Result<Self, Refusal> {
        let length = bytes.remaining();
        let envelope = Envelope::decode(&mut *bytes);
        // What is left of a message that is none would be taken for the next one.
        bytes.advance(bytes.remaining());
        Ok(Self { length, envelope })
    }
}

// === impl StreamMessage ===

impl StreamMessage {
    /// The correlation id; empty when it could not be read.
    pub(super) fn correlation_id(&self) -> &str {
        match &self.envelope {
            Ok(envelope) => std::str::from_utf8(&envelope.correlation_id).unwrap_or_default(),
            Err(_) => "",
        }
    }

    /// The request.
    ///
    /// # Errors
    /// What is wrong with the message.
    pub(super) fn request(&self) -> Result<ScoreRequest, Refusal> {
        let envelope = self.envelope.as_ref().map_err(|error| undecodable("", error))?;
        if std::str::from_utf8(&envelope.correlation_id).is_err() {
            return Err(Refusal::undecodable("correlation_id", "must be valid UTF-8"));
        }
        if envelope.correlation_id.len() > CORRELATION_ID_BYTES_MAX {
            let problem = format!("must be at most {CORRELATION_ID_BYTES_MAX} bytes");
            let field = "correlation_id".to_owned();
            return Err(Refusal::Invalid(vec![Violation { field, problem }]));
        }
        let Some(request) = &envelope.request else {
            let (field, problem) = ("request".to_owned(), "is required".to_owned());
            return Err(Refusal::Invalid(vec![Violation { field, problem }]));
        };
        ScoreRequest::decode(request.clone()).map_err(|error| undecodable("request", &error))
    }
}

const CORRELATION_ID_BYTES_MAX: usize = 128;

// === impl WireCodec ===

impl<T, U> Default for WireCodec<T, U> {
    fn default() -> Self {
        Self { types: PhantomData }
    }
}

impl<T, U> Codec for WireCodec<T, U>
where
    T: Message + Send + 'static,
    U: FromWire + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = WireEncoder<T>;
    type Decoder = WireDecoder<U>;

    fn encoder(&mut self) -> WireEncoder<T> {
        WireEncoder(PhantomData)
    }

    fn decoder(&mut self) -> WireDecoder<U> {
        WireDecoder(PhantomData)
    }
}

impl<T: Message> Encoder for WireEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(into).map_err(|_full| Status::internal("the answer does not fit its buffer"))
    }
}

impl<U: FromWire> Decoder for WireDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        match U::from_wire(from) {
            Ok(message) => Ok(Some(message)),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

/// Names the field in which decoding stopped. prost writes the way there from the inside out, as
/// `Card.token: Payment.card: ScoreRequest.payment: invalid string value: …`.
fn undecodable(within: &str, error: &DecodeError) -> Refusal {
    let text = error.to_string();
    let text = text.strip_prefix("failed to decode Protobuf message: ").unwrap_or(&text);
    let mut path = Vec::new();
    let mut rest = text;
    while let Some((step, after)) = rest.split_once(": ") {
        let Some((message, field)) = step.split_once('.') else { break };
        if message.contains(' ') || field.contains(' ') {
            break;
        }
        path.push(field.trim_start_matches("r#"));
        rest = after;
    }
    if !within.is_empty() {
        path.push(within);
    }
    path.reverse();
    Refusal::undecodable(&path.join("."), rest)
}
