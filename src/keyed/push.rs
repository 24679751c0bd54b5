use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{self, JSON};
use super::request;
use crate::gateways::Connections;
use crate::hub::Hub;
use crate::push::{self, Refusal, RefusalKind, Tally};

/// `POST /api/v2/push`: one message to one device of the caller's site. The body is JSON, whatever it is labelled as.
pub async fn push(
    hub: Data<Hub>,
    connections: Data<Connections>,
    tally: Data<Tally>,
    req: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
) -> HttpResponse {
    let done = match body {
        Ok(body) => push::push(&hub.hall, &connections, &tally, request(&req), &body).await,
        Err(error) => Err(unreadable(&error)),
    };
    match done {
        Ok(()) => HttpResponse::Accepted().insert_header(JSON).finish(),
        Err(refusal) => answer::refused(&hub, &refusal),
    }
}

/// A body that could not be read whole.
pub(super) fn unreadable(error: &actix_web::Error) -> Refusal {
    if error.as_response_error().status_code() == actix_web::http::StatusCode::PAYLOAD_TOO_LARGE {
        RefusalKind::BodyTooLarge.into()
    } else {
        Refusal::of_field(RefusalKind::BadBody, "body", "the body did not arrive whole")
    }
}
