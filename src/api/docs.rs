//! The API's document as a page: `GET /docs/api`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;
use serde_json::Value;

use super::openapi;
use crate::error::Error;
use crate::hub::Hub;
use crate::visit::Visit;
use crate::web::{self, Page};

/// A value in a table: what it is called, what it is, and what it means.
struct Row {
    name: String,
    kind: String,
    required: bool,
    text: String,
}

struct Answer {
    status: String,
    text: String,
    /// What its body is, if it has one.
    schema: String,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    text: String,
    parameters: Vec<Row>,
    body: Vec<Row>,
    answer: Vec<Row>,
    answers: Vec<Answer>,
    /// Where on the page its command is.
    command: String,
    curl: String,
}

struct Group {
    name: String,
    text: String,
    operations: Vec<Operation>,
}

#[derive(Template)]
#[template(path = "public/api_docs.html")]
struct DocsPage {
    page: Page,
    text: String,
    groups: Vec<Group>,
}

/// The order in which methods of one path are told.
static METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

/// What is not there.
static NOTHING: Value = Value::Null;

/// `GET /docs/api`
pub async fn show(hub: Data<Hub>, visit: Visit) -> Result<HttpResponse, Error> {
    let public_url = hub.public_url.as_str().to_owned();
    let document = serde_json::to_value(openapi::document(&public_url, hub.hall.apps.keys().map(String::as_str)))
        .map_err(|e| Error::Internal(e.into()))?;
    let page =
        DocsPage { page: visit.page(&hub), text: text(&document["info"], "description"), groups: Document(&document).groups(&public_url) };
    web::html(StatusCode::OK, &page)
}

fn text(value: &Value, member: &str) -> String {
    // Code marks are for readers of Markdown.
    value[member].as_str().unwrap_or_default().replace('`', "")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The document, to be looked things up in.
struct Document<'a>(&'a Value);

