//! What CloudFormation's drift-aware change sets leave out.

/// Types of which drift is detected and not put back: for these a drift-aware change set compares the template with the
/// last one, as any other does (CloudFormation User Guide, "Using drift-aware change sets", as of April 2026).
const NEVER_REVERTED: [&str; 27] = [
    "AWS::Bedrock::AgentAlias",
    "AWS::DataZone::PolicyGrant",
    "AWS::Detective::Graph",
    "AWS::IAM::OIDCProvider",
    "AWS::MSK::Cluster",
    "AWS::Maester::DocumentType",
    "AWS::MediaLive::Multiplexprogram",
    "AWS::Neptune::DBParameterGroup",
    "AWS::NetworkManager::CoreNetwork",
    "AWS::ODB::CloudVmCluster",
    "AWS::Organizations::ResourcePolicy",
    "AWS::Panorama::PackageVersion",
    "AWS::QBusiness::Index",
    "AWS::RDS::DBProxy",
    "AWS::Redshift::ClusterParameterGroup",
    "AWS::RolesAnywhere::TrustAnchor",
    "AWS::Route53::KeySigningKey",
    "AWS::Route53Resolver::FirewallRuleGroup",
    "AWS::S3::StorageLensGroup",
    "AWS::S3Express::BucketPolicy",
    "AWS::S3Tables::TableBucketPolicy",
    "AWS::SNS::TopicInlinePolicy",
    "AWS::SageMaker::ImageVersion",
    "AWS::SageMaker::MlflowTrackingServer",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::Transfer::Certificate",
    "AWS::VpcLattice::ResourceConfiguration",
];

/// Whether a drift-aware change set leaves out resources of this type.
pub fn is_never_reverted(kind: &str) -> bool {
    NEVER_REVERTED.contains(&kind)
}
