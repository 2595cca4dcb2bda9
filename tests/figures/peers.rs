//! The peers: sceptre, `aws cloudformation deploy` and cdk, each as its own documentation says it is used.
//!
//! Each is installed once, at a fixed version, into a folder of its own below `target/figures`. One that can't be had is
//! left out, and the reason is printed.

use crate::{
    complain,
    history::TEMPLATE,
    process::{MeasureError, Program},
    stage::{HOME, Stage},
};
use manifests::id::AccountId;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A tool that brings stacks to an account.
pub(crate) trait Peer {
    /// What it is called.
    fn name(&self) -> &'static str;
    /// How many stacks it is asked for when so many are wanted: a tool that takes minutes for 20 is not asked for 200.
    fn most(&self, stacks: usize) -> usize {
        stacks
    }
    /// Writes its project for so many stacks.
    fn prepare(&self, stage: &Stage, account: &AccountId, folder: &Path, stacks: usize) -> Result<Desk, MeasureError>;
    /// Gives stack 7 another value.
    fn change(&self, desk: &Desk) -> Result<(), MeasureError>;
    /// What is run in each phase.
    fn program(&self, desk: &Desk) -> Program;
}

/// A tool's project.
pub(crate) struct Desk {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Desk {
    fn new(stage: &Stage, account: &AccountId, folder: &Path) -> Self {
        let mut environment = stage.environment(account);
        let quiet = [
            ("CI", "1"),
            ("AWS_PAGER", ""),
            ("NODE_NO_WARNINGS", "1"),
            ("CDK_DISABLE_CLI_TELEMETRY", "true"),
            ("CDK_DEFAULT_ACCOUNT", account.as_str()),
        ];
        environment.extend(quiet.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Self { folder: folder.to_owned(), environment }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), MeasureError> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.map_err(|error| MeasureError::File(path, error))
    }

