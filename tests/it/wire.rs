//! AWS's protocols by hand, for what a test has to ask or to prepare itself: one request a connection, hardly a client.
//!
//! A signature is only shaped, which is enough for accounts that are simulated. Not here: anything that is under test.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Makes one request; an error when nobody answers.
pub(crate) fn request(
    method: &str,
    endpoint: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Answer> {
    let host = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    // Version 1.0: the answer comes whole, and its end is the connection's.
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {host}\r\n{lines}Content-Length: {length}\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok(Answer { status, body: body.to_owned() })
}

/// One account in one region, as its operator sees it.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) endpoint: String,
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Operator {
    /// A call of a service that speaks the query protocol; the answer is XML. The call must succeed.
    #[track_caller]
    pub(crate) fn query(&self, service: &str, version: &str, action: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.ask(service, version, action, fields);
        assert_eq!(answer.status, 200, "{action}: {answer:?}");
        answer.body
    }

    /// The same, whatever comes of it.
    pub(crate) fn ask(&self, service: &str, version: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = format!("Action={action}&Version={version}");
        fields.iter().for_each(|(name, value)| body.push_str(&format!("&{name}={}", encoded(value))));
        let headers =
            [("Authorization", &*self.credential(service)), ("Content-Type", "application/x-www-form-urlencoded")];
        request("POST", &self.endpoint, "/", &headers, &body).unwrap()
    }

    /// A call to SSM: status and answer.
    pub(crate) fn ssm(&self, action: &str, fields: &Value) -> (u16, Value) {
        self.json("ssm", "application/x-amz-json-1.1", &format!("AmazonSSM.{action}"), fields)
    }

    /// Takes the oldest message off a queue of this account, and answers its text; nothing when there is none.
    pub(crate) fn receive(&self, queue: &str) -> String {
        let queue = format!("{}/{}/{queue}", self.endpoint, self.account);
        let call = |action: &str, fields: &Value| {
            self.json("sqs", "application/x-amz-json-1.0", &format!("AmazonSQS.{action}"), fields).1
        };
        let received = call("ReceiveMessage", &json!({ "QueueUrl": queue }));
        let Some(message) = received["Messages"].get(0) else { return String::new() };
        call("DeleteMessage", &json!({ "QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"] }));
        message["Body"].as_str().unwrap_or_default().to_owned()
    }

    /// A call of a service that speaks JSON: status and answer.
    pub(crate) fn json(&self, service: &str, kind: &str, target: &str, fields: &Value) -> (u16, Value) {
        let credential = self.credential(service);
        let headers = [("Authorization", &*credential), ("Content-Type", kind), ("X-Amz-Target", target)];
        let answer = request("POST", &self.endpoint, "/", &headers, &fields.to_string()).unwrap();
        (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
    }

    /// The value of an SSM parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let (_, answer) = self.ssm("GetParameter", &json!({ "Name": name }));
        answer["Parameter"]["Value"].as_str().map(ToOwned::to_owned)
    }

    /// Puts an SSM parameter there that no stack made.
    #[track_caller]
    pub(crate) fn put(&self, name: &str, kind: &str, value: &str) {
        let (status, answer) =
            self.ssm("PutParameter", &json!({ "Name": name, "Type": kind, "Value": value, "Overwrite": true }));
        assert_eq!(status, 200, "{answer}");
    }

    /// Gives the account guardrails with this `spec`.
    #[track_caller]
    pub(crate) fn guardrails(&self, spec: &str) {
        let text = format!("apiVersion: holdfast/v1\nkind: Guardrails\nspec: {spec}\n");
        self.put("/holdfast/guardrails", "String", &text);
    }

    /// How CloudFormation says that a stack stands; `None` when there is none of that name.
    pub(crate) fn status(&self, stack: &str) -> Option<String> {
        let answer = self.ask("cloudformation", CFN, "DescribeStacks", &[("StackName", stack)]);
        let text = answer.body.split_once("<StackStatus>")?.1;
        Some(text.split('<').next()?.to_owned())
    }

    /// Makes a stack by hand.
    pub(crate) fn create(&self, stack: &str, template: &str) {
        self.query("cloudformation", CFN, "CreateStack", &[("StackName", stack), ("TemplateBody", template)]);
    }

    /// Changes a stack by hand. Its tags stay.
    pub(crate) fn update(&self, stack: &str, template: &str) {
        self.query("cloudformation", CFN, "UpdateStack", &[("StackName", stack), ("TemplateBody", template)]);
    }

    /// What a request of this account to a service is authorized by.
    pub(crate) fn credential(&self, service: &str) -> String {
        let Self { account, region, .. } = self;
        let scope = format!("{account}/20260101/{region}/{service}/aws4_request");
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
    }
}

/// The version of CloudFormation's protocol.
pub(crate) const CFN: &str = "2010-05-15";

fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A request, as a server of a test reads it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Reads one request of a client that says how long its body is.
pub(crate) fn read_request(stream: &mut TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, length)| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { line, headers, body })
}
