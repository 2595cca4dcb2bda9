//! Alarms, as the unmodified SDK asks for them: CBOR in both directions.

use crate::stage::{DEV, REGION, account, server};
use aws_sdk_cloudwatch::{
    Client,
    error::ProvideErrorMetadata,
    types::{AlarmType, StateValue},
};
use sim::{
    fault::{Fault, Rule},
    store::Key,
    wire::Server,
};

fn alarm(server: &Server, kind: &str, name: &str, state: Option<&str>) {
    let (world, account) = (server.world(), DEV.parse().unwrap());
    let mut world = world.lock().unwrap();
    let key = Key::new(&REGION.parse().unwrap(), &format!("AWS::CloudWatch::{kind}"), name);
    world.place_resource(&account, key.clone(), Default::default());
    if let Some(state) = state {
        world.set_attribute(&account, &key, "StateValue", state.into()).unwrap();
    }
}

#[tokio::test]
async fn alarms_are_told_by_name_and_composite_ones_only_to_who_asks_for_them() {
    let server = server();
    alarm(&server, "Alarm", "new", None);
    alarm(&server, "Alarm", "good", Some("OK"));
    alarm(&server, "CompositeAlarm", "all", Some("ALARM"));
    let client = Client::new(&account(&server, DEV).await);
    let metric = client.describe_alarms().send().await.unwrap();
    let told: Vec<_> =
        metric.metric_alarms().iter().map(|it| (it.alarm_name().unwrap(), it.state_value().unwrap())).collect();
    assert_eq!(told, [("good", &StateValue::Ok), ("new", &StateValue::InsufficientData)]);
    assert_eq!(metric.metric_alarms()[0].alarm_arn(), Some("arn:aws:cloudwatch:eu-central-1:111111111111:alarm:good"));
    assert_eq!(metric.composite_alarms(), []);
    let named = client.describe_alarms().alarm_names("all").alarm_names("nobody");
    let both = named.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm).send().await.unwrap();
    assert_eq!((both.metric_alarms().len(), both.composite_alarms().len()), (0, 1));
    assert_eq!(both.composite_alarms()[0].state_value(), Some(&StateValue::Alarm));
}

#[tokio::test]
async fn a_refusal_has_a_code_and_a_message_in_cbor_too() {
    let server = server();
    let rule = |fault| Rule {
        action: "cloudwatch:*".into(),
        account: None,
        after: 0,
        count: Some(1),
        probability: None,
        fault,
    };
    let client = Client::new(&account(&server, DEV).await);
    server.world().lock().unwrap().faults.add(rule(Fault::Denied));
    let denied = client.describe_alarms().send().await.unwrap_err();
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    assert!(denied.message().unwrap().contains("cloudwatch:DescribeAlarms"));
    server.world().lock().unwrap().faults.add(rule(Fault::Throttle));
    client.describe_alarms().send().await.expect("a throttled call is tried again");
    let many = (0..101).map(|number| number.to_string()).collect();
    let refused = client.describe_alarms().set_alarm_names(Some(many)).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
}
