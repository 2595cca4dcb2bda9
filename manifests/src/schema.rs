//! The JSON schemas of all documents, made from the types that read and write them.
//!
//! `cargo x schema` writes them to `manifests/schema`; an editor with a YAML language server completes and checks
//! manifests with the first.

use crate::{guardrails, report::Event, trust, written};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Map, Value, json};

/// The schemas by file name, each as the text of the file.
pub fn files() -> [(&'static str, String); 3] {
    [
        ("guardrails.v1.json", text(&guardrails())),
        ("manifest.v1.json", text(&manifest())),
        ("report.v1.json", text(&report())),
    ]
}

fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft07().into_generator() // the draft that editors know
}

/// One of the kinds, told apart by `kind`.
fn manifest() -> Value {
    let mut generator = generator();
    let kinds = [
        generator.subschema_for::<written::StackManifest>(),
        generator.subschema_for::<written::FleetManifest>(),
        generator.subschema_for::<written::AccountsManifest>(),
        generator.subschema_for::<written::ApprovalManifest>(),
        generator.subschema_for::<trust::WrittenTrust>(),
        generator.subschema_for::<trust::WrittenApproval>(),
    ];
    let schema = json_schema!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Holdfast manifest",
        "description": "What is asked: a stack, the fleet, some of its accounts, leave for a plan, or who may sign.",
        "oneOf": kinds,
    });
    let mut schema = schema.to_value();
    schema["definitions"] = Value::Object(generator.take_definitions(true));
    refuse_null(&mut schema);
    schema
}

/// A manifest's field may be left out, and may not be there without a value; schemars takes the two for the same.
fn refuse_null(schema: &mut Value) {
    if let Value::Object(fields) = schema {
        if let Some(Value::Array(types)) = fields.get_mut("type") {
            types.retain(|name| name != "null");
            if let [name] = types.as_slice() {
                fields["type"] = name.clone();
            }
        }
        if let Some(Value::Array(forms)) = fields.get_mut("anyOf") {
            forms.retain(|form| form != &json!({ "type": "null" }));
            if forms.len() == 1 {
                let forms = fields.remove("anyOf");
                fields.extend(forms.map(|forms| ("allOf".to_owned(), forms)));
            }
        }
        fields.retain(|name, value| name != "default" || !value.is_null());
        fields.values_mut().for_each(refuse_null);
    } else if let Value::Array(items) = schema {
        items.iter_mut().for_each(refuse_null);
    }
}

/// An account's guardrails.
fn guardrails() -> Value {
    let mut generator = generator();
    let mut schema = <guardrails::Written as JsonSchema>::json_schema(&mut generator).to_value();
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Holdfast guardrails");
    schema["definitions"] = Value::Object(generator.take_definitions(true));
    refuse_null(&mut schema);
    schema
}

/// The event that carries a report. Readers let unknown fields and words pass, so the schema does too.
fn report() -> Value {
    let mut generator = generator();
    let mut schema = <Event as JsonSchema>::json_schema(&mut generator).to_value();
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Holdfast report");
    schema["definitions"] = Value::Object(generator.take_definitions(true));
    let words = schema["definitions"].as_object_mut().into_iter().flatten().map(|(_, definition)| definition);
    words.filter_map(Value::as_object_mut).for_each(open_words);
    schema
}

/// A list of words ends in "or another one".
fn open_words(definition: &mut Map<String, Value>) {
    if let Some(Value::Array(mut words)) = definition.remove("oneOf") {
        words.push(json!({ "type": "string", "description": "A word of a newer agent, to be read as `unknown`." }));
        definition.insert("anyOf".to_owned(), Value::Array(words));
    }
}
