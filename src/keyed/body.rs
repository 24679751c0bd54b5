//! Reads a request's body: bounded in size and in time, and only once the caller's key was found good.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Payload};
use actix_web::{FromRequest, HttpRequest};
use futures_util::poll;

use crate::push::{Refusal, RefusalKind};

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// The body, of at most `limits.body_bytes`.
pub(super) async fn read(req: &HttpRequest, payload: Payload) -> Result<Bytes, Refusal> {
    let mut payload = payload.into_inner();
    let mut reading = pin!(Bytes::from_request(req, &mut payload));
    // Mostly it is here already, together with the headers: then no timer is needed.
    let read = match poll!(reading.as_mut()) {
        Poll::Ready(read) => read,
        Poll::Pending => match actix_web::rt::time::timeout(PATIENCE, reading).await {
            Ok(read) => read,
            Err(_) => return Err(broken_off()),
        },
    };
    read.map_err(|error| match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => RefusalKind::BodyTooLarge.into(),
        _ => broken_off(),
    })
}

/// Throws a body away that nobody will read. What is here already is taken, so that the connection can go on; what is not
/// is not waited for.
pub(super) async fn discard(req: &HttpRequest, payload: Payload) {
    let mut payload = payload.into_inner();
    let reading = pin!(Bytes::from_request(req, &mut payload));
    let _ = poll!(reading);
}

fn broken_off() -> Refusal {
    Refusal::of_field(RefusalKind::BadBody, "body", "the body did not arrive whole")
}
