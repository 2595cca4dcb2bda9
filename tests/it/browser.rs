//! A real browser, driven over WebDriver (W3C) by Debian's `chromedriver`: what a person sees and clicks.
//!
//! Not here: any page.

use serde_json::{Value, json};
use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A window.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

/// What keeps Chromium from asking anybody else.
const QUIET: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

impl Browser {
    /// A new window; `None` when there is no browser on this machine, which is said loudly, and fails in CI.
    pub(crate) fn open() -> Option<Self> {
        let driver = Command::new("chromedriver").arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        match driver {
            Ok(driver) => Some(Self::with(driver)),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "chromedriver is needed in CI: {error}");
                let _ = writeln!(io::stderr(), "SKIPPED: there is no chromedriver: {error}");
                None
            }
        }
    }

    fn with(mut driver: Child) -> Self {
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let port = line.split_once("started successfully on port ")?.1;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, port: port.unwrap(), session: String::new(), _profile: profile };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments: Vec<&str> = QUIET.into_iter().chain([&*folder]).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = browser.call("POST", "", &wanted);
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    /// One request a connection, in the version that the driver insists on: status and body.
    fn send(&self, method: &str, path: &str, body: &str) -> io::Result<(String, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let (port, length) = (self.port, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes())?;
        let (mut reader, mut line, mut length) = (BufReader::new(stream), String::new(), 0);
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim().to_ascii_lowercase().split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().unwrap_or_default(),
                Some(_) => {}
                None => break,
            }
        }
        let mut answer = String::new();
        reader.take(length).read_to_string(&mut answer)?;
        Ok((status, answer))
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = match (self.session.as_str(), path) {
            ("", _) => "/session".to_owned(),
            (session, path) => format!("/session/{session}{path}"),
        };
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let (status, answer) = self.send(method, &path, &body).unwrap();
        let value: Value = serde_json::from_str(&answer).unwrap_or_default();
        assert_eq!(status, "200", "{method} {path}: {value:#}");
        value["value"].clone()
    }

    pub(crate) fn go(&self, url: &str) {
        self.call("POST", "/url", &json!({ "url": url }));
    }

    pub(crate) fn title(&self) -> String {
        self.call("GET", "/title", &json!({})).as_str().unwrap().to_owned()
    }

    pub(crate) fn url(&self) -> String {
        self.call("GET", "/url", &json!({})).as_str().unwrap().to_owned()
    }

    /// What a script in the page answers.
    pub(crate) fn ask(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// What is to be read in the first thing that this selects. At once: a page that follows what comes may be another a moment
    /// later.
    #[track_caller]
    pub(crate) fn text(&self, selector: &str) -> String {
        let text = self.ask(&format!("return document.querySelector({selector:?})?.innerText ?? ''"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks the first link that reads so.
    #[track_caller]
    pub(crate) fn click(&self, text: &str) {
        let wanted = json!({ "using": "partial link text", "value": text });
        for _ in 0..20 {
            let found = self.call("POST", "/element", &wanted);
            let id = found.as_object().unwrap().values().next().unwrap().as_str().unwrap();
            let path = format!("/session/{}/element/{id}/click", self.session);
            let (status, answer) = self.send("POST", &path, "{}").unwrap();
            if status == "200" {
                return;
            }
            // The page has put another one in its place since.
            assert!(answer.contains("stale element reference"), "{text}: {answer}");
        }
        panic!("{text} is never long enough there to be clicked");
    }

    /// Presses keys, wherever the page has its attention.
    pub(crate) fn press(&self, keys: &str) {
        let keys = keys.chars().flat_map(|key| {
            [json!({"type": "keyDown", "value": key.to_string()}), json!({"type": "keyUp", "value": key.to_string()})]
        });
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": keys.collect::<Vec<_>>()}]});
        self.call("POST", "/actions", &actions);
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        self.call("POST", "/window/rect", &json!({ "width": width, "height": height }));
    }

    /// A command of the browser's own protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) {
        self.call("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    /// What the window shows, as a picture in a file.
    pub(crate) fn picture(&self, file: &Path) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let picture = self.call("GET", "/screenshot", &json!({}));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, STANDARD.decode(picture.as_str().unwrap()).unwrap()).unwrap();
    }

    /// What the page complained of: errors, and what its own policy forbade.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let all = self.call("POST", "/se/log", &json!({ "type": "browser" }));
        let messages = all.as_array().unwrap().iter().filter_map(|entry| entry["message"].as_str());
        messages.map(ToOwned::to_owned).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let path = format!("/session/{}", self.session);
        // Chromium ends with its session, and its driver without one.
        let _ = self.send("DELETE", &path, "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