    fn program(&self, file: impl Into<PathBuf>, arguments: &[&str]) -> Program {
        Program {
            file: file.into(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment: self.environment.clone(),
            folder: self.folder.clone(),
        }
    }
}

/// Whoever could be had.
#[derive(Default)]
pub(crate) struct Peers {
    /// Tools that bring stacks to an account.
    pub(crate) tools: Vec<Box<dyn Peer>>,
    /// A Python that has PyYAML.
    pub(crate) python: Option<PathBuf>,
}

impl Peers {
    /// Installs every peer that can be had.
    pub(crate) fn installed() -> Self {
        let mut peers = Self::default();
        match python("sceptre", "sceptre==4.7.0") {
            Ok(bin) => {
                peers.tools.push(Box::new(Sceptre(bin.join("sceptre"))));
                peers.python = Some(bin.join("python"));
            }
            Err(error) => complain(&format!("sceptre and PyYAML are left out: {error}")),
        }
        match python("awscli", "awscli==1.45.11") {
            Ok(bin) => peers.tools.push(Box::new(AwsCli(bin.join("aws")))),
            Err(error) => complain(&format!("`aws cloudformation deploy` is left out: {error}")),
        }
        match node("cdk", &["aws-cdk@2.1148.1", "aws-cdk-lib@2.260.0", "constructs@10"]) {
            Ok(modules) => peers.tools.push(Box::new(Cdk(modules))),
            Err(error) => complain(&format!("cdk is left out: {error}")),
        }
        peers
    }
}

/// Processor seconds that PyYAML takes to parse these texts, with one of its loaders; reading them is not counted.
pub(crate) fn pyyaml(python: &Path, loader: &str, texts: &[String]) -> Result<f64, MeasureError> {
    const SCRIPT: &str = "\
import json, sys, time, yaml
loader, texts = getattr(yaml, sys.argv[1]), json.load(open(sys.argv[2]))
began = time.process_time()
for text in texts:
    yaml.load(text, Loader=loader)
print(time.process_time() - began)
";
    let name = || format!("PyYAML's {loader}");
    let scratch = tempfile::NamedTempFile::new().map_err(|error| MeasureError::Program(name(), error))?;
    let written = fs::write(scratch.path(), serde_json::json!(texts).to_string());
    written.map_err(|error| MeasureError::File(scratch.path().into(), error))?;
    let output = Command::new(python).args(["-c", SCRIPT, loader]).arg(scratch.path()).output();
    let output = output.map_err(|error| MeasureError::Program(name(), error))?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().map_err(|_| MeasureError::Failed(name(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Where peers are installed.
fn home(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/figures").join(name)
}

/// A Python package in an environment of its own; answers where its programs are.
fn python(name: &str, package: &str) -> Result<PathBuf, MeasureError> {
    let (folder, done) = (home(name), home(name).join(format!("installed-{package}")));
    if !done.exists() {
        complain(&format!("installing {package}"));
        install(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        install(Command::new(folder.join("bin/pip")).args(["install", "--quiet", package]))?;
        fs::write(&done, "").map_err(|error| MeasureError::File(done, error))?;
    }
    Ok(folder.join("bin"))
}

/// Node packages in a folder of their own; answers where they are.
fn node(name: &str, packages: &[&str]) -> Result<PathBuf, MeasureError> {
    let (folder, done) = (home(name), home(name).join(format!("installed-{}", packages[0])));
    if !done.exists() {
        complain(&format!("installing {}", packages.join(", ")));
        fs::create_dir_all(&folder).map_err(|error| MeasureError::File(folder.clone(), error))?;
        let mut npm = Command::new("npm");
        install(npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).args(packages))?;
        fs::write(&done, "").map_err(|error| MeasureError::File(done, error))?;
    }
    Ok(folder.join("node_modules"))
}

fn install(command: &mut Command) -> Result<(), MeasureError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| MeasureError::Program(name.clone(), error))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(MeasureError::Failed(name, String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// The name of a stack.
fn stack(number: usize) -> String {
    format!("s{number:03}")
}

/// sceptre: one configuration file a stack.
struct Sceptre(PathBuf);

impl Sceptre {
    fn config(number: usize, value: &str) -> (String, String) {
        let name = stack(number);
        let text = format!(
            "template: {{type: file, path: stack.yaml}}\nstack_name: {name}\nparameters: {{Name: {name}, Val: {value}}}\n"
        );
        (format!("config/app/{name}.yaml"), text)
    }
}

impl Peer for Sceptre {
    fn name(&self) -> &'static str {
        "sceptre"
    }

    fn prepare(&self, stage: &Stage, account: &AccountId, folder: &Path, stacks: usize) -> Result<Desk, MeasureError> {
        let desk = Desk::new(stage, account, folder);
        desk.write("templates/stack.yaml", TEMPLATE)?;
        desk.write("config/config.yaml", &format!("project_code: bench\nregion: {HOME}\n"))?;
        for number in 0..stacks {
            let (file, text) = Self::config(number, "v1");
            desk.write(&file, &text)?;
        }
        Ok(desk)
    }

    fn change(&self, desk: &Desk) -> Result<(), MeasureError> {
        let (file, text) = Self::config(7, "v2");
        desk.write(&file, &text)
    }

    fn program(&self, desk: &Desk) -> Program {
        desk.program(&self.0, &["launch", "-y", "app"])
    }
}

/// `aws cloudformation deploy`, once for each stack.
struct AwsCli(PathBuf);

impl Peer for AwsCli {
    fn name(&self) -> &'static str {
        "aws cloudformation deploy"
    }

    fn most(&self, stacks: usize) -> usize {
        stacks.min(20)
    }

    fn prepare(&self, stage: &Stage, account: &AccountId, folder: &Path, stacks: usize) -> Result<Desk, MeasureError> {
        let desk = Desk::new(stage, account, folder);
        desk.write("stack.yaml", TEMPLATE)?;
        let names: String = (0..stacks).map(|number| format!("{} v1\n", stack(number))).collect();
        desk.write("stacks", &names)?;
        let deploy = "cloudformation deploy --template-file stack.yaml --no-fail-on-empty-changeset";
        let line =
            format!("'{}' {deploy} --stack-name $name --parameter-overrides Name=$name Val=$value", self.0.display());
        desk.write("deploy", &format!("while read name value; do\n  {line} || exit 1\ndone < stacks\n"))?;
        Ok(desk)
    }

    fn change(&self, desk: &Desk) -> Result<(), MeasureError> {
        let path = desk.folder.join("stacks");
        let text = fs::read_to_string(&path).map_err(|error| MeasureError::File(path, error))?;
        desk.write("stacks", &text.replace("s007 v1", "s007 v2"))
    }

    fn program(&self, desk: &Desk) -> Program {
        desk.program("sh", &["deploy"])
    }
}

/// cdk: one application with all stacks; synthesis is part of the work.
struct Cdk(PathBuf);

/// The same two resources and the output, as an application. cdk writes the value into the template.
const APPLICATION: &str = "\
const cdk = require('aws-cdk-lib'), ssm = require('aws-cdk-lib/aws-ssm'), sns = require('aws-cdk-lib/aws-sns');
const app = new cdk.App({ analyticsReporting: false });
const env = { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.AWS_REGION };
for (const [name, value] of Object.entries(require('./values.json'))) {
  const stack = new cdk.Stack(app, name, { synthesizer: new cdk.BootstraplessSynthesizer(), env });
  new ssm.CfnParameter(stack, 'P', { name: `/bench/${name}`, type: 'String', value });
  const topic = new sns.CfnTopic(stack, 'T', { topicName: `bench-${name}` });
  new cdk.CfnOutput(stack, 'TopicArn', { value: topic.ref });
}
app.synth();
";

impl Peer for Cdk {
    fn name(&self) -> &'static str {
        "cdk"
    }

    fn prepare(&self, stage: &Stage, account: &AccountId, folder: &Path, stacks: usize) -> Result<Desk, MeasureError> {
        let mut desk = Desk::new(stage, account, folder);
        desk.environment.insert("NODE_PATH".into(), self.0.display().to_string());
        desk.write("cdk.json", r#"{"app": "node app.js", "versionReporting": false, "notices": false}"#)?;
        desk.write("app.js", APPLICATION)?;
        let values: BTreeMap<String, &str> = (0..stacks).map(|number| (stack(number), "v1")).collect();
        desk.write("values.json", &serde_json::json!(values).to_string())?;
        Ok(desk)
    }

    fn change(&self, desk: &Desk) -> Result<(), MeasureError> {
        let path = desk.folder.join("values.json");
        let text = fs::read_to_string(&path).map_err(|error| MeasureError::File(path, error))?;
        desk.write("values.json", &text.replace("\"s007\":\"v1\"", "\"s007\":\"v2\""))
    }

    fn program(&self, desk: &Desk) -> Program {
        let cdk = self.0.join(".bin/cdk");
        desk.program(cdk, &["deploy", "--all", "--require-approval", "never", "--concurrency", "10"])
    }
}
