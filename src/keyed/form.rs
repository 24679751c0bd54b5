//! A small form, in each of the ways in which Moodle and others send one to AirNotifier.

use actix_multipart::Multipart;
use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::push::{Refusal, RefusalKind};
use crate::web::Fields;

/// How many parts a form may have: Moodle's have at most four.
const PARTS: usize = 32;

/// Reads a form: multipart as Moodle sends it, urlencoded, or in the query; the body's fields come first. What is labelled
/// as something else is not read.
pub(super) async fn read(req: &HttpRequest, body: Bytes) -> Result<Fields, Refusal> {
    let label = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let mut form = Fields::parse(req.query_string().as_bytes());
    if label.starts_with("multipart/form-data") && !body.is_empty() {
        multipart(req, body, &mut form).await?;
    } else if label.is_empty() || label.starts_with("application/x-www-form-urlencoded") {
        form.take(Fields::parse(&body));
    }
    Ok(form)
}

async fn multipart(req: &HttpRequest, body: Bytes, form: &mut Fields) -> Result<(), Refusal> {
    let broken = |e: &dyn std::fmt::Display| Refusal::of_field(RefusalKind::BadBody, "body", format!("not a multipart form: {e}"));
    let mut parts = Multipart::new(req.headers(), stream::once(async move { Ok(body) }).boxed_local());
    let mut read = Fields::default();
    let mut count = 0;
    while let Some(mut part) = parts.try_next().await.map_err(|e| broken(&e))? {
        count += 1;
        if count > PARTS {
            return Err(broken(&format!("it has more than {PARTS} parts")));
        }
        let name = part.name().map(str::to_owned);
        let mut value = Vec::new();
        while let Some(chunk) = part.try_next().await.map_err(|e| broken(&e))? {
            value.extend_from_slice(&chunk);
        }
        if let Some(name) = name {
            read.set(&name, &String::from_utf8_lossy(&value).replace('\0', "\u{fffd}"));
        }
    }
    form.take(read);
    Ok(())
}