impl Document<'_> {
    fn groups(&self, public_url: &str) -> Vec<Group> {
        let group = |tag: &Value| Group {
            name: text(tag, "name"),
            text: text(tag, "description"),
            operations: self.operations(&text(tag, "name"), public_url),
        };
        list(&self.0["tags"]).iter().map(group).collect()
    }

    fn operations(&self, tag: &str, public_url: &str) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        let all = paths.flat_map(|(path, item)| METHODS.iter().filter_map(move |method| Some((path, *method, item.get(*method)?))));
        let tagged = all.filter(|(.., operation)| list(&operation["tags"]).iter().any(|known| known == tag));
        tagged.map(|(path, method, operation)| self.operation(path, method, operation, public_url)).collect()
    }

    fn operation(&self, path: &str, method: &str, operation: &Value, public_url: &str) -> Operation {
        let parameter = |parameter: &Value| Row {
            name: text(parameter, "name"),
            kind: format!("{}, in the {}", self.kind(&parameter["schema"]), text(parameter, "in")),
            required: parameter["required"] == true,
            text: text(parameter, "description"),
        };
        let body = &operation["requestBody"]["content"]["application/json"];
        let answers = operation["responses"].as_object().into_iter().flatten();
        let done = answers.clone().find(|(status, _)| status.starts_with('2')).map_or(&NOTHING, |(_, answer)| answer);
        Operation {
            command: format!("curl-{}", text(operation, "operationId")),
            id: text(operation, "operationId"),
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            summary: text(operation, "summary"),
            text: text(operation, "description"),
            parameters: list(&operation["parameters"]).iter().map(parameter).collect(),
            body: self.members(&body["schema"]),
            answer: self.members(&done["content"]["application/json"]["schema"]),
            answers: answers.map(|(status, answer)| self.answer(status, answer)).collect(),
            curl: curl(
                public_url,
                path,
                method,
                // An empty requirement: no key is wanted.
                list(&operation["security"]).iter().any(|one| one.as_object().is_some_and(serde_json::Map::is_empty)),
                &body["example"],
            ),
        }
    }

    fn answer(&self, status: &str, answer: &Value) -> Answer {
        let content = answer["content"].as_object().and_then(|content| content.values().next());
        let schema = content.map(|content| self.kind(&content["schema"])).unwrap_or_default();
        Answer { status: status.to_owned(), text: text(answer, "description"), schema }
    }

    /// What a reference refers to.
    fn resolved<'b>(&'b self, schema: &'b Value) -> &'b Value {
        let name = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next());
        name.map_or(schema, |name| &self.0["components"]["schemas"][name])
    }

    /// The parts that a schema is put together from: all of them, or any.
    fn parts<'b>(&'b self, schema: &'b Value) -> Vec<&'b Value> {
        let schema = self.resolved(schema);
        let parts = ["allOf", "oneOf", "anyOf"].into_iter().flat_map(|how| list(&schema[how]));
        let parts: Vec<&Value> = parts.flat_map(|part| self.parts(part)).collect();
        if parts.is_empty() { vec![schema] } else { parts.into_iter().chain([schema]).collect() }
    }

    /// The members of an object, each once.
    fn members(&self, schema: &Value) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for part in self.parts(schema) {
            for (name, member) in part["properties"].as_object().into_iter().flatten() {
                let kind = self.kind(member);
                if let Some(known) = rows.iter_mut().find(|row| row.name == *name) {
                    // Of another kind in another of the shapes that the body may have.
                    if !known.kind.contains(&kind) {
                        known.kind = format!("{} or {kind}", known.kind);
                    }
                    continue;
                }
                let required = list(&part["required"]).iter().any(|known| known == name);
                let own = text(member, "description");
                let text = if own.is_empty() { text(self.resolved(member), "description") } else { own };
                rows.push(Row { name: name.clone(), kind, required, text });
            }
        }
        rows
    }

    /// What a value is, in a few words.
    fn kind(&self, schema: &Value) -> String {
        let parts = self.parts(schema);
        if let [whole] = parts.as_slice() {
            return self.kind_of_one(whole);
        }
        let mut kinds: Vec<String> = Vec::new();
        // The last one is what holds the parts together.
        for part in parts.iter().take(parts.len() - 1) {
            let kind = self.kind_of_one(part);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds.join(" or ")
    }

    fn kind_of_one(&self, schema: &Value) -> String {
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one.as_str()],
            many => list(many).iter().filter_map(Value::as_str).collect(),
        };
        let words: Vec<&str> = list(&schema["enum"]).iter().filter_map(Value::as_str).collect();
        if !words.is_empty() {
            return words.join(", ");
        }
        let mut kind = if types.is_empty() { "anything".to_owned() } else { types.join(" or ") };
        if types.contains(&"array") {
            kind = format!("list of {}", self.kind(&schema["items"]));
        }
        if let Some(format) = schema["format"].as_str().filter(|format| !format.starts_with("int")) {
            kind = format!("{kind} ({format})");
        }
        match (schema["minimum"].as_u64(), schema["maximum"].as_u64(), schema["maxLength"].as_u64(), schema["maxItems"].as_u64()) {
            (Some(least), Some(most), ..) => format!("{kind}, {least} to {most}"),
            (_, _, Some(longest), _) => format!("{kind}, at most {longest} characters"),
            (_, _, _, Some(most)) => format!("{kind}, at most {most}"),
            _ => kind,
        }
    }
}

/// A command that does it.
fn curl(public_url: &str, path: &str, method: &str, for_anybody: bool, example: &Value) -> String {
    let path = path.replace('{', "$").replace('}', "").replace("$key", "$KEY_ID").replace("$device", "$DEVICE_ID");
    let path = path.replace("$broadcast", "$BROADCAST_ID");
    let method = if method == "get" { String::new() } else { format!(" -X {}", method.to_ascii_uppercase()) };
    let mut command = format!("curl{method} \"{public_url}{path}\"");
    if !for_anybody {
        command += " \\\n  -H \"X-AN-APP-KEY: $KEY\"";
    }
    if !example.is_null() {
        // An apostrophe would end the shell's text.
        let body = example.to_string().replace('\'', "\\u0027");
        command += &format!(" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{body}'");
    }
    command
}
