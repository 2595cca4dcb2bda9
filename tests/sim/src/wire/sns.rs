//! SNS's query protocol.

use super::{params::Params, xml::Xml};
use crate::{
    fault::Refusal,
    services::{
        Place,
        message::{Attribute, Attributes},
        post::Post,
        sns::{self, Publication, Subscription},
        unknown,
    },
    world::World,
};
use std::collections::BTreeMap;

/// The namespace of every answer.
pub(crate) const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// Does one action and writes what stands inside its `<…Result>`.
pub(crate) fn call(
    world: &mut World,
    post: &mut Post,
    at: &Place<'_>,
    (action, params): (&str, &Params),
    x: &mut Xml,
) -> Result<(), Refusal> {
    match action {
        "Publish" => {
            let topic = params.get("TopicArn").or_else(|| params.get("TargetArn")).unwrap_or_default();
            x.text("MessageId", sns::publish(world, post, at, topic, &publication(params))?);
        }
        "PublishBatch" => {
            let batch: Vec<_> = params.members("PublishBatchRequestEntries").iter().map(publication).collect();
            let results = sns::publish_batch(world, post, at, &required(params, "TopicArn")?, &batch)?;
            batch_results(x, &results);
        }
        "CreateTopic" => {
            let tags = pairs(&params.members("Tags"), "Key", "Value");
            x.text("TopicArn", sns::create_topic(world, at, &required(params, "Name")?, &attributes(params), &tags)?);
        }
        "DeleteTopic" => sns::delete_topic(world, at, &required(params, "TopicArn")?)?,
        "Subscribe" => {
            let endpoint = (&*required(params, "Protocol")?, &*required(params, "Endpoint")?);
            let topic = required(params, "TopicArn")?;
            x.text("SubscriptionArn", sns::subscribe(world, at, &topic, endpoint, &attributes(params))?);
        }
        "Unsubscribe" => sns::unsubscribe(world, at, &required(params, "SubscriptionArn")?),
        other => attributes_and_listings(world, at, other, params, x)?,
    }
    Ok(())
}

fn attributes_and_listings(
    world: &mut World,
    at: &Place<'_>,
    action: &str,
    params: &Params,
    x: &mut Xml,
) -> Result<(), Refusal> {
    let token = params.get("NextToken");
    match action {
        "ListTopics" => {
            let (topics, next) = sns::list_topics(world, at, token);
            x.members("Topics", topics, |x, arn| x.text("TopicArn", arn));
            x.maybe("NextToken", next);
        }
        "ListSubscriptions" => listing(x, sns::list_subscriptions(world, at, token)),
        "ListSubscriptionsByTopic" => {
            listing(x, sns::list_subscriptions_by_topic(world, at, &required(params, "TopicArn")?, token)?);
        }
        "GetTopicAttributes" => entries(x, &sns::topic_attributes(world, at, &required(params, "TopicArn")?)?),
        "SetTopicAttributes" => {
            let (arn, name) = (required(params, "TopicArn")?, required(params, "AttributeName")?);
            sns::set_topic_attribute(world, at, &arn, &name, params.get("AttributeValue").unwrap_or_default())?;
        }
        "GetSubscriptionAttributes" => {
            entries(x, &sns::subscription_attributes(world, at, &required(params, "SubscriptionArn")?)?);
        }
        "SetSubscriptionAttributes" => {
            let (arn, name) = (required(params, "SubscriptionArn")?, required(params, "AttributeName")?);
            sns::set_subscription_attribute(world, at, &arn, &name, params.get("AttributeValue").unwrap_or_default())?;
        }
        other => return Err(unknown(other)),
    }
    Ok(())
}

fn required(params: &Params, name: &str) -> Result<String, Refusal> {
    let missing = || Refusal::new("InvalidParameter", 400, format!("Invalid parameter: {name}"));
    params.text(name).filter(|value| !value.is_empty()).ok_or_else(missing)
}

fn pairs(list: &[Params], key: &str, value: &str) -> BTreeMap<String, String> {
    list.iter().filter_map(|entry| Some((entry.text(key)?, entry.text(value).unwrap_or_default()))).collect()
}

fn attributes(params: &Params) -> sns::Attributes {
    pairs(&params.entries("Attributes", "entry"), "key", "value")
}

fn publication(params: &Params) -> Publication {
    let attribute = |entry: &Params| {
        let value = entry.below("Value");
        let attribute = Attribute {
            data_type: value.text("DataType").unwrap_or_default(),
            string_value: value.text("StringValue"),
            binary_value: value.text("BinaryValue"),
        };
        Some((entry.text("Name")?, attribute))
    };
    Publication {
        id: params.text("Id").unwrap_or_default(),
        message: params.text("Message").unwrap_or_default(),
        subject: params.text("Subject"),
        structure: params.text("MessageStructure"),
        attributes: params.entries("MessageAttributes", "entry").iter().filter_map(attribute).collect::<Attributes>(),
    }
}

fn batch_results(x: &mut Xml, results: &sns::Fates) {
    let done = results.iter().filter_map(|(id, result)| Some((id, result.as_ref().ok()?)));
    let failed = results.iter().filter_map(|(id, result)| Some((id, result.as_ref().err()?)));
    x.members("Successful", done, |x, (id, message)| {
        x.text("Id", id);
        x.text("MessageId", message);
    });
    x.members("Failed", failed, |x, (id, refusal)| {
        x.text("Id", id);
        x.text("Code", refusal.code);
        x.text("Message", &refusal.message);
        x.text("SenderFault", refusal.status < 500);
    });
}

fn listing(x: &mut Xml, (list, next): (Vec<Subscription>, Option<String>)) {
    x.members("Subscriptions", list, |x, s| {
        x.text("SubscriptionArn", s.arn);
        x.text("Owner", s.owner);
        x.text("Protocol", s.protocol);
        x.text("Endpoint", s.endpoint);
        x.text("TopicArn", s.topic);
    });
    x.maybe("NextToken", next);
}

fn entries(x: &mut Xml, attributes: &sns::Attributes) {
    x.element("Attributes", |x| {
        for (name, value) in attributes {
            x.element("entry", |x| {
                x.text("key", name);
                x.text("value", value);
            });
        }
    });
}
