//! Enrolment, in both of AirNotifier's spellings (`wire/airnotifier-server.md` 5).

use actix_multipart::Multipart;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::json;

use super::answer::{self, JSON};
use super::push::unreadable;
use super::request;
use crate::hub::Hub;
use crate::push::{self, Refusal, RefusalKind};
use crate::web::Fields;

/// Not a token: Moodle asks for it to check its key.
const TEST_TOKEN: &str = "testtoken";
/// The longest device or channel name, in bytes.
const NAME_BYTES: usize = 64;

/// `POST /tokens/{token}`: the token in the path, `device` and `channel` in a form, in the query, or nowhere.
pub async fn create_v1(hub: Data<Hub>, req: HttpRequest, token: Path<String>, body: Result<Bytes, actix_web::Error>) -> HttpResponse {
    if *token == TEST_TOKEN {
        return answer::checked(&hub, &push::test_token(&hub.hall, request(&req)));
    }
    let body = match body {
        Ok(body) => body,
        Err(error) => return answer::refused(&hub, &unreadable(&error)),
    };
    let done = async {
        let form = form(&req, body).await?;
        let (device, channel) = (named(&form.device, "fcm", "device")?, named(&form.channel, "default", "channel")?);
        push::enrol(&hub.hall, request(&req), &token, device, channel).await
    };
    match done.await {
        Ok(true) => HttpResponse::Ok().insert_header(JSON).json(json!({"status": "ok"})),
        Ok(false) => HttpResponse::Ok().insert_header(JSON).json(json!({"status": "token exists"})),
        Err(refusal) => answer::refused(&hub, &refusal),
    }
}

#[derive(Deserialize)]
struct TokenBody {
    token: String,
    #[serde(default)]
    device: Option<String>,
    #[serde(default)]
    channel: Option<String>,
}

/// `POST /api/v2/tokens`: all in a JSON body; the answer has none.
pub async fn create_v2(hub: Data<Hub>, req: HttpRequest, body: Result<Bytes, actix_web::Error>) -> HttpResponse {
    let done = async {
        let body = body.map_err(|error| unreadable(&error))?;
        let body: TokenBody = serde_json::from_slice(&body)
            .map_err(|e| Refusal::of_field(RefusalKind::BadBody, "body", format!("not the JSON object that is expected: {e}")))?;
        let form = Form { device: body.device.unwrap_or_default(), channel: body.channel.unwrap_or_default() };
        let (device, channel) = (named(&form.device, "fcm", "device")?, named(&form.channel, "default", "channel")?);
        push::enrol(&hub.hall, request(&req), &body.token, device, channel).await
    };
    match done.await {
        Ok(_) => HttpResponse::Ok().insert_header(JSON).finish(),
        Err(refusal) => answer::refused(&hub, &refusal),
    }
}

/// `DELETE /tokens/{token}` and `DELETE /api/v2/tokens/{token}`.
pub async fn delete(hub: Data<Hub>, req: HttpRequest, token: Path<String>) -> HttpResponse {
    match push::forget(&hub.hall, request(&req), &token).await {
        Ok(true) => HttpResponse::Ok().insert_header(JSON).json(json!({"status": "deleted"})),
        // AirNotifier's member is `status`; the words are not `Unregistered token`, which would make Moodle delete a device.
        Ok(false) => HttpResponse::NotFound().insert_header(JSON).json(json!({
            "status": "Token doesn't exist", "error": "Token doesn't exist", "code": "no_such_token", "help": hub.public_url.join("/help"),
        })),
        Err(refusal) => answer::refused(&hub, &refusal),
    }
}

#[derive(Default)]
struct Form {
    device: String,
    channel: String,
}

/// A name of a device or channel, or its default when there is none.
fn named<'a>(given: &'a str, default: &'a str, field: &'static str) -> Result<&'a str, Refusal> {
    let good = given.len() <= NAME_BYTES && given.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    match given {
        "" => Ok(default),
        _ if good => Ok(given),
        _ => Err(Refusal::of_field(
            RefusalKind::BadBody,
            field,
            format!("at most {NAME_BYTES} letters, digits, dots, hyphens and underscores"),
        )),
    }
}

/// The form: multipart as Moodle sends it, urlencoded, or in the query.
async fn form(req: &HttpRequest, body: Bytes) -> Result<Form, Refusal> {
    let label = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let mut form = if label.starts_with("multipart/form-data") && !body.is_empty() {
        multipart(req, body).await?
    } else {
        let fields = Fields::parse(&body);
        Form { device: fields.text("device").to_owned(), channel: fields.text("channel").to_owned() }
    };
    let query = Fields::parse(req.query_string().as_bytes());
    if form.device.is_empty() {
        form.device = query.text("device").to_owned();
    }
    if form.channel.is_empty() {
        form.channel = query.text("channel").to_owned();
    }
    Ok(form)
}

async fn multipart(req: &HttpRequest, body: Bytes) -> Result<Form, Refusal> {
    let broken = |e: &dyn std::fmt::Display| Refusal::of_field(RefusalKind::BadBody, "body", format!("not a multipart form: {e}"));
    let mut parts = Multipart::new(req.headers(), stream::once(async move { Ok(body) }).boxed_local());
    let mut form = Form::default();
    while let Some(mut part) = parts.try_next().await.map_err(|e| broken(&e))? {
        let name = part.name().unwrap_or_default().to_owned();
        let mut value = Vec::new();
        while let Some(chunk) = part.try_next().await.map_err(|e| broken(&e))? {
            value.extend_from_slice(&chunk);
        }
        let value = String::from_utf8(value).map_err(|e| broken(&e))?;
        match name.as_str() {
            "device" => form.device = value,
            "channel" => form.channel = value,
            _ => {}
        }
    }
    Ok(form)
}
