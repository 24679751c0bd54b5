use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{self, JSON};
use super::{body, request};
use crate::gateways::Connections;
use crate::hub::Hub;
use crate::push::{self, Tally};

/// `POST /api/v2/push`: one message to one device of the caller's site. The body is JSON, whatever it is labelled as.
pub async fn push(hub: Data<Hub>, connections: Data<Connections>, tally: Data<Tally>, req: HttpRequest, payload: Payload) -> HttpResponse {
    let done = match push::caller(&hub.hall, request(&req)) {
        Ok(caller) => {
            let body = body::read(&req, payload).await;
            push::push(&hub.hall, &connections, &tally, &caller, body.as_ref().map(Bytes::as_ref).map_err(Clone::clone), None).await
        }
        Err(refusal) => {
            body::discard(&req, payload).await;
            Err(refusal)
        }
    };
    match done {
        Ok(()) => HttpResponse::Accepted().insert_header(JSON).finish(),
        Err(refusal) => answer::refused(&hub, &refusal),
    }
}
