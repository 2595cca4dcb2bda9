//! One account's live resources: what is really there, whoever made it.
//!
//! A parameter made by a stack *is* the parameter that SSM reads; what a person changes here is what drift detection
//! finds. Not here: which properties a type has ([`crate::types`]), and what a stack believes ([`crate::cfn`]).

use jiff::Timestamp;
use manifests::id::Region;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

/// A resource's properties or attributes, by name.
pub type Properties = Map<String, Value>;

/// Where a resource is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// Its region. IAM's resources and S3's buckets have the one they were made from.
    pub region: Region,
    /// `AWS::SSM::Parameter`, …
    pub kind: String,
    /// Its physical id: what `Ref` gives.
    pub id: String,
}

impl Key {
    /// A key from its parts.
    pub fn new(region: &Region, kind: &str, id: &str) -> Self {
        Self { region: region.clone(), kind: kind.to_owned(), id: id.to_owned() }
    }
}

/// Whose a resource is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The stack's ARN.
    pub stack: String,
    /// The resource's name in the template.
    pub logical: String,
}

/// What can be done to a resource, and can therefore fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Making it.
    Create,
    /// Changing it in place.
    Update,
    /// Removing it.
    Delete,
    /// Reading it, for drift detection.
    Read,
}

/// A planted failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Break {
    /// What fails.
    pub work: Work,
    /// The reason that CloudFormation shows.
    pub reason: String,
    /// How often the work goes well before it fails.
    #[serde(default)]
    pub after: u32,
    /// How often it fails; absent means until mended.
    #[serde(default)]
    pub times: Option<u32>,
}

impl Break {
    /// The reason, if this piece of work is to fail now. Counts.
    fn strike(&mut self, work: Work) -> Option<String> {
        if self.work != work {
            return None;
        }
        if self.after > 0 {
            self.after -= 1;
            return None;
        }
        match &mut self.times {
            None => {}
            Some(0) => return None,
            Some(times) => *times -= 1,
        }
        Some(self.reason.clone())
    }
}

/// Asks a list of planted failures about one piece of work.
pub fn strike(breaks: &mut [Break], work: Work) -> Option<String> {
    breaks.iter_mut().find_map(|planted| planted.strike(work))
}

/// One live resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resource {
    /// What it was given, under CloudFormation's names; tags are the list `Tags`.
    pub properties: Properties,
    /// What it gives: `Arn`, … under the names of `Fn::GetAtt`.
    pub attributes: Properties,
    /// The stack that it belongs to, if it belongs to one.
    pub owner: Option<Owner>,
    /// 1 when it was made, one more with each change.
    pub version: u64,
    /// How often CloudFormation changed it since it made it; the resource that takes its place counts on.
    pub touched: u64,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub modified: Timestamp,
    /// Failures to come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<Break>,
    /// Earlier versions of an SSM parameter that was put: number and value, oldest first.
    #[serde(skip)]
    pub past: VecDeque<(u64, String)>,
}

impl Resource {
    /// A new resource that nobody owns.
    pub fn new(properties: Properties, now: Timestamp) -> Self {
        Self {
            properties,
            attributes: Map::new(),
            owner: None,
            version: 1,
            touched: 0,
            created: now,
            modified: now,
            breaks: vec![],
            past: VecDeque::new(),
        }
    }

    /// A property that is a text.
    pub fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property).and_then(Value::as_str)
    }

    /// Sets a property, or takes it away; either is a new version.
    pub fn set(&mut self, property: &str, value: Option<Value>, now: Timestamp) {
        match value {
            Some(value) => self.properties.insert(property.to_owned(), value),
            None => self.properties.remove(property),
        };
        self.version += 1;
        self.modified = now;
    }
}

/// An object in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub body: Vec<u8>,
    /// When it was put.
    pub modified: Timestamp,
    /// The SHA-256 checksum that it was put with, if it was.
    pub sha256: Option<String>,
}

/// Everything that one account holds.
#[derive(Debug, Clone, Default)]
pub struct Store {
    resources: BTreeMap<Key, Resource>,
    /// Bucket, key.
    objects: BTreeMap<(String, String), Object>,
}

impl Store {
    /// A resource.
    pub fn get(&self, key: &Key) -> Option<&Resource> {
        self.resources.get(key)
    }

    /// A resource, to be changed. Use [`Resource::set`], which counts versions.
    pub fn get_mut(&mut self, key: &Key) -> Option<&mut Resource> {
        self.resources.get_mut(key)
    }

    /// Puts a resource there, in the place of one of the same key.
    pub fn insert(&mut self, key: Key, resource: Resource) -> Option<Resource> {
        self.resources.insert(key, resource)
    }

    /// Takes a resource away. A bucket's objects go with it.
    pub fn remove(&mut self, key: &Key) -> Option<Resource> {
        let gone = self.resources.remove(key)?;
        if key.kind == "AWS::S3::Bucket" {
            self.objects.retain(|(bucket, _), _| *bucket != key.id);
        }
        Some(gone)
    }

    /// Everything, by region, type and id.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Resource)> {
        self.resources.iter()
    }

    /// Every resource of a type in a region, by id.
    pub fn of_kind<'a>(&'a self, region: &Region, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Resource)> {
        let from = Key::new(region, kind, "");
        let region = region.clone();
        let same = move |key: &Key| key.kind == kind && key.region == region;
        self.resources.range(from..).take_while(move |(key, _)| same(key)).map(|(key, r)| (key.id.as_str(), r))
    }

    /// A resource of a type whose names are the account's, in whatever region it was made (IAM, S3).
    pub fn anywhere(&self, kind: &str, id: &str) -> Option<(&Key, &Resource)> {
        self.resources.iter().find(|(key, _)| key.kind == kind && key.id == id)
    }

    /// A bucket by name, and the region that it lives in.
    pub fn bucket(&self, name: &str) -> Option<(&Key, &Resource)> {
        self.anywhere("AWS::S3::Bucket", name)
    }

    /// An object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<&Object> {
        self.objects.get(&(bucket.to_owned(), key.to_owned()))
    }

    /// Puts an object, in the place of one of the same key. Whether the bucket exists is the caller's question.
    pub fn put_object(&mut self, bucket: &str, key: &str, object: Object) {
        self.objects.insert((bucket.to_owned(), key.to_owned()), object);
    }

    /// Takes an object away.
    pub fn remove_object(&mut self, bucket: &str, key: &str) -> Option<Object> {
        self.objects.remove(&(bucket.to_owned(), key.to_owned()))
    }

    /// A bucket's objects, by key.
    pub fn objects<'a>(&'a self, bucket: &'a str) -> impl Iterator<Item = (&'a str, &'a Object)> {
        let from = (bucket.to_owned(), String::new());
        self.objects.range(from..).take_while(move |((b, _), _)| b == bucket).map(|((_, key), o)| (key.as_str(), o))
    }
}
