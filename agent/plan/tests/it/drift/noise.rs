//! What detection reports of resources that nobody has touched, and what only looks like it: a value that differs is never
//! noise.

use plan::drift::{
    noise::{KNOWN, Noise, known},
    seen::Difference,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn difference(how: &str, path: &str, expected: &str, actual: &str) -> Difference {
    Difference { path: path.into(), expected: expected.into(), actual: actual.into(), how: how.into() }
}

/// Which of what is known covers it.
fn covered(kind: &str, how: &str, path: &str, expected: &str, actual: &str) -> Option<usize> {
    let by: Option<&Noise> = known(kind, &difference(how, path, expected, actual));
    by.and_then(|by| KNOWN.iter().position(|noise| noise == by))
}

const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Which one; its type, place, how, asked and actual; and its neighbours that are no noise.
type Entry<'a> = (usize, [&'a str; 5], &'a [[&'a str; 5]]);

const TABLE: &[Entry<'_>] = &[
    (
        0,
        ["AWS::Lambda::Function", "/MemorySize", "NOT_EQUAL", "1024", "1024.0"],
        &[
            ["AWS::Lambda::Function", "/MemorySize", "NOT_EQUAL", "1024", "1025"],
            ["AWS::Lambda::Function", "/MemorySize", "ADD", "1024", "1024.0"],
            ["AWS::Lambda::Function", "/MemorySize", "REMOVE", "1024", "1024.0"],
            ["AWS::Lambda::Function", "/MemorySize", "", "1024", "1024.0"],
        ],
    ),
    (
        1,
        ["AWS::EC2::Instance", "/Tags/3", "ADD", "null", r#"{"Key":"aws:autoscaling:groupName","Value":"x"}"#],
        &[
            ["AWS::EC2::Instance", "/Tags/3", "ADD", "null", r#"{"Key":"team","Value":"aws:x"}"#],
            ["AWS::EC2::Instance", "/Tags/3", "ADD", "null", r#"{"Key":"xaws:y","Value":"x"}"#],
            ["AWS::EC2::Instance", "/Tags/3", "ADD", "null", r#"{"Key":"aws-x","Value":"x"}"#],
            ["AWS::EC2::Instance", "/Tags/3", "ADD", "null", r#"{"Key":"AWS:x","Value":"x"}"#],
            ["AWS::EC2::Instance", "/Tags/3", "ADD", "null", "aws:x"],
            ["AWS::EC2::Instance", "/Tags/3", "ADD", "null", r#"[{"Key":"aws:x"}]"#],
            ["AWS::EC2::Instance", "/Tags/3", "NOT_EQUAL", "null", r#"{"Key":"aws:x","Value":"x"}"#],
            ["AWS::EC2::Instance", "/Tags/3", "REMOVE", "null", r#"{"Key":"aws:x","Value":"x"}"#],
            ["AWS::EC2::Instance", "/Tags", "ADD", "null", r#"{"Key":"aws:x","Value":"x"}"#],
            ["AWS::EC2::Instance", "/Other/3", "ADD", "null", r#"{"Key":"aws:x","Value":"x"}"#],
        ],
    ),
    (
        2,
        ["AWS::RDS::DBInstance", "/KmsKeyId", "NOT_EQUAL", KEY, ARN],
        &[
            ["AWS::RDS::DBInstance", "/KmsKeyId", "NOT_EQUAL", "234abcd-12ab-34cd-56ef-1234567890ab", ARN],
            ["AWS::RDS::DBInstance", "/KmsKeyId", "NOT_EQUAL", "1234567890ab", ARN],
            ["AWS::RDS::DBInstance", "/KmsKeyId", "NOT_EQUAL", "", ARN],
            ["AWS::RDS::DBInstance", "/KmsKeyId", "NOT_EQUAL", KEY, "1234abcd-12ab-34cd-56ef-1234567890ac"],
            ["AWS::RDS::DBInstance", "/KmsKeyId", "REMOVE", KEY, ARN],
            ["AWS::RDS::DBInstance", "/OtherKeyId", "NOT_EQUAL", KEY, ARN],
            // An alias of the same name in somebody else's account is another key.
            [
                "AWS::RDS::DBInstance",
                "/KmsKeyId",
                "NOT_EQUAL",
                "alias/app",
                "arn:aws:kms:eu-central-1:999988887777:alias/app",
            ],
            ["AWS::RDS::DBInstance", "/KmsKeyId", "NOT_EQUAL", "key/1", "arn:aws:kms:eu-central-1:999988887777:key/1"],
        ],
    ),
    (
        3,
        ["AWS::SecretsManager::Secret", "/KMSKeyId", "NOT_EQUAL", ARN, KEY],
        &[["AWS::SecretsManager::Secret", "/KMSKeyId", "NOT_EQUAL", ARN, "other"]],
    ),
    (
        4,
        ["AWS::ECS::Service", "/PlacementConstraints", "REMOVE", "[]", "null"],
        &[
            ["AWS::ECS::Service", "/PlacementConstraints", "REMOVE", r#"[{"Type":"distinctInstance"}]"#, "null"],
            ["AWS::ECS::Service", "/PlacementConstraints", "NOT_EQUAL", "[]", r#"[{"Type":"x"}]"#],
            ["AWS::ECS::TaskSet", "/PlacementConstraints", "REMOVE", "[]", "null"],
            ["AWS::ECS::Service", "/PlacementStrategies", "REMOVE", "[]", "null"],
        ],
    ),
    (
        5,
        ["AWS::ApiGatewayV2::DomainName", "/DomainName", "REMOVE", "a.example", "null"],
        &[
            ["AWS::ApiGatewayV2::DomainName", "/DomainName", "NOT_EQUAL", "a.example", "b.example"],
            ["AWS::ApiGateway::DomainName", "/DomainName", "REMOVE", "a.example", "null"],
            ["AWS::ApiGatewayV2::DomainName", "/DomainNameConfigurations", "REMOVE", "[]", "null"],
        ],
    ),
    (
        6,
        ["AWS::SSM::Association", "/WaitForSuccessTimeoutSeconds", "REMOVE", "60", "null"],
        &[
            ["AWS::SSM::Association", "/WaitForSuccessTimeoutSeconds", "NOT_EQUAL", "60", "61"],
            ["AWS::SSM::Association", "/Targets", "REMOVE", "60", "null"],
        ],
    ),
    (
        7,
        ["AWS::EC2::SecurityGroupIngress", "/SourceSecurityGroupName", "REMOVE", "web", "null"],
        &[
            ["AWS::EC2::SecurityGroupIngress", "/SourceSecurityGroupId", "REMOVE", "sg-1", "null"],
            ["AWS::EC2::SecurityGroup", "/SourceSecurityGroupName", "REMOVE", "web", "null"],
        ],
    ),
    (
        8,
        ["AWS::EC2::KeyPair", "/Tags/0", "REMOVE", r#"{"Key":"team","Value":"blue"}"#, "null"],
        &[
            ["AWS::EC2::KeyPair", "/Tags/0", "NOT_EQUAL", "blue", "red"],
            ["AWS::EC2::KeyPair", "/Tags/0", "ADD", "null", r#"{"Key":"team","Value":"red"}"#],
            ["AWS::EC2::Instance", "/Tags/0", "REMOVE", "blue", "null"],
            ["AWS::EC2::KeyPair", "/TagsAll", "REMOVE", "blue", "null"],
        ],
    ),
];

#[test]
fn each_covers_its_own_and_not_its_neighbours() {
    for (entry, [kind, path, how, asked, actual], neighbours) in TABLE {
        assert_eq!(covered(kind, how, path, asked, actual), Some(*entry), "{kind} {path}");
        for [kind, path, how, asked, actual] in *neighbours {
            assert_eq!(covered(kind, how, path, asked, actual), None, "{kind} {path} {how} {asked} {actual}");
        }
    }
    let all: BTreeSet<usize> = TABLE.iter().map(|(entry, ..)| *entry).collect();
    assert_eq!(all, (0..KNOWN.len()).collect(), "each has its case");
}

/// Whether one is taken for the other, both ways.
#[track_caller]
fn same(one: &str, other: &str) -> bool {
    let is = |one: &str, other: &str| covered("AWS::X::Y", "NOT_EQUAL", "/P", one, other).is_some();
    assert_eq!(is(one, other), is(other, one), "{one} {other}");
    is(one, other)
}

#[test]
fn the_same_value_written_in_two_ways_is_noise() {
    for (one, other) in [
        ("1024", "1024.0"),
        ("0", "-0.0"),
        ("10000000", "1.0E7"),
        ("0.00001", "1.0E-5"),
        ("9007199254740993", "9007199254740993.0"),
        ("true", "True"),
        ("FALSE", "false"),
        (r#"{"a":1,"b":[1,2]}"#, r#" { "b" : [ 1, 2 ], "a" : 1 } "#),
        (r#"{"a":"\"{}"}"#, "{\"a\":\n\"\\\"{}\"}"),
        ("[]", "[ ]"),
    ] {
        assert!(same(one, other), "{one} {other}");
    }
}

#[test]
fn a_value_that_differs_is_never_noise() {
    for (one, other) in [
        ("1024", "1025"),
        ("1024", "-1024"),
        ("1", "10"),
        ("1.5", "15"),
        // Beyond what a float tells apart, and what an integer holds.
        ("9007199254740993", "9007199254740992"),
        ("9007199254740993.0", "9007199254740992"),
        ("18446744073709551615", "18446744073709551614"),
        ("99999999999999999999", "99999999999999999998"),
        ("1e999", "1e998"),
        (r#"{"a":99999999999999999999}"#, r#"{"a":99999999999999999998}"#),
        // Versions are no numbers.
        ("1.10", "1.1"),
        ("13.10", "13.1"),
        ("1.0", "1.00"),
        ("007", "7"),
        ("+1", "1"),
        ("1.", "1"),
        (".5", "0.5"),
        ("true", "1"),
        ("true", "false"),
        ("true", "yes"),
        ("\"true\"", "true"),
        ("blue", "BLUE"),
        ("blue", "blue "),
        ("", "null"),
        ("null", "[]"),
        ("[]", "{}"),
        (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
        (r#"{"Action":["a","b"]}"#, r#"{"Action":["b","a"]}"#),
        (r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
        (r#"{"a":1}"#, r#"{"a":"1"}"#),
        (r#"{"a":"x"}"#, r#"{"a":"X"}"#),
        (r#"{"a":"x y"}"#, r#"{"a":"xy"}"#),
        // Which of two a reader takes is its own choice.
        (r#"{"Effect":"Deny"}"#, r#"{"Effect":"Allow","Effect":"Deny"}"#),
        ("1024 MB", "1 GB"),
    ] {
        assert!(!same(one, other), "{one} {other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_whole_numbers_are_the_same_only_when_they_are(one in any::<i128>(), by in -3..3_i128) {
        let other = one.saturating_add(by);
        prop_assert_eq!(same(&one.to_string(), &format!("{other}.0")), one == other);
    }

    #[test]
    fn no_two_values_make_it_panic(one in "[-+0-9.eE\"{}:,a\\\\]{0,12}", other in ".{0,12}") {
        same(&one, &other);
    }
}
