//! The OpenAPI 3.1 description of the API, generated from the table of routes ([`super::routes`]) and from
//! the request and response types: a route without a description can't be registered.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::server::access::RequiredAccess;
use crate::server::error::ErrorBody;

/// One method of one path.
#[derive(Debug)]
pub(super) struct Operation {
    /// Constant name, for generated clients.
    pub id: &'static str,
    /// `get` or `post`.
    pub method: &'static str,
    /// Path as in the router: `/api/v1/jobs/{source}/{job}`.
    pub path: &'static str,
    /// Summary in one sentence.
    pub summary: &'static str,
    /// Description of the successful response, in one sentence.
    pub gives: &'static str,
    /// Names of the query parameters.
    pub query: &'static [&'static str],
    /// Required permission.
    pub need: RequiredAccess,
    /// Schema of the request body; `None` if the operation takes no body.
    pub body: Option<SchemaOf>,
    /// Successful response.
    pub answer: ResponseDescription,
    /// Error statuses in addition to those that follow from `need` and `method`.
    pub errors: &'static [u16],
}

/// Function that generates the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Successful response of an operation.
#[derive(Debug)]
pub(super) enum ResponseDescription {
    /// JSON of this schema with this status.
    Json(u16, SchemaOf),
    /// JSON of this schema with one of two statuses.
    Either([u16; 2], SchemaOf),
    /// JSON with a standard of its own (OpenAPI).
    Document,
    /// Text of this media type.
    Text(&'static str),
}

/// Returns the function that generates a reference to the schema of `T`.
pub(super) fn schema<T: JsonSchema>() -> SchemaOf {
    SchemaGenerator::subschema_for::<T>
}

/// Returns the OpenAPI document of these operations.
pub(super) fn document<'a>(operations: impl Iterator<Item = &'a Operation>) -> Value {
    let mut writer = OpenApiWriter::new();
    let mut paths = Map::new();
    for operation in operations {
        let described = writer.operation(operation);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "bronzed",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Jobs, datasets and runs of a bronzed daemon.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": writer.definitions(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

/// Generates the descriptions of operations and collects the schemas that they refer to. Request and
/// response schemas differ: a field with a default is optional in a request and always present in a
/// response.
struct OpenApiWriter {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

impl OpenApiWriter {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            taken: settings.clone().into_generator(),
            given: settings.for_serialize().into_generator(),
        }
    }

    fn definitions(mut self) -> Map<String, Value> {
        let mut all = self.taken.take_definitions(true);
        all.extend(self.given.take_definitions(true));
        all
    }

    fn operation(&mut self, operation: &Operation) -> Value {
        let mut described = json!({
            "operationId": operation.id,
            "summary": operation.summary,
            "parameters": parameters(operation),
            "security": security(operation.need),
            "responses": self.responses(operation),
        });
        if let Some(body) = operation.body {
            described["requestBody"] = json!({
                "required": true,
                "content": {"application/json": {"schema": body(&mut self.taken)}},
            });
        }
        described
    }

    fn responses(&mut self, operation: &Operation) -> Map<String, Value> {
        let mut responses = Map::new();
        let error = json!({
            "description": "It isn't done; the body says why, and what would help.",
            "content": {"application/json": {"schema": self.given.subschema_for::<ErrorBody>()}},
        });
        for status in error_statuses(operation) {
            responses.insert(status.to_string(), error.clone());
        }
        let (statuses, media_type, schema) = match &operation.answer {
            ResponseDescription::Json(status, schema) => {
                (vec![*status], JSON, schema(&mut self.given).into())
            }
            ResponseDescription::Either(statuses, schema) => {
                (statuses.to_vec(), JSON, schema(&mut self.given).into())
            }
            ResponseDescription::Document => (vec![200], JSON, json!({"type": "object"})),
            ResponseDescription::Text(media_type) => {
                (vec![200], *media_type, json!({"type": "string"}))
            }
        };
        for status in statuses {
            let mut content = Map::new();
            content.insert(media_type.to_owned(), json!({"schema": schema}));
            let described = json!({"description": operation.gives, "content": content});
            responses.insert(status.to_string(), described);
        }
        responses
    }
}

const JSON: &str = "application/json";

/// Returns all error statuses of an operation.
fn error_statuses(operation: &Operation) -> Vec<u16> {
    let mut statuses = operation.errors.to_vec();
    if operation.need != RequiredAccess::Public {
        statuses.extend([401, 403, 503]);
    }
    if operation.method == "post" {
        statuses.extend([408, 413, 415, 422]);
    }
    statuses
}

/// Returns the path parameters (`{…}`) and the query parameters.
fn parameters(operation: &Operation) -> Vec<Value> {
    let described = |name, place, required| json!({"name": name, "in": place, "required": required, "schema": {"type": "string"}});
    let parts = operation.path.split('/');
    let names = parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = names.map(|name| described(name, "path", true));
    let query = operation.query.iter();
    let in_query = query.map(|name| described(*name, "query", false));
    in_path.chain(in_query).collect()
}

/// Returns the security requirements. The alternative `{}` of read routes means that a token may be
/// unnecessary, which depends on the listen address and on `public_reads`.
fn security(need: RequiredAccess) -> Value {
    match need {
        RequiredAccess::Public => json!([]),
        RequiredAccess::Read => json!([{}, {"token": []}]),
        RequiredAccess::Change => json!([{"token": []}]),
    }
}
