//! What Security Hub gets, from a small one that says no as the real one is documented to.

use super::*;
use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use serde_json::json;

const ROUTE: &str = "    - {name: findings, to: {securityHub: {product: 'arn:aws:securityhub:eu-central-1:999999999999:product/999999999999/default'}}}\n";

/// A Security Hub.
#[derive(Clone, Default)]
struct Keeper {
    /// What it answers next, the last first; then it takes everything.
    answers: Arc<Mutex<Vec<(StatusCode, Value)>>>,
    /// Every call, as it came.
    calls: Arc<Mutex<Vec<Value>>>,
}

async fn import(State(keeper): State<Keeper>, headers: HeaderMap, body: Bytes) -> Response {
    let scope = headers[header::AUTHORIZATION].to_str().unwrap();
    assert!(
        scope.contains("/eu-central-1/securityhub/aws4_request, SignedHeaders=content-type;host;x-amz-date,"),
        "{scope}"
    );
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    let told: Value = serde_json::from_slice(&body).unwrap();
    let findings = told["Findings"].as_array().unwrap();
    assert!((1..=100).contains(&findings.len()), "{told}");
    for finding in findings {
        for name in
            ["AwsAccountId", "Id", "ProductArn", "GeneratorId", "CreatedAt", "UpdatedAt", "Title", "Description"]
        {
            assert!(finding[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {finding}");
        }
        assert_eq!(
            (&finding["SchemaVersion"], &finding["AwsAccountId"]),
            (&json!("2018-10-08"), &json!("999999999999"))
        );
    }
    keeper.calls.lock().unwrap().push(told.clone());
    let answer = { keeper.answers.lock().unwrap().pop() };
    let all = json!({"FailedCount": 0, "SuccessCount": findings.len(), "FailedFindings": []});
    let (status, answer) = answer.unwrap_or((StatusCode::OK, all));
    (status, answer.to_string()).into_response()
}

impl Keeper {
    async fn house<'s>(&self, spot: &'s Spot) -> House<'s> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/findings/import", post(import)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut house = House::of(spot, ROUTE).await;
        let keys = SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "secret", None, None, "a test"));
        house.sender.aws = Some(SdkConfig::builder().endpoint_url(endpoint).credentials_provider(keys).build());
        house
    }

    fn answers(&self, status: StatusCode, answer: Value) {
        self.answers.lock().unwrap().push((status, answer));
    }

    /// Of each call the findings: whose, and how they stand.
    fn told(&self) -> Vec<Vec<String>> {
        let words = |finding: &Value| {
            let of = |path: &str| finding.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            [of("/Id"), of("/RecordState"), of("/Compliance/Status")].join(" ")
        };
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|call| call["Findings"].as_array().unwrap().iter().map(words).collect()).collect()
    }
}

const BEGAN: &str = "holdfast/111111111111/state ACTIVE FAILED";
const OVER: &str = "holdfast/111111111111/state ARCHIVED PASSED";

#[test]
fn what_is_not_well_is_an_active_finding_until_it_is_over() {
    on_each(|spot| {
        block_on(async {
            let keeper = Keeper::default();
            let mut house = keeper.house(spot).await;
            house.says(10, "failed", "access is denied");
            house.look(20);
            house.turn(90).await;
            house.says(100, "in-sync", "");
            house.look(101);
            house.turn(170).await;
            assert_eq!((keeper.told(), house.waiting()), (vec![vec![BEGAN.to_owned()], vec![OVER.into()]], 0));
            let first = keeper.calls.lock().unwrap()[0]["Findings"][0].clone();
            assert_eq!(first["Description"], "access is denied");
            assert_eq!(first["Resources"][0]["Id"], "AWS::::Account:111111111111");
        })
    });
}

#[test]
fn what_security_hub_does_not_take_is_tried_again_and_then_given_up_and_said() {
    on_each(|spot| {
        block_on(async {
            let keeper = Keeper::default();
            let mut house = keeper.house(spot).await;
            let refused = json!({"FailedCount": 1, "SuccessCount": 0, "FailedFindings": [
                {"Id": "holdfast/111111111111/state", "ErrorCode": "InvalidInput", "ErrorMessage": "no such format"}]});
            keeper.answers(StatusCode::OK, refused);
            keeper.answers(
                StatusCode::UNAUTHORIZED,
                json!({"Code": "InvalidAccessException", "Message": "not subscribed to AWS Security Hub"}),
            );
            house.says(10, "failed", "access is denied");
            house.look(20);
            house.turn(90).await;
            let told = trouble(&house.teller.store, clock()).unwrap().unwrap();
            assert!(told.contains("InvalidAccessException: not subscribed"), "{told}");
            house.turn(91).await;
            assert_eq!(keeper.told().len(), 1, "it is left alone for a while");
            house.turn(100).await;
            let told = trouble(&house.teller.store, clock()).unwrap().unwrap();
            assert!(told.contains("InvalidInput: no such format"), "{told}");
            // Meanwhile it is over: that alone is told, and what began is done with it.
            house.says(101, "in-sync", "");
            house.look(102);
            house.turn(170).await;
            assert_eq!((keeper.told().pop(), house.waiting()), (Some(vec![OVER.to_owned()]), 0));
            // One that is refused again and again holds up nobody.
            for _ in 0..=TRIES {
                keeper.answers(StatusCode::BAD_REQUEST, json!({"Code": "InvalidInputException", "Message": "bad"}));
            }
            house.says(200, "failed", "again");
            house.look(201);
            for second in [270, 900, 1_800, 2_700] {
                house.turn(second).await;
            }
            assert_eq!((house.waiting(), keeper.answers.lock().unwrap().len()), (0, 0));
        })
    });
}
