use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::Data;

use crate::db::Fault;
use crate::hub::Hub;

const TEXT: (actix_web::http::header::HeaderName, &str) = (CONTENT_TYPE, "text/plain; charset=utf-8");

/// `GET /healthz`: the process answers.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().insert_header(TEXT).body("ok\n")
}

/// `GET /readyz`: the database answers too, so that requests may be sent here.
pub async fn ready(hub: Data<Hub>) -> HttpResponse {
    let looked = hub.db.read(|conn| crate::sites::count_active(conn).map(|_| ())).await;
    match looked {
        Ok(()) => HttpResponse::Ok().insert_header(TEXT).body("ready\n"),
        Err(fault) => {
            let fault: Fault = fault;
            tracing::warn!(error = %fault, "not ready");
            HttpResponse::ServiceUnavailable().insert_header(TEXT).insert_header((RETRY_AFTER, "5")).body("the database does not answer\n")
        }
    }
}
