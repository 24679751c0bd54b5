//! Many pushes in one request: each goes the one way that pushes go.

use std::str;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::auth;
use super::body::{self, Members};
use super::list::Query;
use super::once::Call;
use super::problem::Problem;
use crate::error::whole_seconds;
use crate::gateways::Connections;
use crate::hub::Hub;
use crate::ids::PushId;
use crate::limits::Network;
use crate::push::{self, Refusal, RefusalKind, Request, Tally};

/// How many pushes a batch may have.
const MOST: usize = 500;
/// How many of them are on their way at once.
const AT_ONCE: usize = 16;
/// The largest batch: each of its pushes with 8 KiB.
const BODY_BYTES: usize = 4 * 1024 * 1024;

/// A batch of pushes.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Each as `POST /api/v2/push` takes it. What is wrong with one is said in its outcome.
    #[schema(value_type = Vec<Value>, max_items = 500)]
    pub pushes: Vec<serde_json::Value>,
}

/// What became of a push. `rejected`: it won't go through like this. `failed`: it may, later.
#[derive(ToSchema)]
#[schema(as = OutcomeName, rename_all = "lowercase")]
pub enum OutcomeName {
    Delivered,
    Rejected,
    Failed,
}

/// What became of a push.
#[derive(Serialize, ToSchema)]
pub struct Outcome {
    #[schema(value_type = OutcomeName)]
    pub outcome: String,
    /// `delivered`, or why not: the codes are on the hub's help page.
    pub code: String,
    /// By this the push is found among the deliveries.
    #[schema(value_type = String, format = "uuid")]
    pub message_id: PushId,
    /// What is wrong with the push, or the page that says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// In so many seconds it may be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// What became of each push of a batch, in its order.
#[derive(Serialize, ToSchema)]
pub struct Outcomes {
    pub outcomes: Vec<Outcome>,
}

/// The outcome of a push, in one word.
pub(super) fn word(kind: Option<RefusalKind>) -> &'static str {
    match kind {
        None => "delivered",
        Some(kind) if kind.row().status == 503 => "failed",
        Some(_) => "rejected",
    }
}

impl Outcome {
    fn new(hub: &Hub, done: Result<(), Refusal>, message_id: PushId) -> Self {
        let outcome = word(done.as_ref().err().map(|refusal| refusal.kind)).to_owned();
        match done {
            Ok(()) => Self { outcome, code: "delivered".to_owned(), message_id, detail: None, retry_after: None },
            Err(refusal) => Self {
                outcome,
                code: refusal.kind.row().code.to_owned(),
                message_id,
                detail: refusal
                    .detail
                    .as_deref()
                    .map(|(field, words)| format!("{field}: {words}"))
                    .or_else(|| refusal.site.map(|_| format!("see {}", hub.public_url.join(&refusal.help_path())))),
                retry_after: refusal.retry_after.map(whole_seconds),
            },
        }
    }
}

/// The pushes of a batch, each as it came.
#[derive(Deserialize)]
struct Pushes<'a> {
    #[serde(borrow)]
    pushes: Vec<&'a RawValue>,
}

fn parse(body: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let text = str::from_utf8(body).map_err(|_| Problem::unreadable("The body is not UTF-8."))?;
    let wrong = |words: String| Problem::field("pushes", words);
    match serde_json::from_str::<Pushes<'_>>(text) {
        Ok(Pushes { pushes }) if pushes.len() > MOST => {
            Err(wrong(format!("a batch has at most {MOST} pushes, and this has {}", pushes.len())))
        }
        // What else is in it is looked at all the same.
        Ok(Pushes { pushes }) => Members::read(body, &["pushes"]).map(|_| pushes),
        // First of all whether it is JSON, and an object, and what else it has.
        Err(_) => match Members::read(body, &["pushes"]) {
            Ok(_) => Err(wrong("a list of pushes is expected".into())),
            Err(problem) => Err(problem),
        },
    }
}

/// What each push of a batch goes with.
struct Sender<'a> {
    hub: &'a Hub,
    connections: &'a Connections,
    tally: &'a Tally,
    app: &'a str,
    key: Option<&'a str>,
    from: Network,
}

impl Sender<'_> {
    /// Sends one: with a look at the key of its own, since that may be revoked meanwhile, and with its own time.
    async fn send(&self, push: &RawValue) -> Outcome {
        let (hall, id) = (&self.hub.hall, PushId::new(self.hub.clock.now()));
        let done = async {
            let caller = push::caller(hall, Request { app: Some(self.app), key: self.key, from: Some(self.from) })?;
            let body = push.get().as_bytes();
            let body = if body.len() > self.hub.limits().body_bytes { Err(RefusalKind::BodyTooLarge.into()) } else { Ok(body) };
            push::push(hall, self.connections, self.tally, &caller, body, Some(id)).await
        };
        Outcome::new(self.hub, done.await, id)
    }
}

/// Push a batch
///
/// Up to 500 pushes, each to one device. The answer tells what became of each, in their order, once all of them are done. They
/// are taken from the same rate and quota as single ones. `X-AN-APP-NAME` says which app they are for.
#[utoipa::path(
    post, path = "/api/v1/push/batch", tag = "Pushes", operation_id = "push_batch",
    request_body(
        content = Batch, description = "The pushes.", content_type = "application/json",
        example = json!({"pushes": [{"device": "Android-fcm", "token": "dXJ0:APA91bHPRgkF3JUikC4EN", "alert": "Hello"}]})
    ),
    responses((status = 200, description = "What became of each.", body = Outcomes)),
)]
pub async fn batch(
    hub: Data<Hub>,
    connections: Data<Connections>,
    tally: Data<Tally>,
    req: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (caller, bytes) = auth::enter_with_body(&hub, &req, payload, BODY_BYTES).await?;
    Query::of(&req, &[])?;
    let app = auth::named_app(&req)?.or_else(|| auth::main_app(&hub));
    let sender = Sender {
        hub: &hub,
        connections: &connections,
        tally: &tally,
        app: app.as_ref().map(|app| app.as_str()).unwrap_or_default(),
        key: auth::presented(&req),
        from: auth::network(&hub, &req),
    };
    let pushes = parse(&bytes)?;
    let call = Call { hub: &hub, req: &req, caller: &caller, body: &bytes };
    let sent = async {
        let outcomes: Vec<Outcome> = stream::iter(pushes).map(|push| sender.send(push)).buffered(AT_ONCE).collect().await;
        body::answer(200, &Outcomes { outcomes })
    };
    call.run(sent).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_taken_apart_and_nothing_else() {
        let pushes = parse(br#"{"pushes": [{"token": "a"}, 7, null]}"#).unwrap();
        assert_eq!(pushes.iter().map(|push| push.get()).collect::<Vec<_>>(), [r#"{"token": "a"}"#, "7", "null"]);
        assert!(parse(br#"{"pushes": []}"#).unwrap().is_empty());
        let many = format!("{{\"pushes\": [{}0]}}", "0,".repeat(MOST));
        for bad in [r#"{"pushes": {}}"#, r#"[[]]"#, "{}", r#"{"pushes": [], "more": 1}"#, "{", "", many.as_str()] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"{\"pushes\": [\"\xff\"]}").is_err());
    }
}
